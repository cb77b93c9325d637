"""eTelecom as its backend was seen: records imported after the call, two for an internal one."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pytest

from tests.support.sandbox.asking import NOW, a_call, made_world, read

NO_DATE = "0001-01-01T00:00:00Z"
ZERO = timedelta(0)


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return read(made_world("etelecom", 1000), body={"paging": {"limit": 1000}})


def at(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def test_most_calls_are_inserted_within_minutes_of_their_end(records: list[dict[str, Any]]) -> None:
    late = [record for record in records if record["created_at"] > record["ended_at"] != NO_DATE]
    assert len(late) > 0.6 * len(records)
    for record in late:
        assert ZERO < at(record["created_at"]) - at(record["ended_at"]) < timedelta(minutes=6)
        assert record["updated_at"] >= record["created_at"]


def test_the_others_are_inserted_as_they_begin_and_end_with_the_import() -> None:
    call = a_call(
        "etelecom",
        7,
        imported_at=NOW + timedelta(minutes=2),
        ended_at=NOW - timedelta(minutes=1),
        recording_ready_at=NOW - timedelta(seconds=30),
    )
    world = made_world("etelecom", 1)
    world.add(call)
    (before,) = (each for each in read(world) if each["id"].endswith("007"))
    world.clock = lambda: NOW + timedelta(minutes=2)
    (after,) = (each for each in read(world) if each["id"].endswith("007"))
    assert before["created_at"] == before["started_at"] == after["created_at"]
    assert (before["ended_at"], before["call_state"], before["call_status"]) == (
        *(NO_DATE, "unknown", "Z"),
    )
    assert before["recording_urls"] == []
    assert (after["call_state"], after["call_status"], after["duration"]) == ("answered", "P", 3535)
    assert after["recording_urls"] != []
    assert at(after["updated_at"]) == NOW + timedelta(minutes=2)


def test_an_internal_call_has_a_record_for_each_end(records: list[dict[str, Any]]) -> None:
    internal = [record for record in records if record["direction"].startswith("ext")]
    internal.sort(key=lambda record: (record["external_id"], record["direction"]))
    pairs = [list(pair) for _, pair in groupby(internal, lambda record: record["external_id"])]
    whole = [pair for pair in pairs if len(pair) == 2]
    assert len(whole) > 100
    assert len(pairs) - len(whole) <= 1, "the list may begin between the two ends of a call"
    for called, calling in whole:
        assert (called["direction"], calling["direction"]) == ("ext_in", "ext_out")
        session = called["external_session_id"]
        assert calling["external_session_id"] == f"{session}-out"
        assert called["extension_id"].endswith(called["callee"])
        assert calling["extension_id"].endswith(calling["caller"])
        for same in ("caller", "callee", "started_at", "ended_at", "duration", "call_state"):
            assert called[same] == calling[same]


def test_a_call_that_nobody_answered_is_ns(records: list[dict[str, Any]]) -> None:
    letters = {(record["call_state"], record["call_status"]) for record in records}
    assert letters == {("answered", "P"), ("not_answered", "NS"), ("unknown", "Z")}


def test_a_filter_by_state_knows_no_more_than_the_record() -> None:
    world = made_world("etelecom", 1000)
    for state in ("answered", "not_answered", "unknown"):
        body = {"filter": {"call_state": state}, "paging": {"limit": 1000}}
        found = read(world, body=body)
        assert found
        assert {record["call_state"] for record in found} == {state}
