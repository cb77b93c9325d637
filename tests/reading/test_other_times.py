"""Vendors whose bounds mean another time of a call than the one that it is dated by."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.reading.carried import FARTHEST_ASTRAY, Astray
from tap_callhistory.reading.windows import Window
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import (
    NAMES,
    NOON,
    SMALL,
    Clock,
    made_call,
    made_world,
    run_tap,
    truth,
)

if TYPE_CHECKING:
    from datetime import datetime

    from tap_callhistory.sandbox.world.behaviour import FilterField
    from tap_callhistory.sandbox.world.call import Call

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
pytestmark = pytest.mark.usefixtures("no_logs")


def moment(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_it_is_learnt_how_far_outside_of_their_windows_calls_begin() -> None:
    astray, window = Astray(), Window(NOON, NOON + HOUR)
    assert astray.sure(window) == window
    astray.note(window, [moment(NOON - MINUTE), moment(NOON + MINUTE)])
    astray.note(window, [moment(NOON - SECOND), moment(NOON + HOUR + SECOND)])
    astray.note(window, [])
    assert astray.sure(window) == Window(NOON + SECOND, NOON + HOUR - MINUTE)
    assert not astray.sure(Window(NOON, NOON + MINUTE))


def test_what_began_days_away_tells_nothing_of_the_bounds() -> None:
    astray, window = Astray(), Window(NOON, NOON + HOUR)
    away = FARTHEST_ASTRAY + SECOND
    astray.note(window, [moment(NOON - away), moment(NOON + HOUR + away)])
    assert astray.sure(window) == window


def bursts() -> list[Call]:
    """Three bursts: in each, long calls and then short ones, some of them within one second."""
    calls: list[Call] = []
    for burst in range(3):
        began = NOON - (30 - 8 * burst) * HOUR
        for number in range(16):
            since = began + (number // 2) * 11 * SECOND
            lasts = 4 * HOUR if number < 6 else MINUTE
            calls.append(made_call(len(calls) + 1, since, ended_at=since + lasts + 6 * SECOND))
    return calls


def read(vendor: str, field: FilterField, calls: list[Call]) -> Any:
    habits = Behaviour(filter_field=field, largest_page=3, oversize="cut")
    world = made_world(vendor, calls, Clock(NOON), habits)
    start = (NOON - 2 * 24 * HOUR).isoformat()
    run = run_tap(world, began=NOON, start_date=start, sizes=SMALL, concurrency=1)
    assert run.failure is None
    assert all(row["complete"] for row in run.windows())
    assert run.table().keys() == truth(world).keys()
    return run


@pytest.mark.parametrize("field", ["started", "finished", "updated"])
@pytest.mark.parametrize("vendor", NAMES)
def test_bursts_are_read_whole_by_whatever_time_the_bounds_mean(
    vendor: str, field: FilterField
) -> None:
    requests = read(vendor, field, bursts()).requests
    assert requests <= 2 * read(vendor, "created", bursts()).requests


@pytest.mark.parametrize("vendor", NAMES)
def test_the_calls_of_one_moment_may_all_end_behind_the_window_that_they_began_in(
    vendor: str,
) -> None:
    began, ended = NOON - 2 * HOUR, NOON - 2 * HOUR + 66 * SECOND
    read(vendor, "finished", [made_call(number, began, ended_at=ended) for number in range(1, 17)])
