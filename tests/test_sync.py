"""A sync's spans: where new history ends, what is visited again, and what is not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.clocks import fixed_width
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import (
    NOON,
    STREAMS,
    Clock,
    Run,
    made_call,
    made_world,
    run_tap,
)

if TYPE_CHECKING:
    from datetime import datetime

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HALF_A_MINUTE = timedelta(seconds=30.5)


def read(vendor: str, began: datetime, **settings: Any) -> Run:
    """A run over a call an hour in the week before noon."""
    calls = [made_call(number, NOON - number * HOUR) for number in range(1, 7 * 24)]
    world = made_world(vendor, calls, Clock(began), Behaviour())
    given = {"start_date": (NOON - 5 * DAY).isoformat(), "revisit_hours": []}
    run = run_tap(world, began=began, **{**given, **settings})
    assert run.failure is None
    return run


def spans(run: Run, purpose: str) -> list[tuple[str, str]]:
    """The stretches that were read for a purpose, those that adjoin as one."""
    found: list[tuple[str, str]] = []
    for row in run.windows():
        if row["purpose"] != purpose:
            continue
        start, end = row["window_start"], row["window_end"]
        if found and found[-1][1] == start:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def state_of(vendor: str, bookmark: datetime, **more: Any) -> dict[str, Any]:
    key = {"utel": "date_time", "cinnox": "call_date"}.get(vendor, "created_at")
    own = {"replication_key": key, "replication_key_value": fixed_width(bookmark), **more}
    return {"bookmarks": {STREAMS[vendor]: own}}


@pytest.mark.parametrize("end", [None, NOON + DAY])
@pytest.mark.parametrize(
    ("vendor", "until"), [("kavenegar", NOON), ("utel", NOON + timedelta(seconds=30))]
)
def test_history_ends_with_the_vendors_last_whole_step_before_the_run_whatever_end_date_says(
    vendor: str, until: datetime, end: datetime | None
) -> None:
    settings = {} if end is None else {"end_date": end.isoformat()}
    run = read(vendor, NOON + HALF_A_MINUTE, **settings)
    assert spans(run, "new") == [(fixed_width(NOON - 5 * DAY), fixed_width(until))]


def test_an_age_is_reckoned_from_the_vendors_last_whole_step_too() -> None:
    run = read("kavenegar", NOON + HALF_A_MINUTE, revisit_hours=[24])
    own = run.states()[-1]["bookmarks"][STREAMS["kavenegar"]]
    assert own["revisits"] == {"24": fixed_width(NOON - DAY)}


def test_what_lies_before_start_date_is_not_due_for_a_visit_for_ever() -> None:
    old = state_of("utel", NOON - HOUR, revisits={"24": fixed_width(NOON - 10 * DAY)})
    given = {"start_date": (NOON - 2 * DAY).isoformat(), "revisit_hours": [24]}
    first = read("utel", NOON, state=old, **given)
    assert spans(first, "revisit") == [(fixed_width(NOON - 2 * DAY), fixed_width(NOON - DAY))]
    again = read("utel", NOON + HOUR, state=first.states()[-1], **given)
    assert spans(again, "revisit") == [(fixed_width(NOON - DAY), fixed_width(NOON - 23 * HOUR))]


@pytest.mark.parametrize(
    ("ago", "visited"), [(timedelta(minutes=30), False), (timedelta(days=3), True)]
)
def test_a_window_that_was_left_behind_is_tried_again_but_not_twice_in_a_run(
    ago: timedelta,
    visited: bool,  # noqa: FBT001
) -> None:
    left = [fixed_width(NOON - ago), fixed_width(NOON - ago + timedelta(minutes=1))]
    state = state_of("utel", NOON - timedelta(minutes=10), incomplete_windows=[left])
    run = read("utel", NOON, state=state, on_incomplete_window="continue")
    assert spans(run, "revisit") == ([(left[0], left[1])] if visited else [])
    assert "incomplete_windows" not in run.states()[-1]["bookmarks"][STREAMS["utel"]]


@pytest.mark.parametrize("full_table", [False, True])
def test_a_full_table_load_reads_everything_whatever_the_bookmark_says(
    full_table: bool,  # noqa: FBT001
) -> None:
    state = state_of("utel", NOON - 2 * HOUR)
    run = read("utel", NOON, state=state, full_table=full_table)
    start = NOON - 5 * DAY if full_table else NOON - 3 * HOUR
    assert spans(run, "new") == [(fixed_width(start), fixed_width(NOON))]
