"""Vendors that give no more than so many rows, and runs of which the only hour is too heavy."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_callhistory.clocks import fixed_width
from tap_callhistory.reading.carried import Cap, Depth
from tap_callhistory.reading.doubts import Shape
from tap_callhistory.reading.page_sizes import SMALL, SMALLEST, PageSizes
from tap_callhistory.reading.pages import Page, ReadCall
from tap_callhistory.reading.passes import is_round, unlike_a_cap
from tap_callhistory.reading.windows import Window
from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship
from tests.support.in_process import (
    NAMES,
    NOON,
    Clock,
    lost,
    made_call,
    made_world,
    read_until,
    run_tap,
    truth,
)
from tests.support.waiting import Patience

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.world import World

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
SINCE = (NOON - 30 * DAY).isoformat()


pytestmark = pytest.mark.usefixtures("no_logs")


def world_of(vendor: str, hardship: Hardship, count: int = 1_500) -> World:
    calls = make_calls(vendor, 3, count, NOON, days=28)
    return made_world(vendor, calls, Clock(NOON), Behaviour(hardship=hardship))


# Pages that are too large, or reach too deep.


@pytest.mark.parametrize("deepest", [60, 900])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_that_gives_fewer_rows_than_a_page_is_asked_for_smaller_pages(
    vendor: str, deepest: int
) -> None:
    world = world_of(vendor, Hardship(deepest_row=deepest))
    run = run_tap(world, began=NOON, start_date=SINCE, max_retries=8, patience=Patience())
    assert run.failure is None
    assert run.table() == truth(world)
    assert run.waited_seconds <= 60


@pytest.mark.parametrize("silence", [False, True])
@pytest.mark.parametrize("vendor", ["etelecom", "cinnox"])
def test_where_no_total_tells_the_end_it_is_looked_for_with_a_smaller_page(
    vendor: str, *, silence: bool
) -> None:
    def requests(hardship: Hardship) -> int:
        world = world_of(vendor, hardship, 600)
        run = run_tap(
            world,
            began=NOON,
            start_date=SINCE,
            max_retries=8,
            patience=Patience(),
            vendor={"page_size": 50},
        )
        assert run.failure is None
        assert run.table() == truth(world)
        # One page that never comes, and short pauses.
        assert run.waited_seconds <= 90
        return run.requests

    # No window of more than fifty calls is given, and each needs a second request.
    sound = requests(Hardship())
    assert requests(Hardship(deepest_row=60, deep_silence=silence)) <= sound + 4 * 600 / 50 + 40


def page(held: int) -> Page:
    return Page([ReadCall(n, "2026-01-01T00:00:00.000000Z", b"", n) for n in range(held)])


def test_larger_pages_are_tried_again_until_one_fails_that_is_why() -> None:
    sizes, window, later = PageSizes(1_000), Window(NOON - DAY, NOON), Window(NOON, NOON + DAY)
    sizes.failed(1_000)
    assert sizes.asked == SMALL
    sizes.failed(SMALL)
    assert sizes.asked == SMALLEST
    for size in (25, 100, 400):
        assert not sizes.is_on_trial(SMALLEST)
        sizes.came(size, page(3))
        assert sizes.is_on_trial(sizes.asked)
    assert sizes.asked == 1_000
    sizes.failed_on_trial(window, 1_000)
    assert sizes.asked == 400
    sizes.came(400, page(3))
    assert sizes.asked == 400
    # The window was why, if a smaller page of it fails, too.
    sizes.failed_again(later)
    assert sizes.asked == 400
    sizes.failed_again(window)
    assert sizes.asked == 1_000


def test_a_vendor_that_was_down_is_asked_for_large_pages_again() -> None:
    sizes = PageSizes(200)
    sizes.failed(200)
    sizes.came(100, page(0))
    sizes.came(200, page(0))
    assert sizes.asked == 200
    assert not sizes.is_on_trial(200)


def test_how_deep_pages_reach_is_told_by_three_that_failed() -> None:
    depth = Depth()
    depth.came(0, 50)
    depth.failed_ends.extend([80, 90])
    assert depth.size_that_comes(30, 50) == 50
    depth.failed_ends.append(70)
    assert depth.size_that_comes(30, 50) == 20
    # A page of one call could not overlap the one before.
    assert depth.size_that_comes(49, 50) == 50
    assert depth.is_out_of_reach(49)
    assert not depth.is_out_of_reach(48)
    depth.came(30, 60)
    assert depth.size_that_comes(30, 50) == 50


# Where a window is cut.

minutes = st.lists(st.integers(0, 24 * 60 - 1), min_size=1, max_size=200)


def test_a_cap_is_told_by_two_windows_and_not_by_two_answers_to_one() -> None:
    cap, calls = Cap(), [f"call-{number}" for number in range(30)]
    assert not cap.stopped_before(calls[:12])
    assert not cap.stopped_before(calls[:12])
    assert not cap.stopped_before(calls[3:15])
    assert not cap.stopped_before(calls[12:20])
    assert cap.stopped_before(calls[11:23])


@given(
    moments=minutes,
    wanted=st.integers(1, 60),
    rest=st.floats(0, 500),
    direction=st.sampled_from([-1, 0, 1]),
    foretold=st.booleans(),
)
def test_a_window_is_cut_into_parts_that_cover_it_and_hold_as_many_calls_as_are_wanted(
    moments: list[int], wanted: int, rest: float, direction: int, *, foretold: bool
) -> None:
    window = Window(NOON, NOON + DAY)
    instants = sorted(NOON + minute * timedelta(minutes=1) for minute in moments)
    calls = [ReadCall(n, fixed_width(each), b"", n) for n, each in enumerate(instants)]
    parts = Shape(window, calls).cut(wanted, rest, direction, SECOND, foretold=foretold)
    assert parts[0].start == window.start
    assert parts[-1].end == window.end
    assert all(a.end == b.start for a, b in pairwise(parts))
    assert all(parts)
    held = [sum(part.start <= each < part.end for each in instants) for part in parts]
    crowd = max(instants.count(each) for each in instants)
    assert max(held) <= wanted + crowd


@pytest.mark.parametrize(("foretold", "parts"), [(True, 4), (False, 5)])
def test_what_is_only_foretold_gives_no_part_of_its_own_to_a_few_calls(
    parts: int, *, foretold: bool
) -> None:
    """Twenty calls came of the second half, and of the first one twenty-two are to come."""
    calls = [
        ReadCall(n, fixed_width(NOON + 12 * HOUR + n * timedelta(minutes=36)), b"", n)
        for n in range(20)
    ]
    cut = Shape(Window(NOON, NOON + DAY), calls).cut(10, 22, -1, SECOND, foretold=foretold)
    assert len(cut) == parts


@given(st.integers(2, 40_000))
def test_parts_are_not_cut_to_a_number_that_looks_like_a_cap(calls: int) -> None:
    fewer = unlike_a_cap(calls)
    assert fewer <= calls
    assert not is_round(fewer) or calls < 20
    assert fewer >= calls * 0.7 or calls < 20


# The only hour of a run.


@pytest.mark.parametrize("vendor", NAMES)
def test_the_only_hour_of_a_run_may_be_too_heavy(vendor: str) -> None:
    calls = [made_call(n, NOON - DAY + n * timedelta(minutes=20)) for n in range(72)]
    busy = [made_call(100 + n, NOON + n * timedelta(seconds=40)) for n in range(89)]
    world = made_world(vendor, calls, Clock(NOON), Behaviour(hardship=Hardship(heavy_calls=60)))
    settings: dict[str, Any] = {
        "max_retries": 8,
        "revisit_hours": [],
        "patience": Patience(),
        "start_date": (NOON - DAY).isoformat(),
        "vendor": {"page_size": 50},
    }
    first = run_tap(world, began=NOON, **settings)
    assert first.failure is None
    later = made_world(
        vendor,
        [*calls, *busy],
        Clock(NOON + HOUR),
        Behaviour(hardship=Hardship(heavy_calls=60)),
    )
    run = run_tap(later, began=NOON + HOUR, state=first.states()[-1], **settings)
    assert run.failure is None
    assert read_until(run) >= fixed_width(NOON + HOUR - timedelta(minutes=2))
    assert not lost(run, later) - first.table().keys()
    assert run.waited_seconds <= 60


@pytest.mark.parametrize("vendor", NAMES)
def test_a_window_of_more_than_an_hour_is_split_where_it_is_too_heavy(vendor: str) -> None:
    world = world_of(vendor, Hardship(heavy_calls=40), 2_000)
    for seed in range(2):
        run = run_tap(
            world,
            began=NOON,
            start_date=SINCE,
            max_retries=8,
            seed=seed,
            vendor={"page_size": 50},
        )
        assert run.failure is None
        assert run.table() == truth(world)
