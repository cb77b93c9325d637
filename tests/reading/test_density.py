"""How many calls windows are foretold to hold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_callhistory.clocks import fixed_width
from tap_callhistory.reading.density import Density
from tap_callhistory.reading.windows import A_DAY, HOUR, Window
from tests.support.in_process import NOON

if TYPE_CHECKING:
    from datetime import datetime

MIDNIGHT = NOON.replace(hour=0)
MINUTE = timedelta(minutes=1)


def learnt(days: int, moments: list[datetime], *, step: timedelta = 6 * HOUR) -> Density:
    """What windows of a length taught that cover so many days."""
    density, start = Density(), MIDNIGHT
    while start < MIDNIGHT + days * A_DAY:
        window = Window(start, start + step)
        inside = [each for each in moments if window.start <= each < window.end]
        density.learn(window, len(inside), map(fixed_width, inside))
        start = window.end
    return density


def office(days: int) -> list[datetime]:
    """Sixty calls an hour from eight to sixteen o'clock, and none besides."""
    return [
        MIDNIGHT + day * A_DAY + 8 * HOUR + n * MINUTE for day in range(days) for n in range(8 * 60)
    ]


def test_the_hour_of_the_day_foretells_how_many_calls_come() -> None:
    density = learnt(5, office(5))
    next_day = MIDNIGHT + 5 * A_DAY
    night = density.expected(Window(next_day, next_day + 6 * HOUR))
    morning = density.expected(Window(next_day + 9 * HOUR, next_day + 10 * HOUR))
    assert night is not None
    assert night < 10
    assert morning == pytest.approx(60, rel=0.1)


def test_a_window_is_as_long_as_the_hours_of_its_day_need() -> None:
    density = learnt(5, office(5))
    evening, morning = MIDNIGHT + 5 * A_DAY + 17 * HOUR, MIDNIGHT + 6 * A_DAY + 9 * HOUR
    in_the_night, by_day = density.length_of(45, evening), density.length_of(45, morning)
    assert in_the_night is not None
    assert by_day is not None
    assert by_day < HOUR < 12 * HOUR < in_the_night


def test_without_moments_all_hours_are_alike() -> None:
    density = Density()
    density.learn(Window(MIDNIGHT, MIDNIGHT + A_DAY), 240)
    assert density.expected(Window(NOON, NOON + 2 * HOUR)) == pytest.approx(20)
    assert density.length_of(20, NOON) == 2 * HOUR


def test_only_the_last_week_tells_how_dense_history_is() -> None:
    density = learnt(20, office(6))
    assert density.expected(Window(NOON, NOON + HOUR)) == 0
    assert density.length_of(10, NOON) is None


def test_nothing_is_foretold_before_anything_was_read_but_by_the_run_before() -> None:
    assert Density().expected(Window(NOON, NOON + A_DAY)) is None
    assert Density(100).expected(Window(NOON, NOON + A_DAY / 2)) == 50


@given(
    st.lists(st.integers(0, 5 * 24 * 60), max_size=300),
    st.integers(1, 200),
    st.integers(0, 24 * 60),
)
def test_a_window_of_a_foretold_length_is_foretold_to_hold_as_many_calls(
    minutes: list[int], calls: int, begins: int
) -> None:
    density = learnt(5, [MIDNIGHT + minute * MINUTE for minute in minutes])
    start = MIDNIGHT + 5 * A_DAY + begins * MINUTE
    length = density.length_of(calls, start)
    if length is None:
        assert all(minute >= 5 * 24 * 60 for minute in minutes)
        return
    foretold = density.expected(Window(start, start + length))
    assert foretold is not None
    # The hours of the day count in whole seconds; windows of days, all hours alike.
    assert foretold == pytest.approx(calls, rel=0.25, abs=1)


@given(st.lists(st.integers(0, 3 * 24 * 60), min_size=1, max_size=100), st.integers(1, 47))
def test_what_the_parts_of_a_window_should_hold_adds_up(minutes: list[int], hours: int) -> None:
    density = learnt(3, [MIDNIGHT + minute * MINUTE for minute in minutes])
    whole = Window(NOON, NOON + hours * HOUR)
    parts = [density.expected(part) or 0 for part in whole.split(5, timedelta(seconds=1))]
    assert sum(parts) == pytest.approx(density.expected(whole), rel=0.01, abs=0.01)
