"""The tap in this process: what a run comes to, in the user's words."""

from __future__ import annotations

import io
import json
import logging
import signal
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_callhistory.errors import CallHistoryError, StateError, VendorRefusal
from tap_callhistory.tap import StreamsFailed, TapCallHistory, Terminated
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from .conftest import Served


def messages_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def obituary(failure: CallHistoryError, bookmark: str | None = None) -> str:
    config = {"start_date": "2026-01-01T00:00:00Z", "kavenegar": {"api_token": "fake-token"}}
    tap = TapCallHistory(config=config)
    stream: Any = tap.streams["kavenegar_calls"]
    stream.failure = failure
    if bookmark:
        stream.stream_state["replication_key_value"] = bookmark
    return tap._obituary(stream)


def test_a_failed_stream_is_told_with_what_to_where_and_what_to_do() -> None:
    refusal = VendorRefusal("kavenegar_calls: no entry", advice="Check kavenegar.api_token.")
    assert obituary(refusal, "2026-01-02T00:00:00.000000Z") == (
        "kavenegar_calls failed: no entry. Check kavenegar.api_token. It is loaded up to "
        "2026-01-02T00:00:00.000000Z; the next run goes on from there."
    )


def test_nothing_is_told_twice() -> None:
    refusal = VendorRefusal("no entry. Check x.y.", advice="Check x.y.")
    assert obituary(refusal) == (
        "kavenegar_calls failed: no entry. Check x.y. Nothing of it is bookmarked; the next run "
        "begins at start_date again."
    )


def test_a_bookmark_that_cannot_be_trusted_is_not_told() -> None:
    assert obituary(StateError("nonsense"), "2099-01-01T00:00:00Z") == (
        "kavenegar_calls failed: nonsense."
    )


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": []},
        {"bookmarks": {"kavenegar_calls": "2026"}},
        {"value": {}},
        {"bookmarks": {}, "currently_syncing": "x"},
    ],
)
def test_what_is_no_state_of_ours_is_not_taken_for_an_empty_one(state: dict[str, Any]) -> None:
    config = {"start_date": "2026-01-01T00:00:00Z", "kavenegar": {"api_token": "fake-token"}}
    with pytest.raises(StateError, match="not a Singer state"):
        TapCallHistory(config=config, state=state)


def test_all_faults_of_the_settings_are_found_at_once() -> None:
    config = {
        "start_date": "never",
        "utel": {"api_url": "https://api.example", "token": "fake-token"},
        "stream_maps": 5,
        "flattening_enabled": "perhaps",
    }
    with pytest.raises(ConfigValidationError) as raised:
        TapCallHistory(config=config)
    names = [fault.split()[0] for fault in raised.value.errors]
    assert names == ["start_date", "stream_maps", "flattening_enabled"]


def test_a_catalog_selects_but_cannot_change_what_a_call_is_known_and_read_by(
    served: Served,
) -> None:
    catalog: dict[str, Any] = TapCallHistory(config=served.config("utel")).catalog_dict
    catalog["streams"][0] |= {"key_properties": ["src"], "replication_key": "duration"}
    tap = TapCallHistory(config=served.config("utel"), catalog=catalog)
    stream = tap.streams["utel_call_history"]
    assert tuple(stream.primary_keys or ()) == ("id",)
    assert stream.replication_key == "date_time"


def test_a_dry_run_writes_so_many_records_of_each_stream_and_no_bookmark(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    TapCallHistory(config=served.config()).run_sync_dry_run(3)
    messages = messages_of(capsys)
    streams = [each["stream"] for each in messages if each["type"] == "RECORD"]
    assert streams == sorted([each.name for each in VENDORS] * 3)
    assert [each for each in messages if each["type"] == "STATE"] == []


def test_a_dry_run_fails_at_its_end_if_a_stream_has_failed(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    config = served.config("etelecom", "utel", max_retries=0)
    config["etelecom"]["api_key"] = "wrong-token"
    with pytest.raises(StreamsFailed) as raised:
        TapCallHistory(config=config).run_sync_dry_run(1)
    assert len(raised.value.lines) == 1
    records = [each for each in messages_of(capsys) if each["type"] == "RECORD"]
    assert [each["stream"] for each in records] == ["utel_call_history"]


def test_a_run_that_was_stopped_before_it_began_reads_and_bookmarks_nothing(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    tap = TapCallHistory(config=served.config())
    tap._handle_termination(signal.SIGTERM, None)
    with pytest.raises(Terminated) as raised:
        tap.sync_all()
    assert raised.value.signum == signal.SIGTERM
    messages = messages_of(capsys)
    assert {each["type"] for each in messages} <= {"STATE"}
    for message in messages:
        assert not any(message["value"]["bookmarks"].values())


def test_the_settings_that_were_given_are_left_as_they_were(served: Served) -> None:
    config = served.config("utel", flattening_enabled="false")
    before = json.dumps(config)
    tap = TapCallHistory(config=config)
    assert tap.config["flattening_enabled"] is False
    assert json.dumps(config) == before


def test_get_records_gives_what_a_run_writes(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    tap = TapCallHistory(config=served.config("utel"))
    stream: Any = tap.streams["utel_call_history"]
    read = list(stream.get_records(None))
    assert {record["id"]: record for record in read} == served.truth("utel_call_history")
    assert capsys.readouterr().out == ""


def test_the_metric_at_the_end_counts_the_records(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    tap = TapCallHistory(config=served.config("utel"))
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    tap.metrics_logger.addHandler(handler)
    tap.sync_all()
    tap.metrics_logger.removeHandler(handler)
    [line] = [each for each in told.getvalue().splitlines() if "record_count" in each]
    metric = json.loads(line[line.index("{") :])
    assert metric["value"] == metric["tags"]["records"] == 150
    assert metric["tags"]["complete"] is True
    assert len([m for m in messages_of(capsys) if m["type"] == "RECORD"]) == 150
