"""Vendors that answer well, give no calls any more, and so lose them where nobody looks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.vendors import VENDORS
from tests.support.in_process import NAMES, NOON, Clock, lost, made_world, run_tap, truth

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.call import Call

HOUR = timedelta(hours=1)
SINCE = "2026-02-15T12:00:00+00:00"


pytestmark = pytest.mark.usefixtures("no_logs")


def read(vendor: str, good: int, longest: float | None, **settings: Any) -> tuple[Any, Any]:
    """A first run of a vendor that gives no calls after so many good answers."""
    calls = make_calls(vendor, 3, 1_500, NOON, days=28)
    world = made_world(vendor, calls, Clock(NOON), Behaviour(largest_span_days=longest))
    find, answers = world.find, iter(range(100_000))

    def found(query: Any) -> list[Call]:
        return find(query) if next(answers) < good else []

    with patch.object(world, "find", found):
        run = run_tap(world, began=NOON, start_date=SINCE, vendor={"page_size": 50}, **settings)
    return run, world


@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_that_falls_silent_in_mid_run_fails_it(vendor: str) -> None:
    run, world = read(vendor, 25, None)
    assert run.failure is not None
    assert run.requests < 100
    # What is bookmarked is whole.
    if "replication_key_value" in str(run.states()[-1:]):
        assert lost(run, world) == set()


@pytest.mark.parametrize("vendor", NAMES)
def test_so_it_does_where_short_periods_are_given_only(vendor: str) -> None:
    """A silent day or two may have been believed before; the revisits ask again."""
    run, _ = read(vendor, 25, 1)
    assert run.failure is not None
    assert run.requests < 200


@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_without_calls_is_believed(vendor: str) -> None:
    run, _ = read(vendor, 0, None)
    assert run.failure is None
    assert run.requests <= 12
    assert run.states()[-1]


@pytest.mark.parametrize("vendor", NAMES)
def test_it_is_asked_for_all_of_it_again_when_its_first_calls_come(vendor: str) -> None:
    """It was asleep, and lost its whole history if that was not read once more."""
    calls = make_calls(vendor, 3, 1_500, NOON, days=28, ahead=5 * HOUR)
    clock = Clock(NOON)
    world = made_world(vendor, calls, clock, Behaviour())
    with patch.object(world, "find", lambda _query: []):
        run = run_tap(world, began=NOON, start_date=SINCE)
    clock.advance(2 * HOUR)
    for hours in (2, 4):
        usual: dict[str, Any] = {
            "state": run.states()[-1],
            "start_date": SINCE,
            "revisit_hours": [],
        }
        run = run_tap(world, began=NOON + hours * HOUR, **usual)
        assert run.failure is None
        if hours == 2:
            early = {key for key, row in truth(world).items() if dated(row, vendor) < NOON}
            assert early <= run.table().keys()
        else:
            assert len(run.table()) < len(calls) / 4
        clock.advance(2 * HOUR)


def dated(row: dict[str, Any], vendor: str) -> datetime:
    read_by = next(each.read_by for each in VENDORS if each.vendor == vendor)
    return datetime.fromisoformat(row[read_by])


def test_the_error_says_what_to_look_at() -> None:
    run, _ = read("utel", 25, 1)
    assert "nor those any longer that it gave before" in str(run.failure)
    assert "Check that your account may still see its calls" in str(run.failure)
