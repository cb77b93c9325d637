"""A vendor is asked for large pages; what it refuses, or cuts, is learnt, and no call is lost."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.reading.page_sizes import SMALL, PageSizes
from tap_callhistory.reading.pages import Page, ReadCall
from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import NAMES, NOON, Clock, made_world, run_tap, truth

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.world import World

SINCE = (NOON - timedelta(days=30)).isoformat()
CALLS = 4_000
NUMBERED = ("kavenegar", "utel")


def world_of(vendor: str, **behaviour: Any) -> World:
    calls = make_calls(vendor, 3, CALLS, NOON, days=28)
    return made_world(vendor, calls, Clock(NOON), Behaviour(**behaviour))


@cache
def requests_of_small_pages(vendor: str, days: float | None = None) -> int:
    """How many requests a vendor costs of whom small pages are asked from the beginning."""
    world = world_of(vendor, largest_span_days=days)
    run = run_tap(world, began=NOON, start_date=SINCE, vendor={"page_size": SMALL})
    assert run.failure is None
    return run.requests


def page(held: int, total: int | None = None, size: int | None = None) -> Page:
    return Page(
        [ReadCall(n, "2026-01-01T00:00:00.000000Z", b"", n) for n in range(held)], total, size
    )


def test_large_pages_cost_a_tenth_of_the_requests() -> None:
    large = run_tap(world_of("kavenegar"), began=NOON, start_date=SINCE)
    small = run_tap(
        world_of("kavenegar"), began=NOON, start_date=SINCE, vendor={"page_size": SMALL}
    )
    assert large.failure is None
    assert large.table() == small.table()
    assert len(large.table()) == CALLS
    assert large.requests * 3 < small.requests


@pytest.mark.parametrize("largest", [SMALL, 250])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_page_size_that_is_refused_costs_a_request_and_no_call(vendor: str, largest: int) -> None:
    world = world_of(vendor, largest_page=largest, oversize="refuse")
    run = run_tap(world, began=NOON, start_date=SINCE)
    assert run.failure is None
    assert run.table() == truth(world)
    assert run.requests <= requests_of_small_pages(vendor) + 6


@pytest.mark.parametrize("vendor", NAMES)
def test_a_page_size_and_a_period_that_are_both_refused_are_told_apart(vendor: str) -> None:
    world = world_of(vendor, largest_page=SMALL, oversize="refuse", largest_span_days=2)
    run = run_tap(world, began=NOON, start_date=SINCE)
    assert run.failure is None
    assert run.table() == truth(world)
    assert run.requests <= requests_of_small_pages(vendor, 2) + 40


@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_that_refuses_periods_is_asked_for_large_pages_all_the_same(vendor: str) -> None:
    world = world_of(vendor, largest_span_days=2)
    run = run_tap(world, began=NOON, start_date=SINCE)
    assert run.failure is None
    assert run.table() == truth(world)
    assert run.requests < CALLS / SMALL + 80


@pytest.mark.parametrize("oversize", ["cut", "skip"])
@pytest.mark.parametrize("vendor", NUMBERED)
def test_pages_that_are_cut_lose_no_call(vendor: str, oversize: str) -> None:
    world = world_of(vendor, largest_page=SMALL, oversize=oversize)
    run = run_tap(world, began=NOON, start_date=SINCE)
    assert run.failure is None
    assert run.table() == truth(world)
    # It shows when a pass does not add up for the second time, and then holds for the run.
    assert run.requests < (2 if oversize == "cut" else 10) * requests_of_small_pages(vendor)


def test_what_was_refused_is_asked_for_in_smaller_pages_until_a_large_one_came() -> None:
    sizes = PageSizes(1000)
    assert sizes.refused(1000)
    assert sizes.asked == SMALL
    sizes.came(SMALL, page(SMALL, 500))
    assert sizes.asked == SMALL
    assert not sizes.refused(SMALL)
    sizes = PageSizes(1000)
    sizes.came(1000, page(3, 3))
    assert not sizes.refused(1000)
    assert not PageSizes(SMALL).refused(SMALL)


def test_refusals_of_small_pages_too_were_about_the_window() -> None:
    sizes = PageSizes(1000)
    assert sizes.refused(1000)
    assert not sizes.refused(SMALL)
    sizes.came(SMALL, page(3, 3))
    assert sizes.asked == 1000
    assert sizes.refused(1000)
    sizes.came(SMALL, page(3, 3))
    assert sizes.asked == SMALL


def test_a_size_that_an_answer_names_is_asked_for_where_more_follow() -> None:
    sizes = PageSizes(1000)
    sizes.came(1000, page(37, 37, size=37))
    assert sizes.asked == 1000
    sizes.came(1000, page(200, 5000, size=200))
    assert sizes.asked == 200


def test_short_pages_that_do_not_add_up_twice_are_asked_for_as_they_are() -> None:
    sizes = PageSizes(1000)
    sizes.ended_short(1000, 200)
    assert sizes.asked == 1000
    sizes.ended_short(1000, 500)
    sizes.ended_short(1000, 500)
    assert sizes.asked == 500
