"""Windows of call history: planned, split, widened and revisited. Pure: no I/O, no clock.

A span of history is half-open, ``[start, end)``, and is read in windows, in order::

    start                                                            end
      |--- window ---|--- window ---|-------- window --------|- window -|
     <| widened by the vendor's resolution, as nobody says what its bounds include
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: How much longer than the one before a window may be planned.
GROWTH = 8
#: Stretch of history whose calls per second foretell the next window: a week has every kind of day.
MEMORY = timedelta(days=7)
#: No window is longer: vendors compute totals over it.
LONGEST = timedelta(days=120)
#: Some vendors cut a longer period to this without a word. A window is longer, and then far longer,
#: only where the history is so dense that it would show.
MONTH = timedelta(days=31)
FEWEST_CALLS_OF_A_DENSE_MONTH = 30
#: The most parts a window is cut into at once.
MOST_PARTS = 64


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of history, ``[start, end)``, in aware UTC instants."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"[{_short(self.start)}, {_short(self.end)})"

    def __bool__(self) -> bool:
        return self.start < self.end

    @property
    def length(self) -> timedelta:
        """The time from start to end."""
        return self.end - self.start

    def encloses(self, other: Window) -> bool:
        """Whether another window lies within this one."""
        return self.start <= other.start and other.end <= self.end

    def can_split(self, resolution: timedelta) -> bool:
        """Whether two windows of at least the vendor's resolution fit in."""
        return self.length >= 2 * resolution

    def split(self, parts: int, resolution: timedelta) -> list[Window]:
        """Cut into adjoining windows of about equal length, at instants the vendor can express.

        Args:
            parts: How many are wanted; fewer come where the resolution allows no more.
            resolution: The smallest step of the vendor's date parameters.

        Returns:
            At least two windows if `can_split`, else the window itself.
        """
        parts = max(2, min(parts, MOST_PARTS, self.length // resolution))
        cuts = {floor(self.start + self.length * i / parts, resolution) for i in range(1, parts)}
        edges = [self.start, *sorted(c for c in cuts if self.start < c < self.end), self.end]
        return [Window(a, b) for a, b in pairwise(edges)]


def _short(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def floor(instant: datetime, resolution: timedelta) -> datetime:
    """The last multiple of the resolution at or before the instant."""
    return instant - (instant - EPOCH) % resolution


def ceiling(instant: datetime, resolution: timedelta) -> datetime:
    """The first multiple of the resolution at or after the instant."""
    return floor(instant + resolution - timedelta(microseconds=1), resolution)


def widened(
    window: Window, resolution: timedelta, shifts: tuple[timedelta, timedelta] | None = None
) -> Window:
    """The bounds to ask a vendor for, so that its reading of them cannot lose a call.

    The start goes back by one step of the resolution (for exclusive bounds and for parameters
    that the vendor cuts), the end up to a step. Adjoining windows so always overlap or touch.

    Args:
        window: What is to be read.
        resolution: The smallest step of the vendor's date parameters.
        shifts: How far the vendor's clock changes near the start and near the end.
    """
    before, after = shifts or (timedelta(0), timedelta(0))
    return Window(
        floor(window.start, resolution) - resolution - before,
        ceiling(window.end, resolution) + after,
    )


def new_history(
    *, start_date: datetime, bookmark: datetime | None, lookback: timedelta, end: datetime
) -> Window:
    """The history that a sync reads: ``[bookmark - lookback, end)``, never before `start_date`.

    The window is empty (false) when there is nothing to read.
    """
    start = start_date if bookmark is None else max(start_date, bookmark - lookback)
    return Window(start, end)


@dataclass(frozen=True, slots=True)
class Revisits:
    """The stretches of history to be read once more, because they have come of an age.

    Each age has a bookmark: calls that began before it have been read at that age or later.
    """

    bookmarks: Mapping[timedelta, datetime]
    targets: Mapping[timedelta, datetime]

    @classmethod
    def plan(
        cls,
        *,
        ages: Iterable[timedelta],
        bookmarks: Mapping[timedelta, datetime],
        bookmark: datetime | None,
        now: datetime,
    ) -> Revisits:
        """Say, for every age, from where to where history is due.

        Args:
            ages: The ages at which history is read once more.
            bookmarks: The ages' bookmarks in the state.
            bookmark: The stream's own bookmark before this sync. A history that was never read
                needs no visit where it is older than the age: its first reading is the visit.
            now: The moment when the sync began.
        """
        known = now if bookmark is None else min(bookmark, now)
        ages = tuple(ages)
        return cls(
            bookmarks={age: bookmarks.get(age, known - age) for age in ages},
            targets={age: max(bookmarks.get(age, known - age), now - age) for age in ages},
        )

    def spans(
        self, *, read: Window, start_date: datetime, bookmark: datetime | None
    ) -> list[Window]:
        """The history to revisit, in order and without overlaps.

        Args:
            read: What this sync has read as new: that was a visit, too.
            start_date: Nothing before it is read.
            bookmark: The stream's bookmark before this sync: what lies behind it is read at all.
        """
        if bookmark is None:
            return []
        spans = merged(
            Window(max(self.bookmarks[age], start_date), min(self.targets[age], bookmark))
            for age in self.bookmarks
        )
        if not read:
            return spans
        before = [Window(span.start, min(span.end, read.start)) for span in spans]
        after = [Window(max(span.start, read.end), span.end) for span in spans]
        return [span for span in (*before, *after) if span]

    def visited(self, window: Window) -> Revisits:
        """The same revisits when one more window, next in order, has been read."""
        moved = {
            age: max(mark, min(window.end, self.targets[age])) if window.start <= mark else mark
            for age, mark in self.bookmarks.items()
        }
        return Revisits(moved, self.targets)

    def done(self) -> Revisits:
        """The same revisits when everything that was due has been read."""
        return Revisits(dict(self.targets), self.targets)


def merged(windows: Iterable[Window]) -> list[Window]:
    """Windows in order, overlapping and adjoining ones made one, empty ones left out."""
    result: list[Window] = []
    for window in sorted(w for w in windows if w):
        if result and window.start <= result[-1].end:
            result[-1] = Window(result[-1].start, max(result[-1].end, window.end))
        else:
            result.append(window)
    return result


class Planner:
    """Cuts a span into windows that hold about as many calls as are comfortable.

    It learns from every window how dense the history is: sparse stretches get longer windows,
    dense ones shorter. Until it has learnt anything it plans one window only (`knows`).
    """

    def __init__(
        self,
        spans: Sequence[Window],
        *,
        resolution: timedelta,
        comfortable: int,
        first: timedelta,
    ) -> None:
        """Plan the reading of some spans.

        Args:
            spans: Stretches of history in order.
            resolution: The smallest step of the vendor's date parameters.
            comfortable: How many calls a window should hold.
            first: Length of the first window, when nothing is known yet.
        """
        self._spans = deque(span for span in spans if span)
        self._resolution = resolution
        self._comfortable = comfortable
        self._length = first
        self._longest = LONGEST
        self._learnt: deque[tuple[Window, int]] = deque()

    @property
    def knows(self) -> bool:
        """Whether any window has been learnt from."""
        return bool(self._learnt)

    def next(self) -> Window | None:
        """The next window, or None at the end of the last span."""
        if not self._spans:
            return None
        span = self._spans.popleft()
        self._length = self._next_length()
        cut = ceiling(span.start + self._length, self._resolution)
        left = span.end - cut
        # What is too little for a window of its own goes with this one.
        if left <= timedelta(0) or (left < self._length / 8 and self._may_be_one(span)):
            return span
        self._spans.appendleft(Window(cut, span.end))
        return Window(span.start, cut)

    def _may_be_one(self, span: Window) -> bool:
        return span.length <= min(MONTH, self._longest) or 2 * MONTH <= span.length <= self._longest

    def aim_at(self, calls: int) -> None:
        """Plan windows of so many calls from now on."""
        self._comfortable = calls

    def put_back(self, span: Window) -> None:
        """Plan a stretch anew that was planned last."""
        self._spans.appendleft(span)

    def learn(self, window: Window, calls: int) -> None:
        """Note how many calls a window turned out to hold."""
        self._learnt.append((window, calls))
        newest = max(w.end for w, _ in self._learnt)
        while len(self._learnt) > 1 and self._learnt[0][0].end < newest - MEMORY:
            self._learnt.popleft()

    def refuse(self, window: Window) -> None:
        """Note that the vendor refuses a window of this length: plan none as long again."""
        self._longest = min(self._longest, max(window.length / 2, self._resolution))
        self._length = min(self._length, self._longest)

    def _next_length(self) -> timedelta:
        if not self._learnt:
            return min(self._length, self._longest)
        calls = sum(n for _, n in self._learnt)
        seconds = sum(w.length.total_seconds() for w, _ in self._learnt)
        longest_seen = max(w.length for w, _ in self._learnt)
        fitting = timedelta(seconds=seconds * self._comfortable / calls) if calls else MONTH
        length = min(fitting, GROWTH * longest_seen, self._longest)
        sparse = calls * MONTH.total_seconds() < FEWEST_CALLS_OF_A_DENSE_MONTH * seconds
        if sparse or length < 2 * MONTH:
            length = min(length, MONTH)
        if calls and seconds < MEMORY.total_seconds():
            # A weekend does not foretell the week after it.
            length = min(length, MEMORY)
        return max(length, self._resolution)
