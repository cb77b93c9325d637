"""Paging by numbers, and how a pass proves that a window was read whole.

By a total (`NumberedPages`, `OffsetPages`), or by pages that overlap (`OffsetPages`). Where each
page says where the next one begins, see `cursors`. Every vendor's paginator is one of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from tap_callhistory.reading.pages import Page, Position
from tap_callhistory.reading.passes import Disturbed, Pass, fewer

if TYPE_CHECKING:
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Limits

#: No more pages than this are asked for on the word of a total: it may lie.
PAGES_AT_ONCE = 32


class NumberedPages(Pass):
    """Pages by number, with a total: the distinct calls of all pages must be as many.

    Page numbers cannot be trusted to end: a vendor may clamp them, or cut the page size. So the
    pages are counted by what the first one held, and pages are asked for until nothing new comes.
    """

    #: The number of the first page.
    first_page = 1

    proof = "total"

    def __init__(self, limits: Limits, knowledge: Knowledge) -> None:
        super().__init__(limits, knowledge)
        self._expected = 1
        self._asked = 0
        self._awaited = 0
        self._new = 0
        self._barren = False
        self._ends = False
        self._last: tuple[int, int] = (0, 0)

    @override
    def opening(self) -> list[Position]:
        return self._ask(1)

    @override
    def rows_before(self, position: Position) -> int:
        return self.page_held * (position.number - self.first_page)

    @override
    def lacks(self, position: Position, page: Page) -> str:
        total = self.total if self.total is not None else page.total
        if total is None or position.beyond:
            return ""
        full = self.page_held or self._usual_page(position, page)
        before = full * (position.number - self.first_page)
        return fewer(len(page.calls), min(full, total - before))

    @override
    def take(self, position: Position, page: Page) -> list[Position]:
        self._awaited -= 1
        self._note_total(position, page)
        self.rows += len(page.calls)
        new = self._collect(page.calls)
        self._new += new
        self._barren = self._barren or not new
        if page.calls:
            self._last = max(self._last, (position.number, len(page.calls)))
        elif position.beyond:
            self._ends = True
        if position.number == self.first_page:
            self.page_held = self._page_size(page)
            if page.calls and self.total:
                self._expected = -(-self.total // len(page.calls))
        return self._next() if self._barren or not self._awaited else self._ask_ahead()

    def _ask_ahead(self) -> list[Position]:
        """Keep as many pages under way as the total promises, while every page brings something.

        Where the last one will be full, the page that should not exist is asked for with it.
        """
        room = PAGES_AT_ONCE - self._awaited
        pages = min(self._expected - self._asked, room)
        positions = self._ask(pages) if pages > 0 else []
        if self._asked == self._expected > 1 and self.page_held * self._expected == self.total:
            positions += self._ask(1, beyond=True)
        return positions

    def _page_size(self, page: Page) -> int:
        """How many calls a page holds: the first one is full if the total says that more exist."""
        if len(page.calls) < (self.total or 0):
            return len(page.calls)
        return min(self.limits.page_size, page.size or self.limits.page_size)

    def _next(self) -> list[Position]:
        """What to ask for when all that was asked for has come."""
        if self._awaited:
            return []
        new, self._new = self._new, 0
        if not new:
            return []
        if self._asked < self._expected:
            return self._ask(min(self._expected - self._asked, PAGES_AT_ONCE))
        return self._ask(1, beyond=True) if self._may_follow() else []

    def _may_follow(self) -> bool:
        """Whether one more page could bring more than all that were asked for."""
        if len(self.calls) < (self.total or 0) or (self._last_page_full and not self._ends):
            return True
        return self._asked == 1 and not self._total_is_whole(self._last[1])

    def _ask(self, pages: int, *, beyond: bool = False) -> list[Position]:
        first = self.first_page + self._asked
        self._asked += pages
        self._awaited += pages
        return [Position(number, beyond=beyond) for number in range(first, first + pages)]

    @override
    def prove(self) -> None:
        self._prove_total(page=self.page_held)

    @property
    @override
    def _last_page_full(self) -> bool:
        return self._last[1] >= self.page_held


class OffsetPages(Pass):
    """Pages by offset, each beginning with the last call of the page before.

    The call seen again proves that nothing moved before it. With a total the pages are asked for
    side by side, and the distinct calls must be as many; without one, the pass ends at the page
    that holds nothing but the call seen again.
    """

    proof = "overlap"
    pages_may_differ = True

    def __init__(self, limits: Limits, knowledge: Knowledge) -> None:
        super().__init__(limits, knowledge)
        self._pages = 0
        self._frontier = 0
        self._step = 0
        self._last_key: str | int | None = None
        self._last_length = 0
        self._waiting: dict[int, Page] = {}
        self._asked: set[int] = {0}
        self._ended = False

    @override
    def rows_before(self, position: Position) -> int:
        return position.number

    @override
    def lacks(self, position: Position, page: Page) -> str:
        total = self.total if self.total is not None else page.total
        usual = self._usual_page(position, page)
        if total is not None:
            promised = min(self._step + 1 if self._step else usual, total - position.number)
            return "" if position.beyond else fewer(len(page.calls), promised)
        knows_it = self.knowledge.asking_again_helps
        if self._step and (not page.calls or (knows_it and page.calls[0].key != self._last_key)):
            return f"the call at offset {position.number} did not come again"
        full = self.knowledge.only_ends_lack_calls or self._last_length >= usual
        ends = self._pages and len(page.calls) <= bool(self._step)
        return "nothing came behind a full page" if ends and full else ""

    @override
    def take(self, position: Position, page: Page) -> list[Position]:
        if self._ended:
            return []
        self._note_total(position, page)
        self._waiting[position.number] = page
        while not self._ended and self._frontier in self._waiting:
            self._advance(self._waiting.pop(self._frontier))
        return [] if self._ended else self._next()

    def _advance(self, page: Page) -> None:
        """Take in the page that begins where the pages so far end."""
        calls = page.calls
        if self._pages and self._step:
            if not calls or calls[0].key != self._last_key:
                raise Disturbed(f"the call at offset {self._frontier} is no longer there")
            calls = calls[1:]
        if self._collect(calls) < len(calls) and self._pages:
            raise Disturbed("the pages overlap by more than the call that was asked for again")
        self.rows += len(calls)
        if calls:
            self._last_key, self._last_length = calls[-1].key, len(page.calls)
        if not self._pages:
            # A page of one call cannot overlap the next.
            self._step = max(len(calls) - 1, 0)
        self._pages += 1
        if self.total is None:
            self._check_size(self.rows)
        self._frontier = self.rows - (1 if self._step else 0)
        self._ended = not calls or self._total_reached()

    def _total_reached(self) -> bool:
        """Whether the total is reached, by a page that was not full: nothing can follow."""
        if self.rows != self.total or self._last_page_full:
            return False
        return self._pages > 1 or self._total_is_whole(self._last_length)

    def _next(self) -> list[Position]:
        """The page at the frontier and, where there is a total, those that must follow it."""
        step = self._step or 1
        end = self._frontier + 1 if self.total is None else self.total - 1
        wanted = range(self._frontier, max(end, self._frontier + 1), step)
        ahead = max(1, PAGES_AT_ONCE - (len(self._asked) - self._pages))
        fresh = [offset for offset in wanted[:ahead] if offset not in self._asked]
        self._asked.update(fresh)
        return [Position(offset, beyond=not self._step) for offset in fresh]

    @override
    def prove(self) -> None:
        if not self._ended:
            raise Disturbed(f"the pages break off at offset {self._frontier}")
        self._prove_total(page=self._step + 1)

    @property
    @override
    def _last_page_full(self) -> bool:
        full = self._step + 1 if self._pages > 1 and self.rows > self._step + 1 else 0
        return self._last_length >= (full or self.limits.page_size)
