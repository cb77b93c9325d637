"""Bookmarks: fixed width, forward only, and never guessed from a state that is not ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_callhistory.clocks import fixed_width
from tap_callhistory.errors import StateError
from tap_callhistory.output.bookmarks import CLOCK_SKEW, Bookmarks
from tap_callhistory.reading.windows import Window

NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
GOOD = {
    "replication_key": "created_at",
    "replication_key_value": "2026-03-17T11:00:00.000000Z",
    "revisits": {"24": "2026-03-16T11:00:00.000000Z"},
}


def bookmarks(state: dict[str, Any], key: str = "created_at") -> Bookmarks:
    return Bookmarks(state, replication_key=key, now=NOW, unfinished_call=6 * HOUR)


def test_an_empty_state_is_a_first_run() -> None:
    fresh = bookmarks({})
    assert (fresh.bookmark, fresh.revisits) == (None, {})


def test_what_was_written_is_read_again() -> None:
    state: dict[str, Any] = {}
    written = bookmarks(state)
    written.read_until(NOW - HOUR)
    written.write({DAY: NOW - DAY, 1.5 * HOUR: NOW - 2 * HOUR, 168 * HOUR: NOW - 7 * DAY})
    assert state == {
        "replication_key": "created_at",
        "replication_key_value": "2026-03-17T11:00:00.000000Z",
        "revisits": {
            "1.5": "2026-03-17T10:00:00.000000Z",
            "24": "2026-03-16T12:00:00.000000Z",
            "168": "2026-03-10T12:00:00.000000Z",
        },
    }
    again = bookmarks(state)
    assert again.bookmark == NOW - HOUR
    assert again.revisits == {DAY: NOW - DAY, 1.5 * HOUR: NOW - 2 * HOUR, 7 * DAY: NOW - 7 * DAY}


def test_no_fraction_is_written_which_loaders_made_with_the_sdk_fail_at() -> None:
    state: dict[str, Any] = {}
    written = bookmarks(state)
    written.read_until(NOW - HOUR)
    written.count(17, 3 * DAY)
    written.write({DAY: NOW - DAY})
    assert state["calls_per_day"] == "5.667"
    assert bookmarks(state).calls_per_day == 5.667


@pytest.mark.parametrize("number", [5, 5.667, Decimal("5.667"), "5.667"])
def test_calls_per_day_are_read_as_any_reader_of_json_gives_them(number: Any) -> None:
    assert bookmarks({**GOOD, "calls_per_day": number}).calls_per_day == float(number)


@pytest.mark.parametrize("number", [True, -1, "many", "nan", "inf", [], {}, 10**400])
def test_calls_per_day_that_are_no_number_are_not_guessed_at(number: Any) -> None:
    with pytest.raises(StateError, match="calls_per_day"):
        bookmarks({**GOOD, "calls_per_day": number})


def test_calls_per_day_forget_what_is_old_whatever_the_windows_length() -> None:
    """What is a week older than the newest counts as e to the minus one, a third."""
    at_once, by_days = bookmarks({}), bookmarks({})
    for each in (at_once, by_days):
        each.count(100, DAY)
    at_once.count(0, 7 * DAY)
    for _ in range(7):
        by_days.count(0, DAY)
    assert at_once.calls_per_day == pytest.approx(36.788, abs=0.01)
    assert by_days.calls_per_day == pytest.approx(36.788, abs=0.01)


def test_of_very_many_windows_left_behind_the_newest_are_kept() -> None:
    many = bookmarks({})
    for number in range(300):
        start = NOW - 30 * DAY + number * HOUR
        many.note(Window(start, start + HOUR / 2), complete=False)
    assert len(many.incomplete) == 200
    assert many.incomplete[-1].start == NOW - 30 * DAY + 299 * HOUR


def test_nothing_is_written_before_anything_was_read() -> None:
    state: dict[str, Any] = {}
    bookmarks(state).write({DAY: NOW - DAY})
    assert state == {}


@given(st.lists(st.tuples(st.booleans(), st.floats(-48, 0)), max_size=20))
def test_a_bookmark_moves_forward_only_and_never_past_an_unfinished_young_call(
    steps: list[tuple[bool, float]],
) -> None:
    state: dict[str, Any] = {}
    marks = bookmarks(state)
    before, held = "", None
    for unfinished, hours in steps:
        instant = NOW + hours * HOUR
        passed = marks.bookmark
        if unfinished:
            marks.hold(instant)
            if instant >= NOW - 6 * HOUR:
                held = min(instant, held or instant)
        else:
            marks.read_until(instant)
            marks.write({})
            value = state["replication_key_value"]
            assert value >= before
            assert len(value) == len("2026-03-17T11:00:00.000000Z")
            assert held is None or value <= fixed_width(max(held, passed or held))
            before = value


def test_an_old_unfinished_call_does_not_hold() -> None:
    marks = bookmarks({})
    marks.hold(NOW - 6 * HOUR - timedelta(seconds=1))
    marks.read_until(NOW)
    assert marks.bookmark == NOW


def test_a_young_unfinished_call_holds_windows_before_and_after_it() -> None:
    marks = bookmarks({})
    marks.read_until(NOW - 5 * HOUR)
    marks.hold(NOW - 2 * HOUR)
    marks.hold(NOW - HOUR)
    marks.read_until(NOW)
    assert marks.bookmark == NOW - 2 * HOUR


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"replication_key": "updated_at"}, "replication_key is not created_at"),
        ({"replication_key": None}, "replication_key is not created_at"),
        ({"replication_key_value": "yesterday"}, "replication_key_value is not a date-time"),
        ({"replication_key_value": "2026-03-17T11:00:00"}, "replication_key_value is not"),
        ({"replication_key_value": 17}, "replication_key_value is not a date-time"),
        ({"replication_key_value": None}, "replication_key_value is not a date-time"),
        ({"replication_key_value": "2030-01-01T00:00:00Z"}, "lies in the future"),
        ({"revisits": []}, "revisits is not an object"),
        ({"revisits": {"soon": "2026-03-16T11:00:00Z"}}, "not a number of hours"),
        ({"revisits": {"nan": "2026-03-16T11:00:00Z"}}, "not a number of hours"),
        ({"revisits": {"1e99": "2026-03-16T11:00:00Z"}}, "not a number of hours"),
        ({"revisits": {"-3": "2026-03-16T11:00:00Z"}}, "not positive"),
        ({"revisits": {"24": "never"}}, r"revisits\.24 is not a date-time"),
        ({"revisits": {"24": "2031-03-16T11:00:00Z"}}, r"revisits\.24 lies in the future"),
        ({"progress_markers": {}}, "progress_markers, which this version does not know"),
        ({"partitions": []}, "partitions, which this version does not know"),
    ],
)
def test_a_state_edited_into_nonsense_is_an_error_that_says_what_to_do(
    change: dict[str, Any], fault: str
) -> None:
    with pytest.raises(StateError, match=fault) as error:
        bookmarks({**GOOD, **change})
    assert "Nothing was read" in str(error.value)
    assert "Restore the last good state" in str(error.value)


def test_a_state_without_its_value_is_an_error() -> None:
    with pytest.raises(StateError):
        bookmarks({"replication_key": "created_at"})


def test_clocks_of_two_machines_may_differ_a_little() -> None:
    near = fixed_width(NOW + CLOCK_SKEW)
    assert bookmarks({**GOOD, "replication_key_value": near}).bookmark == NOW + CLOCK_SKEW


def test_an_offset_in_the_state_is_understood() -> None:
    state = {**GOOD, "replication_key_value": "2026-03-17T12:00:00+02:00"}
    assert bookmarks(state).bookmark == NOW - 2 * HOUR
