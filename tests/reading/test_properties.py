"""What holds of reading whatever a vendor does: drawn vendors drive the schedule, without any I/O.

A vendor's pages come in any order; those of passes that were abandoned are poisoned, so that a call
of theirs that counted would be seen. After every decision, and after every page, what must hold is
looked at; what a simulated vendor cannot do is in its `Habits`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_callhistory.reading.cursors import AnchoredPages, CursorPages
from tap_callhistory.reading.decision import (
    Accept,
    AskAgain,
    Decision,
    Fail,
    LookAtEnds,
    ReadAgain,
    Search,
    Split,
)
from tap_callhistory.reading.doubts import looks_cut
from tap_callhistory.reading.paginators import NumberedPages, OffsetPages
from tap_callhistory.reading.unlikely import MOST_ANSWERS_WHERE_IT_HELPS
from tap_callhistory.reading.windows import Window
from tests.support.reading.simulated_vendor import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    Change,
    Drive,
    Habits,
    SimulatedVendor,
)

if TYPE_CHECKING:
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.tasks import Task

#: How often a window may be tried before it gets shorter or leaves: three passes, eight answers
#: against a better one, nine searches, and some for deep pages, outages and looks at ends.
MOST_TRIES = 24
#: How often one page of one pass may be asked for again.
MOST_REPEATS = MOST_ANSWERS_WHERE_IT_HELPS
#: The end of history moves back so far, in four steps.
LATEST_TRIM = HOUR


def tiles(parts: list[Window], window: Window) -> bool:
    """Whether parts, in order, make up a window: no gap, no overlap."""
    edges = all(one.end == other.start for one, other in pairwise(parts))
    return edges and all(parts) and (parts[0].start, parts[-1].end) == (window.start, window.end)


@dataclass
class Watch:
    """Looks at every decision, and at what there is after every page.

    Attributes:
        spans: What is to be read.
        honest: Whether the vendor always gives all calls of a window, but for a cap: what is
            accepted then holds them.
    """

    vendor: SimulatedVendor
    spans: list[Window]
    honest: bool = False
    tries: Counter[Task] = field(default_factory=Counter)
    repeats: Counter[Any] = field(default_factory=Counter)
    looked: set[Task] = field(default_factory=set)
    failed: list[tuple[Task, Fail]] = field(default_factory=list)
    trimmed: Window | None = None
    knew: dict[str, Any] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def decided(self, task: Task, decision: Decision) -> None:
        assert not task.settled or isinstance(decision, ReadAgain), "what has left is left alone"
        self.kinds[type(decision).__name__] += 1
        match decision:
            case Split():
                self._split(task, decision)
            case Accept(provisional):
                self._accept(task, provisional=provisional)
            case AskAgain(positions, reason):
                assert reason
                for position in positions:
                    self.repeats[task, task.attempt, position] += 1
                    assert self.repeats[task, task.attempt, position] < MOST_REPEATS
            case ReadAgain() | Search():
                self._tried(task)
            case LookAtEnds(ends):
                self.looked.add(task)
                assert all(task.window.encloses(end) for end in ends)
                self._tried(task)
            case Fail(error):
                assert str(error)
                self.failed.append((task, decision))

    def _tried(self, task: Task) -> None:
        self.tries[task] += 1
        assert self.tries[task] <= MOST_TRIES

    def _split(self, task: Task, split: Split) -> None:
        assert split.reason
        window, parts = task.window, split.parts
        if split.lineage.trims < task.lineage.trims:
            # It was not for its end: what was left of it in vain is taken up again.
            assert split.lineage.trims == 0
            assert self.trimmed is not None
            window, self.trimmed = Window(window.start, self.spans[-1].end), None
        assert all(part.length < window.length for part in parts)
        assert split.lineage.halvings >= task.lineage.halvings
        if split.lineage.trims > task.lineage.trims:
            kept = parts[0] if parts else Window(window.start, window.start)
            assert kept.start == window.start
            assert window.end == self._end, "only the end of history moves back"
            self.trimmed = Window(kept.end, self.spans[-1].end)
            assert self.trimmed.length <= LATEST_TRIM + MINUTE or not kept
            return
        assert len(parts) > 1
        assert tiles(parts, window)
        if split.given_back is not None:
            assert tiles([parts[0], split.given_back], window)

    @property
    def _end(self) -> datetime:
        return self.trimmed.start if self.trimmed else self.spans[-1].end

    def _accept(self, task: Task, *, provisional: bool) -> None:
        assert task.current is not None
        assert task.whole, "no page is still to come"
        task.current.prove()
        assert task.received.keys() <= self.vendor.ever, "an abandoned pass counts"
        if provisional:
            assert task.window.length < 2 * SECOND, "only what cannot be split is accepted for now"
            return
        if self.honest:
            assert self.vendor.within(task.window) <= task.received.keys()
        doubted = looks_cut(task.current, task.shape)
        assert not doubted or task in self.looked or task.lineage.doubt is not None

    def after_each(self, drive: Drive) -> None:
        """Accepted, under way and planned are the spans; windows leave in order."""
        under_way = [
            task.window
            for task in drive.schedule.under_way
            if task.end_of is None and task.searches_for is None
        ]
        everything = [read.window for read in drive.read] + under_way + list(drive.schedule.planned)
        left = [self.trimmed] if self.trimmed else []
        at = 0
        for span in self.spans:
            covered = [each for each in [*everything, *left] if span.encloses(each) and each]
            assert tiles(covered, span)
            at += len(covered)
        assert at == len([each for each in [*everything, *left] if each])
        self._knows(drive.schedule.knowledge)

    def _knows(self, knowledge: Knowledge) -> None:
        knows = {
            "most_calls": knowledge.most_calls,
            "largest_trusted": knowledge.largest_trusted,
            "ignores_bounds": knowledge.ignores_bounds,
            "total_holds": knowledge.total_holds,
            "cap": knowledge.cap.calls is not None,
            "opening": len(knowledge.opening),
            "answers": knowledge.answers,
            "surplus": knowledge.habitual_surplus is not None,
            "longest_accepted": knowledge.lengths.longest_accepted,
            "shortest_refused": -(knowledge.lengths.shortest_refused or 1000 * DAY),
            "largest_page": knowledge.largest_page,
            "short_pages_hold": knowledge.short_pages_hold,
            "gives_too_little": knowledge.gives_too_little,
            "pages_fall_short": knowledge.pages_fall_short,
            "poor_answers": knowledge.poor_answers,
            "blinks": knowledge.blinks,
            "deepest_row": knowledge.depth.deepest_row,
            "latest_end": -(knowledge.latest_end or NOON + DAY).timestamp(),
        }
        for name, value in knows.items():
            assert value >= self.knew.get(name, value), f"{name} is forgotten"
        self.knew = knows


def read(
    vendor: SimulatedVendor,
    spans: list[Window],
    *,
    seed: int = 0,
    concurrency: int = 4,
    keep_incomplete: bool = False,
    honest: bool = False,
) -> tuple[Drive, Watch]:
    """Read spans under watch, to their end or the first failure."""
    watch = Watch(vendor, spans, honest=honest)
    drive = Drive(
        vendor,
        watch.decided,
        watch.after_each,
        seed=seed,
        concurrency=concurrency,
        keep_incomplete=keep_incomplete,
    ).over(spans)
    if drive.failure is None:
        watch.after_each(drive)
    _names(drive, watch)
    assert drive.keys <= vendor.ever
    return drive, watch


def _names(drive: Drive, watch: Watch) -> None:
    """What ends reading names the window, and says why."""
    if drive.failure is None:
        return
    assert str(drive.failure)
    failed = next((task for task, _ in watch.failed if task.error is drive.failure), None)
    said = f"{drive.failure} {getattr(drive.failure, 'window', '')}"
    if failed is None:
        assert "the vendor stops at" in said
        assert "the window [20" in said
    else:
        assert str(failed.window) in said


# What is drawn.

Burst = tuple[float, int, timedelta]


def history(bursts: list[Burst], span: Window) -> list[datetime]:
    """Calls in bursts: where each begins, how many they are, and how far apart."""
    calls = [
        span.start + span.length * place + apart * number
        for place, count, apart in bursts
        for number in range(count)
    ]
    return [call for call in calls if call < span.end]


places = st.floats(0, 1, exclude_max=True).map(lambda place: round(place, 3))
apart = st.sampled_from([SECOND, 7 * SECOND, 61 * SECOND, 17 * MINUTE, 5 * HOUR])
bursts = st.lists(st.tuples(places, st.integers(1, 70), apart), max_size=4)
lengths = st.sampled_from([HOUR, 5 * HOUR, DAY, 3 * DAY, 40 * DAY, 200 * DAY])
spans = lengths.map(lambda length: Window(NOON - length, NOON))
seeds = st.integers(0, 1000)
counted = st.sampled_from([NumberedPages, OffsetPages])
kinds = st.sampled_from([NumberedPages, OffsetPages, CursorPages, AnchoredPages])
orders = st.sampled_from(["oldest", "newest", "none"])
sizes = st.sampled_from([5, 10])
quick = settings(
    deadline=None, max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@st.composite
def habits(draw: st.DrawFn, /, kind: st.SearchStrategy[Any] = kinds, **more: Any) -> Habits:
    """A vendor that gives every call, in pages of any kind, and has any of some more habits."""
    paging = draw(kind)
    order = draw(orders) if paging is not AnchoredPages else "oldest"
    total = "right" if paging is NumberedPages else draw(st.sampled_from(["right", "none"]))
    drawn = {name: draw(each) for name, each in more.items()}
    return Habits(paging=paging, page_size=draw(sizes), order=order, total=total, **drawn)


def check_whole(drive: Drive, vendor: SimulatedVendor, watch: Watch) -> None:
    assert drive.failure is None
    kept = {
        key for key in vendor.lasting if not watch.trimmed or key in vendor.within(_before(watch))
    }
    assert kept <= drive.keys


def _before(watch: Watch) -> Window:
    assert watch.trimmed is not None
    return Window(watch.spans[0].start, watch.trimmed.start)


@quick
@given(bursts, spans, habits(), seeds, st.integers(1, 8))
def test_a_sound_vendor_is_read_whole_and_cheaply(
    calls: list[Burst], span: Window, habit: Habits, seed: int, concurrency: int
) -> None:
    vendor = SimulatedVendor(history(calls, span), habit)
    drive, watch = read(vendor, [span], seed=seed, concurrency=concurrency, honest=True)
    check_whole(drive, vendor, watch)
    assert vendor.requests < bound(vendor, span)


def bound(vendor: SimulatedVendor, span: Window) -> int:
    """Requests in which a vendor must have been read; most of them are for what looks cut.

    Of 150 vendors the costliest took two thirds of it.
    """
    return 600 + 6 * (len(vendor.ever) // vendor.habits.page_size + span.length.days)


caps = st.sampled_from([20, 30, 32, 40])
dense = st.lists(st.tuples(places, st.integers(30, 70), apart), min_size=2, max_size=4)


@settings(quick, max_examples=60)
@given(dense, spans, habits(cap=caps), st.sampled_from(["capped", "none"]), seeds)
def test_a_cap_that_nobody_told_of_cuts_nothing(
    calls: list[Burst], span: Window, habit: Habits, total: str, seed: int
) -> None:
    if total != "none" or habit.paging is not NumberedPages:
        habit = replace(habit, total=total)
    vendor = SimulatedVendor(history(calls, span), habit)
    drive, watch = read(vendor, [span], seed=seed)
    if drive.failure is None:
        check_whole(drive, vendor, watch)


shorter = st.sampled_from([None, HOUR, 5 * HOUR, DAY, 10 * DAY])
ahead = st.sampled_from([timedelta(0), 30 * SECOND, 4 * MINUTE, 40 * MINUTE])


@quick
@given(
    bursts,
    spans,
    habits(longest=shorter, ahead=ahead, words=st.booleans()),
    seeds,
)
def test_what_is_refused_is_asked_for_in_other_ways(
    calls: list[Burst], span: Window, habit: Habits, seed: int
) -> None:
    # Something must be left to be given: else it may be the account that is refused.
    habit = replace(habit, ahead=min(habit.ahead, span.length / 4))
    vendor = SimulatedVendor(history(calls, span), habit)
    drive, watch = read(vendor, [span], seed=seed)
    check_whole(drive, vendor, watch)


@quick
@given(
    bursts,
    spans,
    habits(
        deepest=st.sampled_from([None, 10, 25]),
        heaviest=st.sampled_from([None, 10, 30]),
        outage=st.tuples(st.integers(1, 30), st.integers(0, 12)).map(
            lambda both: range(both[0], sum(both))
        ),
    ),
    seeds,
)
def test_a_vendor_that_cannot_carry_a_window_is_asked_for_less(
    calls: list[Burst], span: Window, habit: Habits, seed: int
) -> None:
    vendor = SimulatedVendor(history(calls, span), habit)
    drive, watch = read(vendor, [span], seed=seed)
    if drive.failure is None:
        check_whole(drive, vendor, watch)


def changes(*, appears: bool) -> st.SearchStrategy[tuple[Change, ...]]:
    change = st.builds(Change, st.integers(1, 40), st.integers(0, 200), st.just(appears))
    return st.lists(change, max_size=6).map(tuple)


@quick
@given(
    bursts,
    spans,
    habits(changes=changes(appears=True) | changes(appears=False)),
    seeds,
)
def test_pages_that_shift_lose_no_call(
    calls: list[Burst], span: Window, habit: Habits, seed: int
) -> None:
    vendor = SimulatedVendor(history(calls, span), habit)
    drive, watch = read(vendor, [span], seed=seed)
    check_whole(drive, vendor, watch)


@quick
@given(
    bursts,
    spans,
    habits(counted, thin=st.sets(st.integers(1, 60), max_size=1).map(frozenset)),
    st.sampled_from([0.0, 0.5]),
    seeds,
)
def test_an_answer_that_lacks_calls_by_its_own_total_is_not_the_last_word(
    calls: list[Burst], span: Window, habit: Habits, share: float, seed: int
) -> None:
    habit = replace(habit, total="right", thin_share=share)
    vendor = SimulatedVendor(history(calls, span), habit)
    drive, watch = read(vendor, [span], seed=seed)
    check_whole(drive, vendor, watch)


@quick
@given(bursts, st.sampled_from([HOUR, 5 * HOUR]), habits(counted), st.integers(1, 60), seeds)
def test_a_total_that_lies_ends_in_an_error_that_names_the_window(
    calls: list[Burst], length: timedelta, habit: Habits, surplus: int, seed: int
) -> None:
    span = Window(NOON - length, NOON)
    vendor = SimulatedVendor(history(calls, span), replace(habit, total=surplus))
    drive, watch = read(vendor, [span], seed=seed)
    assert drive.failure is not None or not vendor.ever
    assert all(decision.alone for _, decision in watch.failed)


@quick
@given(bursts, st.sampled_from([HOUR, DAY]), habits(broken=st.integers(1, 40)), seeds)
def test_what_cannot_be_read_does_not_bury_what_can(
    calls: list[Burst], length: timedelta, habit: Habits, seed: int
) -> None:
    span = Window(NOON - length, NOON)
    vendor = SimulatedVendor(history(calls, span), habit)
    drive, _ = read(vendor, [span], seed=seed, keep_incomplete=True)
    if drive.failure is None:
        incomplete = [each.window for each in drive.read if not each.complete]
        lost = vendor.lasting - drive.keys
        kept = set[int]().union(*(vendor.within(window) for window in incomplete))
        assert lost <= kept
        assert all(each.reason for each in drive.read if not each.complete)


@quick
@given(bursts, spans, habits(st.just(NumberedPages)), seeds)
def test_a_vendor_that_heeds_no_bounds_is_read_to_an_end(
    calls: list[Burst], span: Window, habit: Habits, seed: int
) -> None:
    vendor = SimulatedVendor(history(calls, span), replace(habit, heeds_bounds=False))
    drive, watch = read(vendor, [span], seed=seed)
    if drive.failure is None:
        check_whole(drive, vendor, watch)
