"""Signs that a vendor cut a window's results short, and how they are settled. Pure.

No vendor says that it stops at a number of results, or that it shortens a long period. It shows in
what came: the results end at a number somebody may have chosen, one end of the window is silent, or
all calls lie within a month. Such a window is doubted until its ends, or its parts, have been read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_callhistory.reading.windows import A_DAY, MONTH, Window, floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import ReadCall
    from tap_callhistory.reading.passes import Pass

#: A cap cuts one end of a window: what is looked at there overlaps the calls by this share.
END_SHARE = 1 / 64
#: A silent end is doubted if it is so much of its window, so many times as long as any silence
#: between the calls, and these are so many.
LONG_SILENCE = 1 / 8
UNLIKELY = 3
FEWEST_CALLS_WITH_A_RHYTHM = 20


class Shape:
    """What came for a window, as points in time.

    Attributes:
        moments: When its calls began, in fixed-width UTC, as far as that is known.
    """

    def __init__(self, window: Window, calls: Iterable[ReadCall]) -> None:
        self.window = window
        self.moments = [call.moment for call in calls if call.lines is not None]

    @property
    def _first(self) -> datetime:
        return _instant(min(self.moments))

    @property
    def _last(self) -> datetime:
        return _instant(max(self.moments))

    @property
    def spread(self) -> timedelta:
        """The time between the first call and the last."""
        return self._last - self._first if self.moments else timedelta(0)

    @property
    def is_overrun(self) -> bool:
        """Whether the calls are spread over far more time than was asked for."""
        return self.spread > 2 * self.window.length

    @property
    def lies_within_a_month(self) -> bool:
        """Whether all calls of a long window lie within a month, as if no more were given."""
        return self.window.length >= 2 * MONTH and self.spread <= MONTH + A_DAY

    @property
    def has_a_silent_end(self) -> bool:
        """Whether one end is silent for longer than the gaps between the calls make likely."""
        if len(self.moments) < FEWEST_CALLS_WITH_A_RHYTHM:
            return False
        silence = max(self._first - self.window.start, self.window.end - self._last)
        if silence < self.window.length * LONG_SILENCE:
            return False
        instants = sorted(map(_instant, self.moments))
        return silence > UNLIKELY * max(later - earlier for earlier, later in pairwise(instants))

    def silence_behind(self, direction: int) -> Window:
        """Where nothing came at the end where the pages end.

        Args:
            direction: The order in which the pages came; 0 for either end.
        """
        if not self.moments:
            return Window(self.window.end, self.window.end)
        before = Window(self.window.start, max(self._first, self.window.start))
        after = Window(min(self._last, self.window.end), self.window.end)
        longer = max(before, after, key=lambda end: end.length)
        return {1: after, -1: before}.get(direction, longer)

    def stretch(self, direction: int) -> Window:
        """The window without what the pages did not come to.

        Args:
            direction: The order in which the pages came; 0 if they show none: either end may be it.
        """
        window = self.window
        if not self.moments:
            return Window(window.start, window.start)
        start = window.start if direction > 0 else max(self._first, window.start)
        end = window.end if direction < 0 else min(self._last, window.end)
        return Window(start, end)

    def cut(
        self, calls: int, rest: float, direction: int, resolution: timedelta, *, foretold: bool
    ) -> list[Window]:
        """Parts of the window that should hold so many calls each.

        Where calls came they tell where to cut; the rest of the window is cut evenly.

        Args:
            calls: How many a part should hold.
            rest: How many should lie where the pages did not come to.
            direction: The order in time in which the pages came; 0 if they show none.
            resolution: The smallest step of the vendor's date parameters.
            foretold: Whether no total tells `rest`: then the part farthest from the calls that
                came may hold half as many again, or only half as many.

        Returns:
            Adjoining windows in order; the window alone where no calls came of it.
        """
        window, instants = self.window, sorted(map(_instant, self.moments))
        inside = [each for each in instants if window.start < each < window.end]
        if not inside:
            return [window]
        unread = self.silence_behind(direction)
        forwards = unread.end == window.end
        cuts = inside[calls::calls] if forwards else inside[-calls::-calls]
        left = len(inside) % calls
        parts = (rest + left) / calls
        for part in range(1, round(parts) if foretold else int(parts) + 1):
            along = unread.length * min((part * calls - left) / rest, 1)
            cuts.append(unread.start + along if forwards else unread.end - along)
        within = {floor(each, resolution) for each in cuts}
        within = {each for each in within if window.start < each < window.end}
        edges = [window.start, *sorted(within), window.end]
        return [Window(a, b) for a, b in pairwise(edges)]

    def expected_calls(self, resolution: timedelta) -> int:
        """How many calls the window must hold, if it goes on as densely as what has come."""
        share = self.window.length / max(self.spread, resolution)
        return int(len(self.moments) * min(max(share, 1), 1000))

    def ends(self) -> list[Window]:
        """The two ends to look at; none where the calls lie outside."""
        if not self.moments:
            return []
        window, overlap = self.window, (self._last - self._first) * END_SHARE
        ends = [
            Window(window.start, min(window.end, self._first + overlap)),
            Window(max(window.start, self._last - overlap), window.end),
        ]
        return ends if all(ends) else []


@dataclass(slots=True)
class Doubt:
    """A vendor may have cut a window's results at some number: its parts tell.

    Attributes:
        calls: Where the results ended.
        first: The keys that came for the window.
        keys: The keys that came for the window and its parts. More of them than `calls` prove it.
        brought_again: The last part that brought just what the window did.
        failure: Why a part could not be read, so that the doubt stays open.
    """

    calls: int
    first: frozenset[str | int]
    keys: set[str | int]
    brought_again: Window | None = None
    failure: Exception | None = None

    @classmethod
    def of(cls, keys: Iterable[str | int]) -> Doubt:
        """Doubt a window by the keys that came for it."""
        came = frozenset(keys)
        return cls(len(came), came, set(came))

    def proves_a_cap(self, calls: Mapping[str | int, ReadCall]) -> bool:
        """Take in what a part brought; say whether a cap is proved.

        One call more may have been published since.
        """
        self.keys.update(calls)
        return len(self.keys) > self.calls + 1

    def brings_nothing_of_its_own(
        self, shape: Shape, calls: Mapping[str | int, ReadCall], resolution: timedelta
    ) -> bool:
        """Whether a part brings just what the whole did, and not for its own time."""
        if calls.keys() != self.first:
            return False
        before, self.brought_again = self.brought_again, shape.window
        elsewhere = before is not None and not before.encloses(shape.window)
        return (elsewhere and shape.spread > 4 * resolution) or shape.is_overrun


def looks_cut(current: Pass, shape: Shape) -> bool:
    """Whether a whole pass ends where an undocumented cap could have cut it."""
    learnt = current.knowledge
    cut = is_cut(len(current.calls), learnt)
    if learnt.known_cap is not None and learnt.cap.is_sure:
        return cut
    return cut or current.ends_like_a_cap or shape.has_a_silent_end


def is_cut(calls: int, learnt: Knowledge) -> bool:
    """Whether so many calls are where the vendor is known to stop."""
    cap = learnt.known_cap
    return cap is not None and learnt.most_calls <= cap == calls


def _instant(moment: str) -> datetime:
    return datetime.fromisoformat(moment)
