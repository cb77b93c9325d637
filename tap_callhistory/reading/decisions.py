"""What to do with a window when a page came, failed, or was the last one. Pure.

| What happened                          | and                               | then              |
|----------------------------------------|-----------------------------------|-------------------|
| a page came                            | more are to be asked for          | `GoOn`            |
|                                        | it foretells too many calls       | `Split`           |
| the pages do not fit together          | it was read fewer than 3 times    | `ReadAgain`       |
|                                        | it can be halved                  | `Split`           |
|                                        | otherwise                         | `Fail`            |
| too many calls, or a cap               | it can be split, and that helps   | `Split`           |
|                                        | splitting has not helped          | `ReadAgain` whole |
|                                        | otherwise                         | `Fail`            |
| the vendor refuses, or fails           | a page that should not exist      | as an empty page  |
|                                        | 404, or words for nothing         | as in `not_found` |
|                                        | 403, and none was asked for yet   | `Search` an hour  |
|                                        | a refusal of a deep page, once    | `ReadAgain`       |
|                                        | it may answer for less, or others | as in `narrowing` |
|                                        | otherwise                         | `Fail`            |
| the last page came, and proved itself  | nothing speaks against it         | `Accept`          |
|                                        | all lies within a month           | `Split`           |
|                                        | it looks cut, for the first time  | `LookAtEnds`      |
|                                        | it looks cut, as its whole did    | `Split`           |
|                                        | ... and cannot be split           | `Accept` for now  |
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tap_callhistory.errors import IncompleteWindow, VendorRefusal
from tap_callhistory.reading.aim import Aim
from tap_callhistory.reading.crowded import Crowded
from tap_callhistory.reading.decision import (
    Accept,
    AskAgain,
    Decision,
    Fail,
    GoOn,
    LookAtEnds,
    ReadAgain,
    Search,
    Split,
    in_parts,
    unreadable,
)
from tap_callhistory.reading.doubts import looks_cut
from tap_callhistory.reading.ends import Ends
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.lineage import Lineage, Surplus
from tap_callhistory.reading.narrowing import Narrowing
from tap_callhistory.reading.not_found import NotFound
from tap_callhistory.reading.nothing import Nothing
from tap_callhistory.reading.page_sizes import PageSizes
from tap_callhistory.reading.pages import Page, Position
from tap_callhistory.reading.passes import Disturbed, Pass, TooMany
from tap_callhistory.reading.searches import Purpose
from tap_callhistory.reading.unlikely import Unlikely
from tap_callhistory.reading.weight import SHARE, Weight, has_all, is_too_heavy, is_too_often
from tap_callhistory.reading.windows import A_DAY, MONTH, Window, shaped, widened

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from tap_callhistory.reading.planner import Planner
    from tap_callhistory.reading.sizes import Sizes
    from tap_callhistory.reading.source import Source
    from tap_callhistory.reading.tasks import Task

#: How often a window is read before it is split, because its pages did not prove themselves.
PASSES_PER_WINDOW = 3
#: So many passes that do not prove themselves are enough, in whatever turn with others they come.
MOST_UNPROVED = 2 * PASSES_PER_WINDOW
#: How often a window is halved for that reason: a vendor that still does not add up never will.
MOST_HALVINGS = 12


class Decisions:
    """Decides about windows, and remembers what they taught of the vendor.

    Args:
        source: The stream.
        planner: Plans the windows to come; told of what each turned out to hold.
        sizes: How many calls a window should hold.
    """

    def __init__(self, source: Source, planner: Planner, sizes: Sizes) -> None:
        self.knowledge = Knowledge()
        self._source = source
        self._resolution = source.resolution
        self._sizes = sizes
        self._aim = Aim(sizes.comfortable(source.limits.page_size), planner)
        self._crowded = Crowded(self.knowledge, source.resolution, sizes, self._aim)
        self._page_sizes = PageSizes(source.limits.page_size)
        self._nothing = Nothing(self.knowledge, source.resolution)
        self._unlikely = Unlikely(self.knowledge, self._aim, self._nothing)
        self.not_found = NotFound(self.knowledge)
        self.ends = Ends(self.knowledge, source.resolution, self.not_found, self._unlikely)
        self._narrowing = Narrowing(self.knowledge, source.resolution, self._refuse)
        self.weight = Weight(
            self.knowledge, source.resolution, self._refuse, self._aim, self._page_sizes
        )

    @property
    def comfortable(self) -> int:
        """How many calls a window should hold, by all that was learnt."""
        return self._sizes.most_calls if self.knowledge.ignores_bounds else self._aim.calls

    @property
    def planner(self) -> Planner:
        """Plans the windows to come."""
        return self._aim.planner

    def read_spans(self, planner: Planner) -> None:
        """Plan by another planner from now on; what was learnt of the vendor stays."""
        self._aim.planner = planner
        self._narrowing.read_until(planner.end)
        self._narrowing.let_in_before = planner.follows_a_run
        self.not_found.end = planner.end

    def _refuse(self, length: timedelta) -> None:
        self.knowledge.lengths.refuse(length)
        self.planner.bound(self.knowledge.lengths.to_plan)

    def new_pass(self, task: Task) -> Pass:
        """A pass over a window, with the bounds that hold for it."""
        helps = self._can_split(task) and not self.knowledge.ignores_bounds
        most = self.knowledge.depth.most_rows or self._sizes.most_calls
        most = min(most, self._sizes.most_calls) if helps else self._sizes.most_calls_of_an_instant
        page_size, limits = self._page_sizes.asked, self._source.limits
        limits = replace(limits, most_calls=most, page_size=page_size)
        return self._source.new_pass(limits, self.knowledge)

    def on_page(self, task: Task, position: Position, page: Page) -> Decision:
        """Decide when a page came."""
        self.not_found.came(task, position, page)
        self.knowledge.answer(task.window, page)
        asked = shaped(task.window, task.repeats, self._resolution)
        moments = [call.moment for call in page.calls if call.lines is not None]
        self.knowledge.astray.note(widened(asked, self._resolution), moments)
        return self._take_likely(task, position, page)

    def _take_likely(self, task: Task, position: Position, page: Page) -> Decision:
        best = self._unlikely.page(task, position, page)
        return best if isinstance(best, AskAgain) else self._take(task, position, best)

    def _take(self, task: Task, position: Position, page: Page) -> Decision:
        return self._guarded(task, lambda: self._taken(task, position, page))

    def _guarded(self, task: Task, decide: Callable[[], Decision]) -> Decision:
        """Decide; or about a pass that turns out to hold too much, or not to fit together."""
        try:
            return decide()
        except TooMany as reason:
            return self._crowded.on_too_many(task, reason)
        except Disturbed as reason:
            return self._unproved(task, str(reason))

    def on_error(  # noqa: PLR0911 - a table
        self, task: Task, position: Position, error: Exception | None, *, first: bool = False
    ) -> Decision:
        """Decide when a page failed. `first`: whether all before the window has been read."""
        if position.again:
            task.last.holds = False
            return self._guarded(task, lambda: self._whole(task)) if task.whole else GoOn()
        refused = self._narrowing.concerns(error)
        if position.beyond and (refused or has_all(task, error)):
            return self._take(task, position, Page(calls=()))
        if again := self.not_found.ask_again(task, position, error):
            return again
        if self.not_found.word_of_nothing(task, position, error):
            return self._take_likely(task, position, Page(calls=()))
        if recent := self._narrowing.ask_recent(task, error):
            return recent
        if self._narrowing.concerns(error):
            return self._refused(task, position, error)
        if error is not None and (is_too_heavy(error) or is_too_often(error)):
            return self._not_carried(task, position, error, first=first)
        return Fail(error or IncompleteWindow(f"nothing came for the window {task.window}"))

    def _not_carried(
        self, task: Task, position: Position, error: Exception, *, first: bool
    ) -> Decision:
        """Ask for less than the vendor could not carry, or for what ends earlier."""
        is_first, heavy = position in task.first_positions, is_too_heavy(error)
        if not is_first:
            deep = self.weight.on_deep_page(task, position, error) if heavy else Fail(error)
            return deep or self._too_deep(task, error)
        expected = self.planner.expected(task.window)
        if not heavy:
            return self.weight.on_too_often(task, error, expected=expected, first=first)
        moved = self._narrowing.at_a_young_end(task, error)
        return moved or self.weight.on_first_page(task, error, expected=expected, first=first)

    def _refused(self, task: Task, position: Position, error: VendorRefusal) -> Decision:
        """Ask for less, or for another part, of what was refused."""
        if position in task.first_positions:
            if self._page_sizes.refused(task.page_size):
                return ReadAgain(f"{error}; asked for smaller pages")
            again = self._narrowing.once_more(task, error)
            return again or self._narrowing.on_refusal(task, error)
        if task.attempt == 1 and not error.speaks_of_too_many_calls:
            return ReadAgain(str(error))
        return self._too_deep(task, error)

    def _too_deep(self, task: Task, error: Exception) -> Decision:
        """Plan windows of as many calls as came before a deep page failed."""
        if not self._can_split(task):
            return self.weight.on_first_page(task, error, expected=None, first=True)
        most = self.knowledge.depth.most_rows
        if most is not None:
            return self._less_deep(task, str(error), most)
        if len(task.received) < self._aim.calls:
            self._aim.at(max(len(task.received), self._source.limits.page_size))
        return self.weight.split(task, 2, str(error))

    def _less_deep(self, task: Task, reason: str, most: int) -> Split:
        """Split a window into parts whose pages all lie where pages come."""
        self._aim.lower(SHARE * most)
        current = task.current
        if current is not None and current.total is not None:
            self.planner.learn(task.window, current.total)
        elif current is not None and (read := task.shape.stretch(current.direction)):
            self.planner.presume(len(task.received) / (read.length / A_DAY))
        return self._crowded.in_parts(task, reason, Lineage(task.lineage.doubt))

    def on_searched(
        self, task: Task, asked: Window, page: Page | None, error: Exception | None
    ) -> Decision:
        """Decide when a window came, or did not, that was asked for in place of another."""
        assert task.search is not None  # noqa: S101 - it was begun by a decision of these
        if task.search.purpose in {Purpose.AWAKE, Purpose.GAVE}:
            return self._nothing.on_control(task, page)
        if page is not None:
            self.knowledge.answer(asked, page)
        if task.search.purpose is Purpose.SHORTER:
            return self._unlikely.on_part(task, page, self.planner)
        if task.search.purpose in {Purpose.BEHIND, Purpose.BUT_ITS_END}:
            behind = task.search.purpose is Purpose.BEHIND
            on_page = self._nothing.on_behind if behind else self._nothing.on_part
            return on_page(task, page) or self._guarded(task, lambda: self._whole(task))
        if task.search.purpose in {Purpose.ANY, Purpose.STILL}:
            return self.not_found.on_search(task, asked, page, error)
        if task.search.purpose is Purpose.CONTROL:
            return self.weight.on_control(task, given=page is not None)
        return self._narrowing.on_search(task, asked, error, given=page is not None)

    def beside(self, task: Task, following: Task | None) -> ReadAgain | Split | None:
        """Decide about a window that is about to leave, by those beside it."""
        return self._unlikely.beside(task, following, self.planner)

    def accepted(self, task: Task, *, provisional: bool) -> None:
        """Learn from a window that was taken for whole."""
        calls = task.calls_of_its_time if self.knowledge.ignores_bounds else len(task.received)
        self.planner.learn(task.window, calls, task.shape.moments)
        self.knowledge.lengths.carried(task.window)
        self.weight.carried()
        if not provisional:
            self.knowledge.largest_trusted = max(self.knowledge.largest_trusted, len(task.received))

    def _taken(self, task: Task, position: Position, page: Page) -> Decision:
        current = task.current
        assert current is not None  # noqa: S101 - pages of a finished pass do not come here
        if self.knowledge.lengths.shortest_refused is not None:
            self.planner.bound(self.knowledge.lengths.to_plan)
        if task.lineage.trims and self._narrowing.ends_history(task.window):
            self.knowledge.latest_end = task.window.end
        known = current.total
        if position in task.first_positions and not position.again:
            self._page_sizes.came(task.page_size, page)
        self.knowledge.largest_page = max(self.knowledge.largest_page, len(page.calls))
        try:
            if position.again:
                self._unlikely.note_end(task, page)
                current.take_again(position, page)
            else:
                rows = current.rows_before(position)
                self.knowledge.depth.came(rows, position.size or task.page_size)
                task.take(position, page)
        finally:
            self.knowledge.most_calls = max(self.knowledge.most_calls, len(current.calls))
        if known is None and current.total is not None:
            self._crowded.note_total(task, current.total)
        if task.whole:
            return self._whole(task)
        if page.total is None:
            self._crowded.foresee(task)
        if (most := self.weight.goes_too_deep(task)) and self._can_split(task):
            return self._less_deep(task, f"pages behind {most} rows fail", most)
        return GoOn()

    def _whole(self, task: Task) -> Decision:
        """Take a pass for whole if it proves itself, and no cap can have cut it."""
        current = task.current
        assert current is not None  # noqa: S101 - its last page has just come
        current.prove()
        if unlikely := self._blank(task) or self._unlikely.window(task, self.planner):
            return unlikely
        shape, doubt = task.shape, task.lineage.doubt
        if shape.lies_within_a_month:
            months = -(-task.window.length // MONTH)
            return self._split(task, months, "all its calls lie within a month")
        proves_a_cap = doubt is not None and doubt.proves_a_cap(current.calls)
        if doubt is not None and proves_a_cap and not self.knowledge.gives_too_little:
            self.knowledge.cap.found(doubt.calls, doubt.first)
            self._aim.lower(max(SHARE * doubt.calls, task.page_size))
        if not looks_cut(current, shape) or (
            doubt is not None
            and doubt.brings_nothing_of_its_own(shape, task.received, self._resolution)
            and self.knowledge.known_cap is None
        ):
            return Accept()
        if not self._can_split(task):
            return Accept(provisional=True)
        # Silence alone is about the ends, whatever the order of the calls.
        ordered = current.direction or not current.ends_like_a_cap
        ends = shape.ends() if doubt is None and ordered else []
        return LookAtEnds(ends) if ends else self.ends.doubt(task)

    def _blank(self, task: Task) -> ReadAgain | Search | Split | None:
        """Split a window that nothing comes of, though calls come for less."""
        if again := self._nothing.beside_a_part(task):
            return again
        is_blank, ends = self._nothing.is_blank(task), self._narrowing.ends_history(task.window)
        # The answers of a vendor that gives too little come and go, whatever their end.
        ends = ends and not task.received and not self.knowledge.gives_too_little
        if ends and task.answers.end_is_blank:
            return self._narrowing.without_its_end(task)
        may_be_the_end = ends and (is_blank or self.knowledge.gives_blanks)
        if may_be_the_end and (search := self._nothing.but_its_end(task)):
            return search
        if not is_blank:
            return None
        self.knowledge.gives_blanks |= task.answers.parts_came
        if self.knowledge.lengths.note_blank(task.window):
            self._refuse(task.window.length)
        else:
            expected = self.planner.expected(task.window) or 0
            self._aim.gently(SHARE * max(self.knowledge.most_calls, expected / 2))
        return self._split(task, 4, "nothing comes for so much of it", replan=True)

    def _unproved(self, task: Task, reason: str) -> Decision:
        """Read a window once more; split it when that has not helped."""
        self._page_sizes.ended_short(task.page_size, task.current.page_held if task.current else 0)
        total = task.current.total if task.current else None
        if self.knowledge.is_wrong_by_habit(task.surplus, total):
            # It is read all the same: windows to come are no shorter for it.
            self.planner.learn(task.window, len(task.received), task.shape.moments)
            return unreadable(task.window, f"{reason}, and so it is in every window")
        surplus, whole = task.surplus, task.lineage.surplus
        if surplus > 0 and self.knowledge.stops_at(task.received):
            self._aim.lower(SHARE * len(task.received))
            calls = len(task.received) + surplus
            return self._crowded.on_too_many(task, TooMany(reason, calls=calls, at_cap=True))
        task.unproved += 1
        # Passes that fail between them, too, come in turn with those that do not prove themselves.
        if task.attempt % PASSES_PER_WINDOW and task.unproved <= MOST_UNPROVED:
            return ReadAgain(reason)
        if whole is not None and total is not None:
            whole.note(surplus, total)
            if whole.found_again > 1:
                self.knowledge.habitual_surplus = surplus
            if whole.counted_again > 1:
                self.knowledge.constant_total = total
            if self.knowledge.is_wrong_by_habit(surplus, total):
                return unreadable(task.window, f"{reason}, and so it is in every window")
        if task.lineage.halvings < MOST_HALVINGS and self._can_split(task):
            halvings = task.lineage.halvings + 1
            known = Surplus(surplus, total) if surplus and total is not None else None
            lineage = task.lineage._replace(halvings=halvings, surplus=known)
            return self._split(task, 2, reason, lineage)
        return unreadable(task.window, reason)

    def _split(
        self,
        task: Task,
        parts: int,
        reason: str,
        lineage: Lineage | None = None,
        *,
        replan: bool = False,
    ) -> Split:
        """Split a window; all parts but the first may be planned anew, if it was the last one."""
        lineage, window = lineage or task.lineage, task.window
        return in_parts(window, lineage, parts, reason, resolution=self._resolution, replan=replan)

    def _can_split(self, task: Task) -> bool:
        return task.window.can_split(self._resolution)
