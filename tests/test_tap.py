"""The tap in this process: what a run comes to, in the user's words."""

from __future__ import annotations

import io
import json
import logging
import signal
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_callhistory.errors import SettingsError, StateError, StreamsFailed, Terminated
from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.settings.files import CatalogError
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from tests.support.serving import Served


def messages_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def calls_among(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages of streams of calls, without states and the ledger."""
    return [each for each in messages if each.get("stream", LEDGER) != LEDGER]


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": []},
        {"bookmarks": {"kavenegar_calls": "2026"}},
        {"bookmarks": {"kavenegar_calls": {"progress_markers": 5}}},
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


def test_a_catalog_cannot_take_out_what_a_call_is_known_and_read_by(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog: dict[str, Any] = TapCallHistory(config=served.config("utel")).catalog_dict
    entry = next(each for each in catalog["streams"] if each["stream"] == "utel_call_history")
    for each in entry["metadata"]:
        if each["breadcrumb"] in (["properties", "id"], ["properties", "date_time"]):
            each["metadata"] = {"selected": False}
        if not each["breadcrumb"]:
            each["metadata"]["table-key-properties"] = ["src"]
    TapCallHistory(config=served.config("utel"), catalog=catalog, setup_mapper=True).sync_all()
    schema, *others = calls_among(messages_of(capsys))
    assert schema["key_properties"] == ["id"]
    (record, *_) = (each["record"] for each in others if each["type"] == "RECORD")
    assert {"id", "date_time"} <= set(record)
    del entry["schema"]["properties"]["date_time"]
    with pytest.raises(CatalogError, match="utel_call_history has no date_time"):
        TapCallHistory(config=served.config("utel"), catalog=catalog).streams  # noqa: B018


def test_flattened_records_have_the_columns_of_their_schema(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    config = served.config("kavenegar", flattening_enabled=True, flattening_max_depth=3)
    TapCallHistory(config=config, setup_mapper=True).sync_all()
    schema, *others = calls_among(messages_of(capsys))
    columns = {name for each in others if each["type"] == "RECORD" for name in each["record"]}
    assert columns == set(schema["schema"]["properties"])


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"stream_maps": {"utel_call_history": {"__else__": 5}}}, "__else__"),
        ({"stream_maps": {"utel_call_history": {"__alias__": 5}}}, "__alias__"),
        ({"stream_maps": {"utel_call_history": {"__filter__": 5}}}, "__filter__"),
        ({"stream_maps": {"utel_call_history": {"__source__": 5}}}, "__source__"),
        ({"stream_maps": {"utel_call_history": {"__key_properties__": 5}}}, "__key_properties__"),
        ({"stream_maps": {"utel_call_history": {"src": ["src"]}}}, "utel_call_history.src"),
    ],
)
def test_a_map_of_the_wrong_type_is_a_fault_that_names_it(
    served: Served, settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigValidationError) as raised:
        TapCallHistory(config=served.config("utel", **settings))
    assert named in raised.value.errors[0]


def test_columns_that_would_have_one_name_are_a_fault_of_the_setting(served: Served) -> None:
    flattening = {"flattening_enabled": True, "flattening_max_depth": 2}
    config = served.config("kavenegar", **flattening, flattening_max_key_length=1)
    with pytest.raises(SettingsError, match="flattening_max_key_length"):
        TapCallHistory(config=config, setup_mapper=True)


def test_a_dotted_name_is_told_how_to_be_written() -> None:
    config = {"start_date": "2026-01-01T00:00:00Z", "kavenegar.api_token": "fake-token"}
    with pytest.raises(ConfigValidationError) as raised:
        TapCallHistory(config=config)
    assert raised.value.errors[0] == (
        'kavenegar.api_token has to be written as {"kavenegar": {"api_token": ...}}.'
    )


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
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Terminated) as raised:
        tap.sync_all()
    assert raised.value.signum == signal.SIGTERM
    messages = messages_of(capsys)
    assert {each["type"] for each in messages} <= {"SCHEMA", "STATE"}
    assert calls_among(messages) == []
    for message in messages:
        bookmarks = message.get("value", {}).get("bookmarks", {})
        assert {name for name, bookmark in bookmarks.items() if bookmark} <= {LEDGER}


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
    written = calls_among(messages_of(capsys))
    assert [each["type"] for each in written].count("RECORD") == 150
