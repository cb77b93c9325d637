"""Passes over a window: whether what came of its pages is whole.

A pass reads every page of one window once. It is fed pages by the reader and says, without any
I/O, which pages to ask for next; several may be under way at once. At its end it has proved
itself, or it raises:

- `Disturbed`: the pages do not fit together (a total that moved, pages that shifted): read again.
- `TooMany`: the vendor's cap, or more than fits in memory: split the window.

The kinds of paging that vendors have, and how each proves itself, are in `paginators`.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

from tap_callhistory.reading.knowledge import is_notable
from tap_callhistory.reading.pages import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Limits, Page, ReadCall

#: Results that stop at a multiple of this many could have been cut by a cap nobody documents.
ROUND_NUMBER = 10
#: The direction of a page whose calls have no order in time.
UNORDERED = 2


class Disturbed(Exception):  # noqa: N818 - not an error yet: the window is read again
    """The pages of a pass do not prove that they are whole."""


class TooMany(Exception):  # noqa: N818 - not an error yet: the window is split
    """The window holds more than the vendor gives, or than fits comfortably in memory.

    Attributes:
        calls: How many calls the window is known or thought to hold.
        at_cap: Whether the vendor's cap is the reason. If not, a window that cannot be split any
            further may be read whole.
    """

    def __init__(self, reason: str, *, calls: int, at_cap: bool) -> None:
        super().__init__(reason)
        self.calls = calls
        self.at_cap = at_cap


class Pass(abc.ABC):
    """One pass over one window.

    Attributes:
        calls: What came, by key; of two rows with one key, the last.
        doubles: Keys under which one page held rows that differ.
        proof: How such a pass proves itself: total, overlap, cursor or anchor.
        page_held: How many calls the first page held, where the pages after it are counted by that;
            else 0.
    """

    proof: ClassVar[str]
    #: Whether one page may be smaller than the others.
    pages_may_differ: ClassVar[bool] = False

    def __init__(self, limits: Limits, knowledge: Knowledge) -> None:
        self.limits = limits
        self.knowledge = knowledge
        self.calls: dict[str | int, ReadCall] = {}
        self.doubles: set[str | int] = set()
        self.rows = 0
        self.page_held = 0
        self.total: int | None = None
        self._directions: set[int] = set()

    def opening(self) -> list[Position]:
        """The first page to ask for."""
        return [Position()]

    @abc.abstractmethod
    def take(self, position: Position, page: Page) -> list[Position]:
        """Take in a page and say which to ask for now; none when others are still under way.

        Args:
            position: The page that was asked for.
            page: What came.

        Raises:
            Disturbed: The pass is not whole; the window has to be read again.
            TooMany: The window has to be split.
        """

    @property
    def page_may_be_smaller(self) -> bool:
        """Whether a page may be asked for that is smaller than the others.

        Where a total tells where the calls end, no page is asked for to find that out.
        """
        return self.pages_may_differ and self.total is None

    def rows_before(self, position: Position) -> int:  # noqa: ARG002
        """How many rows of its list lie before a page."""
        return len(self.calls)

    def lacks(self, position: Position, page: Page) -> str:  # noqa: ARG002
        """Why a page, not yet taken in, holds fewer calls than its place promises; else ""."""
        return ""

    def take_again(self, position: Position, page: Page) -> None:
        """Take in a page that was taken in before, and may bring more now.

        Raises:
            Disturbed: It does, and the pages after it no longer fit.
        """
        if self.total is not None:
            self._note_total(position, page)
        if self._collect(page.calls):
            self.knowledge.note_poor_answer(total_held=self.total is not None)
            raise Disturbed("a page brought more calls when it was asked for again")

    def _usual_page(self, position: Position, page: Page) -> int:
        """How many calls a page holds that others follow."""
        asked = position.size or self.limits.page_size
        size = min(asked, page.size or asked)
        largest = self.knowledge.largest_page
        return min(size, largest) if largest and self.knowledge.short_pages_hold else size

    def _total_is_whole(self, rows: int) -> bool:
        """Whether a total that a single page reaches is that of the window, not of the page.

        It is where it once held over several pages, or where the page is not full: others of the
        vendor's were larger.
        """
        largest = min(self.knowledge.largest_page, self.limits.page_size)
        return self.knowledge.total_holds or rows < largest

    @abc.abstractmethod
    def prove(self) -> None:
        """Confirm, when every page asked for has come, that nothing is missing.

        Raises:
            Disturbed: The pass is not whole; the window has to be read again.
            TooMany: The window has to be split.
        """

    def _collect(self, calls: Iterable[ReadCall]) -> int:
        """Keep the calls of a page; return how many of them are new."""
        calls = list(calls)
        self._directions.add(_direction([call.moment for call in calls if call.lines is not None]))
        before = len(self.calls)
        for call in calls:
            self.calls[call.key] = call
        new = len(self.calls) - before
        if new < len(calls):
            self._note_doubles(calls)
        return new

    def _note_doubles(self, calls: Sequence[ReadCall]) -> None:
        """Note the keys under which a page holds rows that differ."""
        seen: dict[str | int, int] = {}
        for call in calls:
            if seen.setdefault(call.key, call.fingerprint) != call.fingerprint:
                self.doubles.add(call.key)

    def _note_total(self, position: Position, page: Page) -> None:
        # A count beside a page beyond the last one may be that page's own.
        if page.total is None or (position.beyond and not page.calls):
            return
        if self.total is not None and page.total != self.total:
            if is_notable(page.total - self.total, page.total):
                self.knowledge.note_poor_answer()
            raise Disturbed(f"the vendor's total moved from {self.total} to {page.total}")
        self.total = page.total
        self._check_size(page.total)

    def _check_size(self, calls: int) -> None:
        caps = [cap for cap in (self.limits.cap, self.knowledge.known_cap) if cap is not None]
        if caps and calls >= min(caps):
            reason = f"{calls} calls reach the vendor's cap of {min(caps)}"
            raise TooMany(reason, calls=calls, at_cap=True)
        most = self.limits.most_calls
        if most is not None and calls > most:
            raise TooMany(f"{calls} calls are more than {most}", calls=calls, at_cap=False)

    def _prove_total(self, *, page: int) -> None:
        """Compare the distinct calls with the vendor's total.

        One page that holds as many rows as the vendor counts is whole, even where the vendor
        itself keeps a key twice.

        Args:
            page: How many calls a page holds.
        """
        if self.total is None or (self.rows == self.total and self.rows <= page):
            return
        if len(self.calls) != self.total:
            came = f"{len(self.calls)} different calls came"
            raise Disturbed(f"the vendor's total is {self.total}, but {came}")
        # One page proves nothing: the total may count the page alone.
        self.knowledge.total_holds |= len(self.calls) > page

    @property
    def direction(self) -> int:
        """The order in time in which the vendor gives the window: 1 oldest first, -1 newest first.

        0 if the calls show none.
        """
        directions = self._directions - {0}
        return directions.pop() if len(directions) == 1 and UNORDERED not in directions else 0

    @property
    def ends_like_a_cap(self) -> bool:
        """Whether the results end just where an undocumented cap could have cut them.

        That is at a round number or, without a total, after a full page; unless a pass with more
        was accepted before without a doubt.
        """
        received = len(self.calls)
        if received < self.knowledge.largest_trusted:
            return False
        return is_round(received) or (self.total is None and self._last_page_full)

    @property
    @abc.abstractmethod
    def _last_page_full(self) -> bool:
        """Whether the last page with calls held as many as a page can."""


def fewer(calls: int, promised: int) -> str:
    """Say that a page holds fewer calls than were promised; "" where it does not."""
    return f"{calls} calls came on a page that should hold {promised}" if calls < promised else ""


def _direction(moments: Sequence[str]) -> int:
    if len(set(moments)) < 2:  # noqa: PLR2004 - equal stamps have no order
        return 0
    ordered = sorted(moments)
    return 1 if moments == ordered else -1 if moments[::-1] == ordered else UNORDERED


def is_round(calls: int) -> bool:
    """Whether somebody may have chosen the number as a limit, inclusive or exclusive.

    150, 1,200, 9,999, 10,000 or 65,536 may be; 154, 1,250 and 11,350 are not.
    """
    step: int = max(ROUND_NUMBER, 10 ** (len(str(calls)) - 2))
    near = range(max(calls - 1, ROUND_NUMBER), calls + 2)
    return any(number % step == 0 or number & (number - 1) == 0 for number in near)


def unlike_a_cap(calls: int) -> int:
    """So many calls or a little fewer: a number that nobody chooses as a limit."""
    return next((fewer for fewer in range(calls, 1, -1) if not is_round(fewer)), calls)
