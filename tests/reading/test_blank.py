"""Vendors that answer too long a period, or one with too many calls, as if there were none."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from tap_callhistory.reading.carried import Lengths
from tap_callhistory.reading.windows import Window
from tap_callhistory.sandbox.http import Refusal
from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import NAMES, NOON, Clock, lost, made_world, read_until, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_callhistory.sandbox.world.call import Call

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SINCE = (NOON - 30 * DAY).isoformat()


pytestmark = pytest.mark.usefixtures("no_logs")


def read(vendor: str, calls: list[Call], blank: Callable[[Any, list[Call]], bool]) -> Any:
    world = made_world(vendor, calls, Clock(NOON), Behaviour())
    good = world.find

    def find(query: Any) -> list[Call]:
        found = good(query)
        return [] if blank(query, found) else found

    with patch.object(world, "find", find):
        run = run_tap(world, began=NOON, start_date=SINCE, vendor={"page_size": 50})
    assert run.failure is None
    assert lost(run, world) == set()
    return run


@pytest.mark.parametrize(("count", "hours"), [(100, 6), (100, 100), (1_500, 6), (1_500, 24)])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_long_period_without_an_answer_is_read_in_short_ones(
    vendor: str, count: int, hours: int
) -> None:
    longest = timedelta(hours=hours) / timedelta(microseconds=1)
    calls = make_calls(vendor, 3, count, NOON, days=28)
    run = read(vendor, calls, lambda query, _: query.until - query.since > longest)
    assert run.requests <= 4 * (30 * 24 / hours + count / 50) + 90


@pytest.mark.parametrize("most", [300, 500])
@pytest.mark.parametrize("vendor", NAMES)
def test_so_is_one_that_would_hold_too_many_calls(vendor: str, most: int) -> None:
    calls = make_calls(vendor, 3, 1_500, NOON, days=28)
    read(vendor, calls, lambda _, found: len(found) > most)


@pytest.mark.parametrize("most", [40, 60])
@pytest.mark.parametrize("vendor", NAMES)
def test_so_is_one_of_a_few_dozen_calls(vendor: str, most: int) -> None:
    calls = make_calls(vendor, 3, 400, NOON, days=28)
    run = read(vendor, calls, lambda _, found: len(found) > most)
    assert run.requests <= 400


@pytest.mark.parametrize("vendor", NAMES)
def test_a_window_that_begins_before_all_that_is_given_is_read_from_there_on(vendor: str) -> None:
    """Older windows are answered as if there were no calls, and so is one that begins there.

    Where fewer than three are likely, none is not unlikely: some hours are left out.
    """
    since = NOON - 20 * DAY
    later = since + 12 * HOUR
    made = make_calls(vendor, 3, 400, NOON, days=28)
    calls = [call for call in made if call.created_at > later]
    world = made_world(vendor, calls, Clock(NOON), Behaviour())
    too_old = world.api.stored(since)
    run = read(vendor, calls, lambda query, _: query.since < too_old)
    assert run.requests <= 100


@pytest.mark.parametrize("minutes", [3, 30])
@pytest.mark.parametrize("vendor", NAMES)
def test_an_end_that_is_too_young_is_left_to_the_next_run(vendor: str, minutes: int) -> None:
    """All of a first run was answered as if there were no calls."""
    calls = make_calls(vendor, 3, 400, NOON, days=28)
    world = made_world(vendor, calls, Clock(NOON), Behaviour())
    too_young = world.api.stored(NOON - timedelta(minutes=minutes))
    run = read(vendor, calls, lambda query, _: query.until > too_young)
    assert run.requests <= 60
    assert read_until(run) >= "2026-03-17T11:00"


@pytest.mark.parametrize("vendor", NAMES)
def test_a_silent_history_costs_a_few_requests(vendor: str) -> None:
    run = read(vendor, [], lambda *_: False)
    assert run.requests <= 12


def test_a_window_may_be_blank_if_it_is_longer_than_all_that_calls_came_for() -> None:
    lengths, start = Lengths(), NOON - 30 * DAY
    day, week = Window(start, start + DAY), Window(start, start + 7 * DAY)
    lengths.calls_came(Window(start, start + HOUR))
    assert not lengths.may_be_blank(week)
    assert lengths.note_blank(week)
    assert lengths.may_be_blank(day)
    lengths.calls_came(day)
    assert not lengths.may_be_blank(day)
    assert lengths.may_be_blank(week)
    lengths.calls_came(week)
    # It was blank for its calls, then, and not for its length.
    assert not lengths.note_blank(day)
    assert not lengths.may_be_blank(Window(start, start + 8 * DAY))


#: TWIN, CINNOX, Kavenegar and Utel say 404 in words of their own; eTelecom's tell of a route.
SAY_404 = [vendor for vendor in NAMES if vendor != "etelecom"]


@pytest.mark.parametrize("too_much", ["a day", "60 calls", "too young"])
@pytest.mark.parametrize("vendor", SAY_404)
def test_so_is_what_is_answered_by_a_404(vendor: str, too_much: str) -> None:
    """The first answers of all, too: a month was not found, and it looked like a wrong address."""
    calls = make_calls(vendor, 3, 400, NOON, days=28)
    world = made_world(vendor, calls, Clock(NOON), Behaviour())
    day, too_young = (DAY + HOUR) / timedelta(microseconds=1), world.api.stored(NOON - HOUR / 2)
    refuses: dict[str, Callable[[Any, Any], bool]] = {
        "a day": lambda query, _: query.until - query.since > day,
        "60 calls": lambda _, found: len(found) > 60,
        "too young": lambda query, _: query.until > too_young,
    }

    def not_found(query: Any, found: Any) -> bool:
        if refuses[too_much](query, found):
            raise Refusal(404, "Not found.")
        return False

    run = read(vendor, calls, not_found)
    assert run.requests <= 160
