"""Vendors that say "too many requests" of a window that is too long, or holds too many calls."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from tap_callhistory.sandbox.http import Refusal
from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import NAMES, NOON, Clock, lost, made_world, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SINCE = (NOON - 30 * DAY).isoformat()
RETRIES = 8


pytestmark = pytest.mark.usefixtures("no_logs")


def read(vendor: str, too_much: Callable[[Any, Any], bool]) -> tuple[Any, Any]:
    calls = make_calls(vendor, 3, 400, NOON, days=28)
    world = made_world(vendor, calls, Clock(NOON), Behaviour())
    good = world.find

    def find(query: Any) -> Any:
        found = good(query)
        if too_much(query, found):
            raise Refusal(429, "Too many.")
        return found

    with patch.object(world, "find", find):
        run = run_tap(
            world, began=NOON, start_date=SINCE, vendor={"page_size": 50}, max_retries=RETRIES
        )
    return run, world


@pytest.mark.parametrize("hours", [24, 100])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_period_too_long_is_read_in_short_ones(vendor: str, hours: int) -> None:
    longest = (hours + 1) * HOUR / timedelta(microseconds=1)
    run, world = read(vendor, lambda query, _: query.until - query.since > longest)
    assert run.failure is None
    assert lost(run, world) == set()


@pytest.mark.parametrize("most", [60, 200])
@pytest.mark.parametrize("vendor", NAMES)
def test_so_is_one_that_holds_too_many_calls(vendor: str, most: int) -> None:
    run, world = read(vendor, lambda _, found: len(found) > most)
    assert run.failure is None
    assert lost(run, world) == set()


@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_that_says_so_of_an_hour_is_believed(vendor: str) -> None:
    run, _ = read(vendor, lambda *_: True)
    assert "429" in str(run.failure)
    assert run.requests == 2 * (1 + RETRIES)
