"""Where a vendor is slow, its connections are kept busy. Told in answers' times, not by a clock."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.reading.schedule import USUAL_SIZES, Schedule
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.windows import Window
from tests.support.reading.simulated_vendor import DAY, NOON, Habits, SimulatedVendor

if TYPE_CHECKING:
    from tap_callhistory.reading.tasks import PageRequest

#: Real pages hold a hundred calls and more; here all is a tenth as large.
SCALE = 10
PAGE = 100 // SCALE
SIZES = Sizes(
    USUAL_SIZES.comfortable_pages,
    USUAL_SIZES.fewest_comfortable_calls // SCALE,
    USUAL_SIZES.most_comfortable_calls // SCALE,
    USUAL_SIZES.most_calls // SCALE,
    USUAL_SIZES.most_calls_of_an_instant,
    USUAL_SIZES.look_ahead_calls // SCALE,
    DAY,
)
SPREAD_BY = 7_919
"""Prime: calls of every minute of a day, and no two of one second."""


def read(
    vendor: SimulatedVendor, span: Window, concurrency: int, calls_per_day: float | None
) -> tuple[int, int]:
    """Read a span from a vendor whose every answer takes as long.

    Returns:
        How many calls left, and the time that it took, in answers.
    """
    schedule = Schedule(
        vendor,
        concurrency=concurrency,
        decided=lambda _task, _decision: None,
        sizes=SIZES,
        calls_per_day=calls_per_day,
    )
    schedule.read([span])
    under_way: deque[tuple[int, PageRequest]] = deque()
    now, keys = 0, set[str | int]()
    while not schedule.done:
        under_way += [(now + 1, request) for request in schedule.due()]
        if schedule.may_leave:
            keys |= {call.key for call in schedule.leave().calls}
            continue
        now, request = under_way.popleft()
        schedule.take(request, vendor.answer(request), None)
    return len(keys), now


def history(calls: int, length: timedelta) -> tuple[SimulatedVendor, Window]:
    seconds = int(length.total_seconds())
    places = sorted({number * SPREAD_BY % seconds for number in range(1, calls + 1)})
    start = NOON - length
    instants = [start + timedelta(seconds=place) for place in places]
    return SimulatedVendor(instants, Habits(page_size=PAGE)), Window(start, NOON)


@pytest.mark.parametrize("concurrency", [1, 4, 8, 16])
def test_a_backfill_takes_hardly_longer_than_its_pages(concurrency: int) -> None:
    vendor, span = history(4_007, 60 * DAY)
    calls, took = read(vendor, span, concurrency, None)
    assert calls == len(vendor.instants)
    assert vendor.requests <= 1.1 * calls / PAGE
    assert took <= 1.15 * vendor.requests / concurrency


@pytest.mark.parametrize(("concurrency", "times"), [(8, 4.5), (16, 6)])
def test_an_hourly_run_is_much_faster_than_one_page_after_the_other(
    concurrency: int, times: float
) -> None:
    vendor, span = history(603, timedelta(hours=25))
    calls, took = read(vendor, span, concurrency, 603 * 24 / 25)
    assert calls == len(vendor.instants)
    # A serial reader learns of the end by an empty page.
    assert (calls // PAGE + 2) / took >= times
