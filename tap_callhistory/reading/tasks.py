"""Windows being read: what has come for each, and whether a cap may have cut it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tap_callhistory.reading.windows import MONTH, Window

if TYPE_CHECKING:
    from tap_callhistory.reading.pages import Page, Pass, Position, ReadCall

#: A cap cuts one end of a window: what is looked at there overlaps the calls by this share.
END_SHARE = 1 / 64
A_DAY = timedelta(days=1)
#: A silent end is looked at if it is so much of its window, so many times as long as any silence
#: between the calls, and these are so many.
LONG_SILENCE = 1 / 8
UNLIKELY = 3
FEWEST_CALLS_WITH_A_RHYTHM = 20


class PageRequest(NamedTuple):
    """What a worker is asked to fetch, and for which pass."""

    reading: Reading
    attempt: int
    position: Position


@dataclass(frozen=True, slots=True)
class ReadWindow:
    """A window that was read whole.

    Attributes:
        window: The stretch of history.
        calls: All its calls, sorted by (replication key, key), bad records last.
    """

    window: Window
    calls: list[ReadCall]


@dataclass(slots=True)
class Suspicion:
    """A vendor may have cut a window's results at some number: its parts tell.

    Attributes:
        calls: Where the results ended.
        first: The keys that came for the window.
        keys: The keys that came for the window and its parts. More of them than `calls` prove it.
        open_parts: How many parts are still to be read.
        brought_again: The last part that brought just what the window did.
        failure: Why a part could not be read, so that nothing acquits the others.
    """

    calls: int
    first: frozenset[str | int]
    keys: set[str | int]
    open_parts: int = 0
    brought_again: Window | None = None
    failure: Exception | None = None


@dataclass(slots=True)
class Split:
    """A window that held too many calls by the vendor's total, in parts.

    Attributes:
        calls: How many it held.
        found: How many its parts hold, as far as they are known.
        in_vain: How many times in a row a part was split that held as many as the whole.
    """

    calls: int
    in_vain: int = 0
    found: int = 0


@dataclass(slots=True, eq=False)
class Reading:
    """A window being read."""

    window: Window
    attempt: int = 0
    current: Pass | None = None
    first_positions: list[Position] = field(default_factory=list)
    to_ask: deque[Position] = field(default_factory=deque)
    under_way: int = 0
    calls: list[ReadCall] | None = None
    total: int | None = None
    error: Exception | None = None
    suspicion: Suspicion | None = None
    suspect: bool = False
    witness_for: Reading | None = None
    split: Split | None = None
    halvings: int = 0  # how often it was split because it did not prove itself

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to ask for."""
        return self.calls is not None or self.error is not None

    @property
    def opened(self) -> bool:
        """Whether a page of the present pass has come."""
        return self.current is not None and bool(self.current.calls)

    def expected_calls(self, resolution: timedelta) -> int:
        """How many calls it must hold, if it goes on as densely as what has come of it.

        Args:
            resolution: The smallest step of the vendor's date parameters.
        """
        moments = self._moments()
        share = self.window.length / max(_time_between(moments), resolution)
        return int(len(moments) * min(max(share, 1), 1000))

    def ends_to_look_at(self) -> list[Window]:
        """The ends of the window: one lacks calls if the vendor has cut its results.

        There are none to look at if the vendor gives the calls in no order, or calls that lie
        outside of the window by their date.
        """
        moments = self._moments()
        if not moments or self.current is None or not self.current.direction:
            return []
        window, first, last = self.window, _instant(min(moments)), _instant(max(moments))
        overlap = (last - first) * END_SHARE
        ends = [
            Window(window.start, min(window.end, first + overlap)),
            Window(max(window.start, last - overlap), window.end),
        ]
        return ends if all(ends) else []

    @property
    def spread(self) -> timedelta:
        """How much time lies between its first call and its last."""
        return _time_between(self._moments())

    @property
    def is_overrun(self) -> bool:
        """Whether its calls are spread over far more time than it spans.

        The vendor has then not heeded its bounds, or only roughly, as where it cuts them to days.
        """
        return self.spread > 2 * self.window.length

    @property
    def falls_silent(self) -> bool:
        """Whether one end of the window is silent for longer than the calls would make likely.

        So ends what a vendor has cut far short, at whatever number.
        """
        moments = self._moments()
        if len(moments) < FEWEST_CALLS_WITH_A_RHYTHM:
            return False
        first, last = _instant(min(moments)), _instant(max(moments))
        silence = max(first - self.window.start, self.window.end - last)
        if silence < self.window.length * LONG_SILENCE:
            return False
        instants = sorted(map(_instant, moments))
        return silence > UNLIKELY * max(later - earlier for earlier, later in pairwise(instants))

    @property
    def may_be_cut_to_a_month(self) -> bool:
        """Whether a long window's calls all lie within a month, as if the vendor gave no more."""
        if self.window.length < 2 * MONTH:
            return False
        return self.spread <= MONTH + A_DAY

    def corroborates(self, page: Page) -> bool:
        """Whether a page of this window, an end of another, holds only calls of the other."""
        suspect = self.witness_for
        known = suspect.current.calls if suspect and suspect.current else {}
        return all(call.key in known for call in page.calls)

    def _moments(self) -> list[str]:
        calls = self.current.calls.values() if self.current else ()
        return [call.moment for call in calls if call.lines is not None]


def _instant(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def _time_between(moments: list[str]) -> timedelta:
    return _instant(max(moments)) - _instant(min(moments)) if moments else timedelta(0)
