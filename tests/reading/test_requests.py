"""How many requests reading costs, on fixed seeds: what was learnt is not paid for twice."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from tap_callhistory.reading.cursors import CursorPages
from tap_callhistory.reading.decision import Accept, Decision, LookAtEnds, Split
from tap_callhistory.reading.lineage import NO_LINEAGE, Dense, Lineage
from tap_callhistory.reading.paginators import NumberedPages, OffsetPages
from tap_callhistory.reading.reader import Reader
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.windows import Window
from tap_callhistory.reading.workers import InTurn
from tests.support.reading.simulated_vendor import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SMALL,
    Drive,
    Habits,
    SimulatedVendor,
)

if TYPE_CHECKING:
    from datetime import datetime

    from tap_callhistory.reading.pages import Page
    from tap_callhistory.reading.passes import Pass
    from tap_callhistory.reading.tasks import PageRequest, Task

USUAL = Sizes(first_window=DAY)


def office_hours(days: int, per_day: int) -> list[datetime]:
    """Calls within four hours of each day, the latest day first."""
    drawn = random.Random(1)
    return [
        NOON - DAY * day - timedelta(seconds=drawn.randrange(4 * 3600))
        for day in range(days)
        for _ in range(per_day)
    ]


def evenly(count: int, apart: timedelta) -> list[datetime]:
    return [NOON - HOUR - apart * number for number in range(count)]


def cost(vendor: SimulatedVendor, *spans: Window, sizes: Sizes = USUAL) -> list[int]:
    """How many requests each span cost, one after the other."""
    drive, costs = Drive(vendor, sizes=sizes), list[int]()
    for span in spans:
        before = vendor.requests
        drive.over([span])
        assert drive.failure is None
        costs.append(vendor.requests - before)
    assert vendor.lasting <= drive.keys
    return costs


@pytest.mark.parametrize("filtered", [False, True])
def test_stream_maps_that_filter_every_record_cost_nothing(
    filtered: bool,  # noqa: FBT001
) -> None:
    """It was 122 where every record was filtered: a filtered call was taken for a bad one."""
    calls = evenly(6_000, DAY / 6_000)
    vendor = SimulatedVendor(calls, Habits(page_size=100, filtered=filtered))
    assert cost(vendor, Window(NOON - 25 * HOUR - MINUTE, NOON)) == [63]


def test_a_length_that_was_refused_is_remembered_from_new_history_to_revisits() -> None:
    habits = Habits(page_size=10, longest=DAY)
    spans = (Window(NOON - 30 * DAY, NOON - 10 * DAY), Window(NOON - 10 * DAY, NOON))
    vendor = SimulatedVendor(office_hours(30, 3), habits)
    again = cost(vendor, *spans)[1]
    sound = cost(SimulatedVendor(office_hours(30, 3), replace(habits, longest=None)), *spans)[1]
    # No window is as long as the sound vendor's; none is refused.
    assert sound < again <= 36


def test_an_end_that_was_refused_is_remembered_from_new_history_to_revisits() -> None:
    trims = []

    def decided(_: Task, decision: Decision) -> None:
        if isinstance(decision, Split) and decision.lineage.trims:
            trims.append(decision)

    vendor = SimulatedVendor(evenly(200, MINUTE), Habits(page_size=10, ahead=4 * MINUTE))
    drive = Drive(vendor, decided, sizes=USUAL).over([Window(NOON - DAY, NOON)])
    known = len(trims)
    assert known
    drive.over([Window(NOON - 2 * HOUR, NOON)])
    assert drive.failure is None
    assert len(trims) == known
    assert {read.window.end for read in (drive.read[0], drive.read[-1])} == {NOON - 5 * MINUTE}


@pytest.mark.parametrize("paging", [NumberedPages, OffsetPages])
def test_how_deep_a_page_may_lie_is_remembered_from_new_history_to_revisits(
    paging: type[Pass],
) -> None:
    """It was 49: the revisits planned windows as large as if no page had ever failed."""
    vendor = SimulatedVendor(
        [NOON - 30 * DAY * number / 9_030 for number in range(9_030)],
        Habits(paging=paging, page_size=50, deepest=100),
    )
    spans = (Window(NOON - 30 * DAY, NOON - 10 * DAY), Window(NOON - 10 * DAY, NOON - 7 * DAY))
    drive = Drive(vendor, sizes=USUAL).over(spans[:1])
    before = vendor.requests
    drive.over(spans[1:])
    # Pages that overlap hold fewer calls of their own.
    assert vendor.requests - before <= (40 if paging is NumberedPages else 70)


def test_pauses_before_unlikely_answers_are_few_however_many_there_are() -> None:
    """Every other answer is poor."""
    paused = []

    class Asked(SimulatedVendor):
        @override
        def answer(self, request: PageRequest) -> Page:
            paused.append(request.pause_seconds)
            return super().answer(request)

    habits = Habits(page_size=5, thin=frozenset(range(2, 4_000, 2)))
    drive = Drive(Asked(evenly(600, MINUTE), habits))
    drive.over([Window(NOON - DAY, NOON)])
    assert drive.failure is None
    assert sum(seconds > 0 for seconds in paused) == 20


def test_ends_that_bring_as_much_as_their_window_do_not_speak_for_it() -> None:
    """A vendor that ignores the dates gives the same for each, cut by its cap or not."""
    seen = []

    def decided(_: Task, decision: Decision) -> None:
        seen.append(decision)

    habits = Habits(paging=CursorPages, page_size=50, total="none", heeds_bounds=False)
    drive = Drive(SimulatedVendor(evenly(100, MINUTE), habits), decided, sizes=USUAL)
    drive.over([Window(NOON - DAY, NOON)])
    looked = next(place for place, each in enumerate(seen) if isinstance(each, LookAtEnds))
    after = next(each for each in seen[looked:] if isinstance(each, Accept | Split))
    assert isinstance(after, Split)


def test_parts_that_are_read_again_or_in_parts_are_counted_once() -> None:
    """Deep pages that failed made a vendor look as if it gave the same calls for every window."""
    vendor = SimulatedVendor(office_hours(3, 400), Habits(page_size=5, deepest=10))
    drive = Drive(vendor, sizes=SMALL).over([Window(NOON - 3 * DAY, NOON)])
    assert drive.failure is None
    assert not drive.schedule.knowledge.ignores_bounds
    whole = Window(NOON - DAY, NOON)
    dense = Dense(100)
    for part in (whole, whole, *whole.split(2, MINUTE)):
        dense.count(part, 60)
    assert dense.found == 60


def test_how_often_a_window_was_halved_and_trimmed_outlives_every_other_split() -> None:
    """Splits for other reasons began to count anew, so that nothing bounded the halvings."""
    seen = []

    def halved(drive: Drive) -> None:
        for task in drive.schedule.under_way:
            if task.lineage == NO_LINEAGE:
                task.lineage = Lineage(halvings=7, trims=3)

    def decided(_: Task, decision: Decision) -> None:
        if isinstance(decision, Split):
            seen.append(decision.lineage)

    habits = Habits(page_size=5, cap=50, total="capped")
    drive = Drive(SimulatedVendor(evenly(200, MINUTE), habits), decided, halved)
    drive.over([Window(NOON - DAY, NOON)])
    assert {(each.halvings, each.trims) for each in seen} == {(7, 3)}


def test_every_decision_is_a_line_at_debug_with_its_window_and_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    vendor = SimulatedVendor(office_hours(3, 100), Habits(page_size=10, cap=50, total="capped"))
    span = Window(NOON - 3 * DAY, NOON)
    with caplog.at_level(logging.DEBUG, "tap-callhistory.reading"):
        workers: InTurn[Any, Any] = InTurn(vendor.answer)
        read = list(Reader(vendor, workers, concurrency=2, stop=Event(), sizes=USUAL).read([span]))
    lines = caplog.messages
    for each in read:
        assert f"the window {each.window}: accepted" in lines
    splits = [line for line in lines if ": split into " in line]
    assert splits
    assert all(line.split("): ")[-1] for line in splits)
    assert any("results may have been cut" in line for line in splits)
    assert any("look at its ends" in line for line in lines)
