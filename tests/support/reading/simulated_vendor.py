"""A vendor as a function from a request to a page, and a schedule that is driven by it.

No sandbox, no tap, no I/O: a list of calls, and habits that say how it is cut into pages, what is
refused, and what fails.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tap_callhistory.clocks import fixed_width
from tap_callhistory.errors import CallHistoryError, VendorRefusal, VendorUnavailable
from tap_callhistory.reading.cursors import AnchoredPages, CursorPages
from tap_callhistory.reading.pages import Limits, Page, ReadCall
from tap_callhistory.reading.paginators import NumberedPages
from tap_callhistory.reading.schedule import Schedule
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.tasks import PageRequest
from tap_callhistory.reading.windows import Window, shaped, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tap_callhistory.reading.decision import Decision
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.passes import Pass
    from tap_callhistory.reading.read_windows import ReadWindow
    from tap_callhistory.reading.tasks import Task

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
#: More requests than this mean that reading never ends.
MOST_REQUESTS = 20_000
SMALL = Sizes(
    comfortable_pages=4,
    fewest_comfortable_calls=8,
    most_comfortable_calls=24,
    most_calls=48,
    most_calls_of_an_instant=400,
    look_ahead_calls=72,
    first_window=DAY,
)


class Change(NamedTuple):
    """A call that appears or disappears before a request is answered.

    Attributes:
        request: The number of the request, from 1.
        place: Which call disappears, or where in the history one appears; any number.
        appears: Whether one appears.
    """

    request: int
    place: int
    appears: bool


@dataclass(frozen=True)
class Habits:
    """How a simulated vendor behaves.

    Attributes:
        paging: How its pages are read.
        page_size: How many calls a page holds.
        order: "oldest" or "newest" first, or "none": by key, which says nothing of time.
        total: "right", "none", "capped" (no more than the cap), or how many too many at most.
        cap: It gives no more results of a window; None for any number.
        longest: It refuses longer windows.
        ahead: It refuses windows that end less than this before the end of history.
        words: Whether its refusals say what is wrong with the window.
        deepest: A page with rows beyond this many fails.
        heaviest: A window with more calls fails.
        broken: The place of a call whose every page fails; None for none.
        thin: Requests whose page is empty, or half.
        thin_share: What is left of such a page.
        changes: What appears and disappears.
        outage: Requests that fail unless they are asked with all retries.
        heeds_bounds: Whether the window asked for means anything.
        filtered: The user's stream maps filter every record.
    """

    paging: type[Pass] = NumberedPages
    page_size: int = 5
    order: str = "oldest"
    total: str | int = "right"
    cap: int | None = None
    longest: timedelta | None = None
    ahead: timedelta = timedelta(0)
    words: bool = False
    deepest: int | None = None
    heaviest: int | None = None
    broken: int | None = None
    thin: frozenset[int] = frozenset()
    thin_share: float = 0.0
    changes: tuple[Change, ...] = ()
    outage: range = range(0)
    heeds_bounds: bool = True
    filtered: bool = False


@dataclass
class SimulatedVendor:
    """A vendor that answers from a list of calls.

    Attributes:
        instants: When its calls began, in order; their keys are 1, 2, 3...
        habits: How it behaves.
        end: Where its history ends.
        lasting: The keys that were there from the beginning and never disappeared.
        ever: All keys that were ever there.
        requests: How many pages were asked for.
    """

    instants: Sequence[datetime]
    habits: Habits = Habits()
    end: datetime = NOON
    requests: int = 0
    lasting: set[int] = field(init=False)
    ever: set[int] = field(init=False)
    resolution = SECOND

    def __post_init__(self) -> None:
        self.limits = Limits(self.habits.page_size)
        self._calls = [(at, key) for key, at in enumerate(sorted(self.instants), 1)]
        self.lasting = {key for _, key in self._calls}
        self.ever = set(self.lasting)
        self._broken = self.habits.broken
        self._changes = sorted(self.habits.changes)
        self._fresh = 10_000

    def new_pass(self, limits: Limits, knowledge: Knowledge) -> Pass:
        return self.habits.paging(limits, knowledge)

    def within(self, window: Window) -> set[int]:
        """The lasting calls of a window, by key."""
        return {key for at, key in self._calls if window.start <= at < window.end} & self.lasting

    def answer(self, request: PageRequest) -> Page:
        """Give a page.

        Raises:
            CallHistoryError: It is refused, or fails.
        """
        self.requests += 1
        assert self.requests < MOST_REQUESTS, "never ends"
        self._change()
        habits, window = self.habits, request.task.window
        if self.requests in habits.outage and request.retries is not None:
            raise VendorUnavailable("nothing answers", may_carry_less=True)
        self._refuse(window)
        earlier = shaped(window, request.repeats, SECOND)
        found = self._found(widened(earlier, SECOND))
        if habits.heaviest is not None and len(found) > habits.heaviest:
            raise VendorUnavailable("the vendor is too slow", may_carry_less=True)
        return self._page(request, found)

    def _change(self) -> None:
        while self._changes and self._changes[0].request <= self.requests:
            change = self._changes.pop(0)
            if change.appears and self._calls:
                self._fresh += 1
                at, _ = self._calls[change.place % len(self._calls)]
                self._calls.append((at, self._fresh))
                self._calls.sort()
                self.ever.add(self._fresh)
            elif self._calls:
                _, key = self._calls.pop(change.place % len(self._calls))
                self.lasting.discard(key)

    def _refuse(self, window: Window) -> None:
        habits = self.habits
        if habits.longest is not None and window.length > habits.longest:
            raise VendorRefusal("the period is too long" if habits.words else "no", status=400)
        if habits.ahead and window.end > self.end - habits.ahead:
            raise VendorRefusal("it ends too late", status=400, speaks_of_the_end=habits.words)

    def _found(self, asked: Window) -> list[tuple[datetime, int]]:
        found = [
            (at, key)
            for at, key in self._calls
            if not self.habits.heeds_bounds or asked.start <= at <= asked.end
        ]
        if self.habits.order == "newest":
            return found[::-1]
        if self.habits.order == "none":
            return sorted(found, key=lambda call: _scattered(call[1]))
        return found

    def _page(self, request: PageRequest, found: list[tuple[datetime, int]]) -> Page:
        habits, position = self.habits, request.position
        total: int | None = len(found)
        found = found[: habits.cap] if habits.cap is not None else found
        if habits.total == "capped":
            total = len(found)
        elif habits.total == "none":
            total = None
        elif isinstance(habits.total, int) and found:
            total = len(found) + random.Random(f"{request.task.window}").randint(1, habits.total)
        first = position.number
        if habits.paging is NumberedPages:
            first = (position.number - 1) * habits.page_size
        elif habits.paging is CursorPages:
            first = self._behind(position.cursor, found)
        elif habits.paging is AnchoredPages:
            found = [call for call in found if fixed_width(call[0]) >= position.anchor]
        rows = found[first : first + habits.page_size]
        self._carry(rows, first)
        # A full page has a next one, be it empty; what a cap has cut has none.
        ends = len(rows) < habits.page_size or first + len(rows) == habits.cap
        follows = habits.paging is CursorPages and not ends
        cursor = f"{rows[-1][0].isoformat()}|{rows[-1][1]}" if follows and rows else ""
        if self.requests in habits.thin:
            rows = rows[: int(len(rows) * habits.thin_share)]
        return Page([self._call(at, key) for at, key in rows], total, habits.page_size, cursor)

    def _carry(self, rows: list[tuple[datetime, int]], first: int) -> None:
        deepest = self.habits.deepest
        if deepest is not None and rows and first + len(rows) > deepest and first:
            raise VendorUnavailable("the page is too deep", may_carry_less=True)
        if self._broken in {key for _, key in rows}:
            raise VendorUnavailable("a call breaks the page", status=500, may_carry_less=True)

    def _behind(self, cursor: str, found: list[tuple[datetime, int]]) -> int:
        """How many calls lie before the one that a cursor points behind, or before its place."""
        if cursor in {"", CursorPages.other_opening}:
            return 0
        at, key = cursor.split("|")
        mark = (datetime.fromisoformat(at), int(key))
        if self.habits.order == "newest":
            return sum(call >= mark for call in found)
        if self.habits.order == "none":
            places = [call[1] for call in found]
            return places.index(mark[1]) + 1 if mark[1] in places else len(found)
        return sum(call <= mark for call in found)

    def _call(self, at: datetime, key: int) -> ReadCall:
        return ReadCall(key, fixed_width(at), b"" if self.habits.filtered else b"{}\n", key)


@cache
def _scattered(key: int) -> float:
    """Where a call stands in no order of time: always at the same place."""
    return random.Random(key).random()


def poisoned(request: PageRequest) -> Page:
    """What an abandoned pass is given: calls that no vendor has."""
    moment = fixed_width(request.task.window.start)
    return Page([ReadCall(-key, moment, b"{}\n", key) for key in range(1, 4)], total=7)


def _unheard(_task: Task, _decision: Decision) -> None:
    pass


@dataclass
class Drive:
    """Drives a schedule by a vendor; pages come in an order drawn from a seed.

    Attributes:
        vendor: Whom to ask.
        schedule: What is driven.
        read: The windows that have left.
        failure: Why reading ended before the end of the spans; None if it did not.
        stale: How many pages came for a pass that had been abandoned.
    """

    vendor: SimulatedVendor
    decided: Callable[[Task, Decision], None] = _unheard
    after_each: Callable[[Drive], None] = lambda _drive: None
    seed: int = 0
    concurrency: int = 4
    sizes: Sizes = SMALL
    calls_per_day: float | None = None
    keep_incomplete: bool = False
    read: list[ReadWindow] = field(default_factory=list)
    failure: Exception | None = None
    stale: int = 0

    def __post_init__(self) -> None:
        self.schedule = Schedule(
            self.vendor,
            concurrency=self.concurrency,
            decided=self.decided,
            sizes=self.sizes,
            calls_per_day=self.calls_per_day,
            keep_incomplete=self.keep_incomplete,
        )

    @property
    def keys(self) -> set[str | int]:
        """The keys of all calls that left."""
        return {call.key for read in self.read for call in read.calls}

    def over(self, spans: Iterable[Window]) -> Drive:
        """Read spans to their end, or to the first failure."""
        chance, jobs = random.Random(self.seed), list[PageRequest]()
        self.schedule.read(list(spans))
        while not self.schedule.done:
            jobs += self.schedule.due()
            self.after_each(self)
            if self.schedule.may_leave:
                try:
                    self.read.append(self.schedule.leave())
                except CallHistoryError as error:
                    self.failure = error
                    break
                continue
            assert jobs, "it waits, and nothing is under way"
            assert len(jobs) <= self.concurrency
            self._answer(jobs.pop(chance.randrange(len(jobs))))
        return self

    def _answer(self, request: PageRequest) -> None:
        if request.attempt != request.task.attempt:
            self.stale += 1
            self.schedule.take(request, poisoned(request), None)
            return
        try:
            page = self.vendor.answer(request)
        except CallHistoryError as error:
            self.schedule.take(request, None, error)
        else:
            self.schedule.take(request, page, None)
