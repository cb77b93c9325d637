"""Paging where each page says where the next begins, and how such a pass proves itself.

By a cursor that ends (`CursorPages`), or by values that anchor the next page (`AnchoredPages`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from tap_callhistory.reading.pages import Page, Position
from tap_callhistory.reading.passes import Disturbed, Pass, TooMany

if TYPE_CHECKING:
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Limits


class CursorPages(Pass):
    """Pages by an opaque cursor: whole when the cursor has run to its end.

    The end is a page without calls, or one without a next cursor. A first page with calls and
    without a next cursor is asked for again with `other_opening`: in one dialect the empty cursor
    does not open the cursor mode.
    """

    proof = "cursor"
    pages_may_differ = True
    #: The cursor that opens the cursor mode where an empty one does not.
    other_opening = "."

    def __init__(self, limits: Limits, knowledge: Knowledge) -> None:
        super().__init__(limits, knowledge)
        self._seen: set[str] = set()
        self._largest = 0
        self._last_length = 0
        self._last_size = limits.page_size
        self._last_moment = ""
        self._has_next = False
        self._looked_behind = False
        self._ended = False
        self._short: Position | None = None

    @override
    def opening(self) -> list[Position]:
        return [self._ask(self.knowledge.opening)]

    @override
    def lacks(self, position: Position, page: Page) -> str:
        if page.calls or not self.calls:
            return ""
        usual = self._usual_page(position, page)
        full = self.knowledge.only_ends_lack_calls or self._last_length >= usual
        reopened = position.cursor == self.other_opening
        return "nothing came behind a full page" if full or reopened else ""

    def _ask(self, cursor: str, *, beyond: bool = False) -> Position:
        if cursor in self._seen:
            raise Disturbed("the vendor's cursor came back to where it had been")
        self._seen.add(cursor)
        return Position(cursor=cursor, beyond=beyond)

    @override
    def take(self, position: Position, page: Page) -> list[Position]:
        reopened = position.cursor == self.other_opening
        if not page.calls:
            return self._look_behind(page)
        if reopened:
            self.calls.clear()
            self._short = None
            self._last_moment = ""
        self._check_overlap(page)
        new = self._collect(page.calls)
        again = self._short_before(position, page)
        self._note_page(position, page)
        if page.next:
            if not new:
                raise Disturbed("a page brought nothing but calls that had come before")
            if reopened:
                self.knowledge.opening = self.other_opening
            return [self._ask(page.next), *again]
        if not position.cursor and self.other_opening not in self._seen:
            return [self._ask(self.other_opening, beyond=True)]
        self._ended = True
        return again

    def _short_before(self, position: Position, page: Page) -> list[Position]:
        """The page before, to be asked for again, if it was short though calls follow it."""
        before, self._short = self._short, None
        if page.next and len(page.calls) < self._usual_page(position, page):
            self._short = position._replace(again=True)
        return [] if before is None or self.knowledge.pages_may_be_short else [before]

    @override
    def take_again(self, position: Position, page: Page) -> None:
        if not page.calls:
            return
        if not self._collect(page.calls):
            self.knowledge.short_pages_hold += len(page.calls) < self._usual_page(position, page)
            return
        self.knowledge.note_poor_answer()
        if self._ended and len(page.calls) >= self._usual_page(position, page):
            raise Disturbed("the last page brought more calls when it was asked for again")

    def _look_behind(self, page: Page) -> list[Position]:
        """End at an empty page, unless it has a next one, which may not be empty."""
        if page.next and page.next not in self._seen and not self._looked_behind:
            self._looked_behind = True
            return [self._ask(page.next)]
        self._ended = True
        return []

    def _check_overlap(self, page: Page) -> None:
        """Refuse a page that repeats what a cursor by value would not.

        Such a cursor may come back to all calls of the stamp where it stands. One that repeats
        some of them only, or others, counts calls, and those have moved.
        """
        again = {call.key for call in page.calls if call.key in self.calls}
        if again and again != {
            key for key, call in self.calls.items() if call.moment == self._last_moment
        }:
            raise Disturbed("a page repeats calls that had come before")
        self._last_moment = page.calls[-1].moment

    def _note_page(self, position: Position, page: Page) -> None:
        self._looked_behind = False
        self._last_length = len(page.calls)
        self._largest = max(self._largest, self._last_length)
        asked = position.size or self.limits.page_size
        self._last_size = min(asked, page.size or asked)
        self._has_next = bool(page.next)
        self._check_size(len(self.calls))

    @override
    def prove(self) -> None:
        if not self._ended:
            raise Disturbed("the cursor did not come to its end")
        if self.calls and not self._has_next and self._last_length >= self._last_size:
            reason = "a full page without a next one"
            raise TooMany(reason, calls=2 * len(self.calls), at_cap=True)

    @property
    @override
    def _last_page_full(self) -> bool:
        several = len(self.calls) > self._largest
        return self._last_length >= (self._largest if several else self._last_size)


class AnchoredPages(Pass):
    """Pages that begin at the value where the one before ended, for a set that re-sorts itself.

    Read in ascending order of a stamp that only ever grows (the last update), a call that changes
    moves behind everything read so far. So nothing is passed over, however much changes meanwhile:
    what moves behind the window's end belongs to a later window. Calls with the very stamp of the
    anchor come again and are told by their key; where a whole page has one stamp, an offset leads
    through it, overlapping as `OffsetPages` do. No total is needed, and no cap can be met: every
    page is asked for as the first one of what is left.
    """

    proof = "anchor"

    def __init__(self, limits: Limits, knowledge: Knowledge) -> None:
        super().__init__(limits, knowledge)
        self._ended = False
        self._overlaps = False
        self._largest = 0
        self._last_length = 0
        self._last_key: str | int | None = None

    @override
    def rows_before(self, position: Position) -> int:
        return position.number

    @override
    def lacks(self, position: Position, page: Page) -> str:
        if not self.calls or any(call.key not in self.calls for call in page.calls):
            return ""
        usual = self._usual_page(position, page)
        full = self.knowledge.only_ends_lack_calls or self._last_length >= usual
        return "nothing new came behind a full page" if full or not page.calls else ""

    @override
    def take(self, position: Position, page: Page) -> list[Position]:
        moments = [call.moment for call in page.calls]
        if moments != sorted(moments):
            raise Disturbed("the calls did not come in the order that was asked for")
        if self._overlaps and (not moments or page.calls[0].key != self._last_key):
            raise Disturbed(f"the call at offset {position.number} is no longer there")
        new = self._collect(page.calls)
        if new:
            self._last_length = len(moments)
        self._check_size(len(self.calls))
        self._largest = max(self._largest, len(moments))
        self._ended = self._nothing_follows(position, page, new)
        return [] if self._ended else [self._after(position, page, new)]

    def _nothing_follows(self, position: Position, page: Page, new: int) -> bool:
        rows = len(page.calls)
        if not rows or (self._overlaps and rows == 1):
            return True
        if new:
            return False
        if page.total is None:
            return rows < self._largest
        return position.number + rows >= page.total

    def _after(self, position: Position, page: Page, new: int) -> Position:
        first, last = page.calls[0], page.calls[-1]
        self._last_key = last.key
        self._overlaps = False
        if new and last.moment > max(first.moment, position.anchor):
            return Position(anchor=last.moment)
        # A page of one call cannot overlap the next.
        self._overlaps = len(page.calls) > 1
        number = position.number + len(page.calls) - self._overlaps
        return Position(number, anchor=position.anchor)

    @override
    def prove(self) -> None:
        if not self._ended:
            raise Disturbed("the pages break off before the end of the window")

    @property
    @override
    def _last_page_full(self) -> bool:
        return self._last_length >= self.limits.page_size
