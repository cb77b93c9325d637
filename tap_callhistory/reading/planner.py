"""Plans windows that hold about as many calls as are comfortable. Pure."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_callhistory.reading.density import MEMORY, Density
from tap_callhistory.reading.windows import MONTH, Window, ceiling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

#: How much longer than the one before a window may be planned.
GROWTH = 8
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
        follows_a_run: Whether a run before says how dense history is: the vendor gave calls then.
    """

    def __init__(
        self,
        spans: Sequence[Window],
        *,
        resolution: timedelta,
        comfortable: int,
        first: timedelta,
        longest: timedelta | None = None,
        calls_per_day: float | None = None,
    ) -> None:
        """Plan the reading of some spans.

        Args:
            spans: Stretches of history in order.
            resolution: The smallest step of the vendor's date parameters.
            comfortable: How many calls a window should hold.
            first: Length of the first window, when nothing is known yet.
            longest: The length of the longest window that the vendor may give; None if unknown.
            calls_per_day: How dense the history was when it was read last; None if unknown.
        """
        self._spans = deque(span for span in spans if span)
        self._resolution = resolution
        self._comfortable = comfortable
        self._length = first
        self._longest = LONGEST
        self._density = Density(calls_per_day)
        self.follows_a_run = calls_per_day is not None
        self.end = self._spans[-1].end if self._spans else None
        self.bound(longest)

    @property
    def knows(self) -> bool:
        """Whether any window has been learnt from."""
        return self._density.knows

    @property
    def left(self) -> tuple[Window, ...]:
        """What is still to be cut into windows, in order."""
        return tuple(self._spans)

    def next(self) -> Window | None:
        """The next window, or None at the end of the last span."""
        if not self._spans:
            return None
        span = self._spans.popleft()
        self._length = self._next_length(span.start)
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

    def end_at(self, end: datetime) -> None:
        """Plan nothing from an instant on."""
        spans = [Window(span.start, min(span.end, end)) for span in self._spans]
        self._spans = deque(span for span in spans if span)

    def put_back(self, span: Window) -> None:
        """Plan a stretch anew that was planned last."""
        if self._spans and self._spans[0].start == span.end:
            span = Window(span.start, self._spans.popleft().end)
        self._spans.appendleft(span)

    def learn(self, window: Window, calls: int, moments: Iterable[str] = ()) -> None:
        """Note how many calls a window turned out to hold, and when, as far as that is known."""
        self._density.learn(window, calls, moments)

    def expected(self, window: Window) -> float | None:
        """How many calls a window should hold by those read before; None where none were."""
        return self._density.expected(window)

    @property
    def calls_per_day(self) -> float | None:
        """How many calls a day of what was read last held; None where nothing was read."""
        return self._density.per_day

    def presume(self, calls_per_day: float) -> None:
        """Expect so many calls, until a window has been learnt from; not where more is known."""
        if self._density.calls_per_day is None:
            self._density.calls_per_day = calls_per_day

    def is_last_of_a_first_run(self, window: Window) -> bool:
        """Whether history ends with a window, and no run before says how dense it is."""
        return not self.follows_a_run and window.end == self.end

    def bound(self, length: timedelta | None) -> None:
        """Plan no longer window from now on; None where the vendor sets no bound."""
        self._longest = LONGEST if length is None else min(LONGEST, max(length, self._resolution))
        self._length = min(self._length, self._longest)

    def _next_length(self, start: datetime) -> timedelta:
        density = self._density
        if not density.knows:
            return min(self._length, self._longest)
        calls, seconds = density.calls, density.seconds
        fitting = density.length_of(self._comfortable, start) or MONTH
        length = min(fitting, GROWTH * density.longest, self._longest)
        sparse = calls * MONTH.total_seconds() < FEWEST_CALLS_OF_A_DENSE_MONTH * seconds
        if sparse or length < 2 * MONTH:
            length = min(length, MONTH)
        if calls and seconds < MEMORY.total_seconds():
            # A weekend does not foretell the week after it.
            length = min(length, MEMORY)
        return max(length, self._resolution)
