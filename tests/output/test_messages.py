from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.mapper import CustomStreamMap, SameRecordTransform

from tap_callhistory.errors import BadRecord, SettingsError
from tap_callhistory.output.messages import RecordMessages, SentCalls
from tap_callhistory.reading.pages import ReadCall

if TYPE_CHECKING:
    from collections.abc import Sequence

EXTRACTED = "2026-01-13T12:00:00.000000Z"
SCHEMA = {"properties": {"id": {"type": ["integer"]}, "created_at": {"type": ["string"]}}}


def conform(raw: Any) -> tuple[dict[str, Any], int]:
    if not isinstance(raw, dict) or "id" not in raw:
        raise BadRecord("the vendor sent a record without id")
    if raw.get("at") == "odd":
        raise BadRecord("the vendor sent a record without a usable at", {"id": raw["id"]})
    return {"id": raw["id"], "created_at": raw.get("at"), "text": raw.get("text")}, raw.get(
        "odd", 0
    )


def a_map(expression: dict[str, Any]) -> CustomStreamMap:
    return CustomStreamMap(
        stream_alias="calls",
        raw_schema=SCHEMA,
        key_properties=["id"],
        map_transform=expression,
        map_config={},
        faker_config={},
        flattening_options=None,
    )


def messages(maps: Sequence[Any] = (), *, skip: bool = False) -> RecordMessages:
    same = SameRecordTransform("calls", SCHEMA, ["id"], None)
    return RecordMessages(
        conform,
        stream="calls",
        without_secrets=lambda line: line.replace(b"t0ken", b"***"),
        key="id",
        replication_key="created_at",
        unfinished_since=lambda raw: raw.get("open"),
        stream_maps=maps or [same],
        plain=not maps,
        skip_bad_records=skip,
    )


def parsed(call: ReadCall) -> list[dict[str, Any]]:
    assert call.lines is not None
    assert call.lines == b"" or call.lines.endswith(b"\n")
    return [json.loads(line) for line in call.lines.splitlines()]


def test_a_secret_that_the_vendor_puts_into_a_record_stays_in() -> None:
    raw = {"id": 1, "at": EXTRACTED, "text": "https://calls.example/1?token=t0ken"}
    for made in (messages(), messages([a_map({"text": "text"})])):
        (call,) = made.of([raw], extracted=EXTRACTED, version=None)
        assert parsed(call)[0]["record"]["text"] == "https://calls.example/1?token=***"


def test_a_record_becomes_one_finished_line() -> None:
    raw = {"id": 2**53 + 1, "at": EXTRACTED, "text": "سلام\nx", "odd": 2, "open": "since"}
    [call] = messages().of([raw], extracted=EXTRACTED, version=None)
    assert parsed(call) == [
        {
            "type": "RECORD",
            "stream": "calls",
            "record": {"id": 2**53 + 1, "created_at": EXTRACTED, "text": "سلام\nx"},
            "time_extracted": EXTRACTED,
        }
    ]
    assert (call.key, call.moment, call.misfits) == (2**53 + 1, EXTRACTED, 2)
    assert call.unfinished_since == "since"


def test_a_full_table_load_has_its_version_in_every_record() -> None:
    [call] = messages().of([{"id": 1, "at": EXTRACTED}], extracted=EXTRACTED, version=17)
    assert parsed(call)[0]["version"] == 17


def test_only_the_content_of_a_call_makes_its_fingerprint() -> None:
    made = messages()
    [one] = made.of([{"id": 1, "at": EXTRACTED}], extracted=EXTRACTED, version=None)
    [same] = made.of([{"id": 1, "at": EXTRACTED}], extracted="2027", version=None)
    [other] = made.of([{"id": 1, "at": EXTRACTED, "text": "x"}], extracted=EXTRACTED, version=None)
    assert one.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize("raw", [{}, "text", {"id": 1}, {"id": 1, "at": None}])
def test_a_record_without_key_or_moment_fails(raw: Any) -> None:
    with pytest.raises(BadRecord):
        messages().of([raw], extracted=EXTRACTED, version=None)


def test_a_bad_record_may_be_skipped_and_is_told_from_others() -> None:
    calls = messages(skip=True).of([{}, {"id": 1}, {"id": 1}], extracted=EXTRACTED, version=None)
    assert [call.lines for call in calls] == [None, None, None]
    assert calls[0].key != calls[1].key == calls[2].key


def test_a_bad_record_that_is_skipped_says_why_and_its_key_if_it_has_one() -> None:
    raws = [{}, {"id": 7}, {"id": "8", "at": "odd"}]
    calls = messages(skip=True).of(raws, extracted=EXTRACTED, version=None)
    assert [call.fault for call in calls] == [
        "the vendor sent a record without id",
        "the vendor sent a record without a usable created_at; its id is 7",
        "the vendor sent a record without a usable at; its id is 8",
    ]


def test_a_bad_record_that_fails_says_its_key() -> None:
    with pytest.raises(BadRecord, match="its id is 7") as raised:
        messages().of([{"id": 7}], extracted=EXTRACTED, version=None)
    assert raised.value.advice == "on_bad_record: skip leaves such records out"


def test_a_map_may_change_drop_and_fail() -> None:
    raw = {"id": 1, "at": EXTRACTED}
    [changed] = messages([a_map({"twice": "id * 2"})]).of([raw], extracted=EXTRACTED, version=None)
    assert parsed(changed)[0]["record"]["twice"] == 2
    dropping = messages([a_map({"__filter__": "id > 1"})])
    [dropped] = dropping.of([raw], extracted=EXTRACTED, version=None)
    assert dropped.lines == b""
    failing = messages([a_map({"number": "int(created_at)"})])
    with pytest.raises(SettingsError, match="stream_maps") as raised:
        failing.of([raw], extracted=EXTRACTED, version=None)
    assert EXTRACTED not in str(raised.value)


def a_call(key: int, fingerprint: int = 0) -> ReadCall:
    return ReadCall(key, EXTRACTED, b"x", fingerprint)


def test_a_call_seen_again_unchanged_is_no_news() -> None:
    sent = SentCalls()
    assert sent.news([a_call(1)])
    assert not sent.news([a_call(1)])
    assert sent.news([a_call(1, fingerprint=1)])
    assert sent.news([a_call(1, fingerprint=0)])
    assert sent.distinct == 1


def test_what_was_fetched_before_the_version_that_was_sent_is_no_news() -> None:
    """Windows leave in order, but are fetched side by side: the later answer knows more."""
    sent = SentCalls()
    earlier, later = "2026-01-13T12:00:00.000000Z", "2026-01-13T12:00:01.000000Z"
    assert sent.news([ReadCall(1, EXTRACTED, b"x", 2, fetched=later)])
    assert not sent.news([ReadCall(1, EXTRACTED, b"x", 1, fetched=earlier)])
    assert sent.news([ReadCall(1, EXTRACTED, b"x", 3, fetched=later)])


def test_the_memory_of_what_was_sent_is_bounded_and_keeps_the_last() -> None:
    sent = SentCalls(remembered=10)
    for key in range(1000):
        assert sent.news([a_call(key)])
    assert not sent.news([a_call(key) for key in range(990, 1000)])
    assert len(sent.news([a_call(key) for key in range(1000)])) >= 1000 - 2 * 10
