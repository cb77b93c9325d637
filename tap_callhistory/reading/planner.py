"""Plans windows that hold about as many calls as are comfortable. Pure."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_callhistory.reading.windows import MONTH, Window, ceiling

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How much longer than the one before a window may be planned.
GROWTH = 8
#: Stretch of history whose calls per second foretell the next window: a week has every kind of day.
MEMORY = timedelta(days=7)
#: No window is longer: vendors compute totals over it.
LONGEST = timedelta(days=120)
#: A window is longer than a month, and then far longer, only where the history is so dense that a
#: vendor which cuts long periods to a month would show.
FEWEST_CALLS_OF_A_DENSE_MONTH = 30


class Planner:
    """Cuts a span into windows that hold about as many calls as are comfortable.

    It learns from every window how dense the history is: sparse stretches get longer windows,
    dense ones shorter. Until it has learnt anything it plans one window only (`knows`).

    Attributes:
        end: The end of the last span; None where there is none.
    """

    def __init__(
        self,
        spans: Sequence[Window],
        *,
        resolution: timedelta,
        comfortable: int,
        first: timedelta,
        shortest_refused: timedelta | None = None,
        calls_per_day: float | None = None,
    ) -> None:
        """Plan the reading of some spans.

        Args:
            spans: Stretches of history in order.
            resolution: The smallest step of the vendor's date parameters.
            comfortable: How many calls a window should hold.
            first: Length of the first window, when nothing is known yet.
            shortest_refused: The length of the shortest window that the vendor has refused.
            calls_per_day: How dense the history was when it was read last; None if unknown.
        """
        self._spans = deque(span for span in spans if span)
        self._resolution = resolution
        self._comfortable = comfortable
        self._length = first
        self._longest = LONGEST
        self._learnt: deque[tuple[Window, int]] = deque()
        self._calls_per_day = calls_per_day
        self.end = self._spans[-1].end if self._spans else None
        if shortest_refused is not None:
            self.refuse(shortest_refused)

    @property
    def knows(self) -> bool:
        """Whether any window has been learnt from."""
        return bool(self._learnt)

    @property
    def left(self) -> tuple[Window, ...]:
        """What is still to be cut into windows, in order."""
        return tuple(self._spans)

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
        if self._spans and self._spans[0].start == span.end:
            span = Window(span.start, self._spans.popleft().end)
        self._spans.appendleft(span)

    def learn(self, window: Window, calls: int) -> None:
        """Note how many calls a window turned out to hold."""
        self._learnt.append((window, calls))
        newest = max(w.end for w, _ in self._learnt)
        while len(self._learnt) > 1 and self._learnt[0][0].end < newest - MEMORY:
            self._learnt.popleft()

    def expected(self, window: Window) -> float | None:
        """How many calls a window should hold by those read before; None where none were."""
        if self._learnt:
            calls = sum(n for _, n in self._learnt)
            return calls * (window.length / sum((w.length for w, _ in self._learnt), timedelta(0)))
        if self._calls_per_day is None:
            return None
        return self._calls_per_day * (window.length / timedelta(days=1))

    def is_last_of_a_first_run(self, window: Window) -> bool:
        """Whether history ends with a window, and no run before says how dense it is."""
        return self._calls_per_day is None and window.end == self.end

    def refuse(self, length: timedelta) -> None:
        """Note that the vendor refuses a window of this length: plan none as long again."""
        self._longest = min(self._longest, max(length / 2, self._resolution))
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
