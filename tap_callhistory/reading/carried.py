"""What a vendor turned out to carry: how long a window, how many results, how deep a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tap_callhistory.reading.windows import Window

if TYPE_CHECKING:
    from collections.abc import Collection

#: A window so many times as long as what a vendor carries is worth the request that may fail.
WORTH_A_TRIAL = 1.5
#: After so many pages failed so deep in a list, none is asked for there again.
FAILURES_THAT_TELL = 3
#: A page of one call cannot overlap the one before.
FEWEST_ON_A_PAGE = 2
#: What began farther from a window came for another reason than the time that its bounds mean.
FARTHEST_ASTRAY = timedelta(days=1)
#: Two windows that end at the same number of calls, and this is no smaller, end at a cap.
FEWEST_CALLS_OF_A_CAP = 10


@dataclass(slots=True)
class Lengths:
    """How long a window the vendor carries.

    Attributes:
        longest_accepted: The longest window that calls came for, or that was taken for empty.
        longest_with_calls: The longest window that calls came for.
        shortest_refused: The shortest window that was refused, or was too heavy, for its length.
        shortest_refusal: The shortest window that the vendor refused, for whatever reason.
        shortest_blank: The shortest window that nothing came for, though calls came for its parts.
        heavy_by_calls: Whether a window was too heavy though longer ones were carried: for the
            calls that it holds, and not for its length.
    """

    longest_accepted: timedelta = timedelta(0)
    longest_with_calls: timedelta = timedelta(0)
    shortest_refused: timedelta | None = None
    shortest_refusal: timedelta | None = None
    shortest_blank: timedelta | None = None
    heavy_by_calls: bool = False

    def carried(self, window: Window) -> None:
        """Note that the vendor did not find a window too long.

        An empty answer alone does not tell: it may lack all calls.
        """
        self.longest_accepted = max(self.longest_accepted, window.length)

    def refuse(self, length: timedelta) -> None:
        """Note that a window of this length was refused, or could not be carried."""
        if self.shortest_refused is None or length < self.shortest_refused:
            self.shortest_refused = length

    def note_refusal(self, window: Window) -> None:
        """Note that a window was refused, for its length, its calls, its bounds or none of them."""
        shortest = self.shortest_refusal
        self.shortest_refusal = min(shortest, window.length) if shortest else window.length

    def calls_came(self, window: Window) -> None:
        """Note that calls came for a window."""
        self.carried(window)
        self.longest_with_calls = max(self.longest_with_calls, window.length)

    def note_blank(self, window: Window) -> bool:
        """Note that nothing came for a window, though calls came for its parts.

        Returns:
            Whether that may be for its length: calls came for none as long.
        """
        for_its_length = window.length > self.longest_with_calls
        if for_its_length:
            self.shortest_blank = min(self.shortest_blank or window.length, window.length)
        return for_its_length

    def may_be_blank(self, window: Window) -> bool:
        """Whether nothing tells that calls would come for a window as long.

        Nothing came for one, though calls came for its parts, and none came for a longer one.
        """
        blank, with_calls = self.shortest_blank, self.longest_with_calls
        return blank is not None and with_calls < min(blank, window.length)

    def was_refused(self, window: Window) -> bool:
        """Whether a window that was no longer has been refused."""
        return self.shortest_refusal is not None and self.shortest_refusal <= window.length

    @property
    def to_plan(self) -> timedelta | None:
        """How long a window may be, by those that were carried and those that were not.

        None for no bound. Between the two it is tried half-way, until little is left to be gained.
        """
        # Where nothing comes for long windows, it does not tell that they are carried.
        carried = self.longest_with_calls if self.shortest_blank else self.longest_accepted
        refused = self.shortest_refused
        if refused is None or self.heavy_by_calls:
            return None
        if not carried or carried >= refused:
            return refused / 2
        ratio: float = refused / carried
        return carried if ratio <= WORTH_A_TRIAL else carried * ratio**0.5


@dataclass(slots=True)
class Astray:
    """How far outside of the windows that were asked for calls began that came.

    A vendor may mean another time of a call by its bounds: when it ended, or was last changed.

    Attributes:
        before: How long before their window the earliest ones began.
        after: How long after their window the latest ones did.
    """

    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)

    def note(self, asked: Window, moments: Collection[str]) -> None:
        """Note when the calls of a page began.

        Args:
            asked: The bounds that were asked for.
            moments: In fixed-width UTC.
        """
        if not moments:
            return
        before = asked.start - datetime.fromisoformat(min(moments))
        after = datetime.fromisoformat(max(moments)) - asked.end
        if before <= FARTHEST_ASTRAY:
            self.before = max(self.before, before)
        if after <= FARTHEST_ASTRAY:
            self.after = max(self.after, after)

    def sure(self, window: Window) -> Window:
        """The part of a window, perhaps none, of which each call that begins there must come."""
        return Window(window.start + self.after, window.end - self.before)


@dataclass(slots=True)
class Cap:
    """At how many results the vendor stops.

    Attributes:
        calls: How many; None if it is not known to stop.
        is_sure: Whether more than one window was cut there.
        cut_short: The calls of the first one.
        stopped: By their number, the calls that came of a window for which the vendor counted more.
    """

    calls: int | None = None
    is_sure: bool = False
    cut_short: frozenset[str | int] = frozenset()
    stopped: dict[int, frozenset[str | int]] = field(default_factory=dict)

    def found(self, calls: int, cut_short: frozenset[str | int]) -> None:
        """Note that a window was cut at so many calls, and which came."""
        self.calls, self.cut_short = calls, cut_short

    def reached(self, calls: Collection[str | int]) -> None:
        """Note that a window brought as many calls as the vendor is thought to give, and which."""
        if len(calls) == self.calls and set(calls) != self.cut_short:
            self.is_sure = True

    def stopped_before(self, calls: Collection[str | int]) -> bool:
        """Note that these came of more; whether just as many, and most others, came of another.

        Of one window, an answer that lacks some calls may bring as many, and others, again.
        """
        came = frozenset(calls)
        other = self.stopped.setdefault(len(came), came)
        return len(other & came) < len(came) / 2 and len(came) >= FEWEST_CALLS_OF_A_CAP

    def prove(self, calls: int) -> None:
        """Note that several windows were cut at so many calls."""
        self.calls, self.is_sure = calls, True


@dataclass(slots=True)
class Depth:
    """How far down the list of a window's calls the vendor gives pages.

    A page reaches from behind some rows to the row where it ends if it is full: one may fail for
    where it begins, or for where it ends, as those of search engines do.

    Attributes:
        deepest_row: Behind how many rows the deepest page lay that came.
        deepest_end: The row to which the deepest page reached that came.
        failures: Behind so many rows a page failed, each time that one did.
        failed_ends: Up to so many rows a page reached that failed, each time that one did.
    """

    deepest_row: int = 0
    deepest_end: int = 0
    failures: list[int] = field(default_factory=list)
    failed_ends: list[int] = field(default_factory=list)

    def came(self, rows: int, size: int) -> None:
        """Note that a page of a size came from behind so many rows."""
        self.deepest_row = max(self.deepest_row, rows)
        self.deepest_end = max(self.deepest_end, rows + size)

    def is_deeper(self, rows: int, size: int) -> bool:
        """Whether a page lies deeper than any that came, or reaches deeper."""
        return rows > self.deepest_row or rows + size > self.deepest_end

    @property
    def most_rows(self) -> int | None:
        """No page behind so many rows is to be asked for; None for no bound.

        Several failed there, and none has come from so deep.
        """
        failures = [rows for rows in self.failures if rows > self.deepest_row]
        return min(failures) if len(failures) >= FAILURES_THAT_TELL else None

    @property
    def _ends_tell(self) -> bool:
        """Whether it is known that pages fail for where they end."""
        failures = [end for end in self.failed_ends if end > self.deepest_end]
        return len(failures) >= FAILURES_THAT_TELL

    def size_that_comes(self, rows: int, size: int) -> int:
        """How many calls to ask for behind so many rows, where some pages reached too deep."""
        return self.smaller(rows, size) if self._ends_tell else size

    def is_out_of_reach(self, rows: int) -> bool:
        """Whether no page may be so small that it ends where others did."""
        return self._ends_tell and self.deepest_end - rows < FEWEST_ON_A_PAGE

    def smaller(self, rows: int, size: int) -> int:
        """How many calls to ask for instead, so that the page reaches to where others came."""
        reach = self.deepest_end - rows
        return min(reach, size) if reach >= FEWEST_ON_A_PAGE else size
