"""What vendors may send though their samples do not show it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.vendors.twin import TwinCallSessions
from tests.support.in_process import NOON, Clock, made_world, run_tap, truth
from tests.support.sandbox.asking import made_world as asked_world
from tests.support.sandbox.asking import read


def test_an_answered_call_whose_script_did_not_end_is_finished() -> None:
    endpoint = TwinCallSessions({})
    over = [
        record
        for record in read(asked_world("twin"), ("limit", 300))
        if record["status"] == "ANSWERED" and not record["isFinished"]
    ]
    assert len(over) > 20
    assert not any(map(endpoint.is_unfinished, over))


def test_twins_statuses_are_those_of_its_pages() -> None:
    found = {record["status"] for record in read(asked_world("twin", 1000), ("limit", 1000))}
    assert {"ANSWERED", "NOANSWER", "REJECTED", "EXPIRED", "CONGESTION", "FZ230"} <= found


def rows(vendor: str) -> list[dict[str, Any]]:
    calls = make_calls(vendor, 1, 100, NOON - timedelta(hours=12), days=9)
    world = made_world(vendor, calls, Clock(NOON), None)  # type: ignore[arg-type]
    run = run_tap(world, began=NOON)
    assert run.table() == truth(world)
    return run.records()


def test_twins_zones_are_names_or_seconds_and_loaded_as_text() -> None:
    assert {row["timezone"] for row in rows("twin")} == {"Europe/Moscow", "10800"}


def test_utels_lists_and_addresses_may_be_null() -> None:
    loaded = rows("utel")
    assert {type(row["integration"]) for row in loaded} == {list, type(None)}
    assert {type(row["recorded_file_url"]) for row in loaded} == {str, type(None)}
    assert {row["_extra"] for row in loaded} == {None}
