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
|                                        | 404, for the first time           | `AskAgain`        |
|                                        | 404, and it gives other windows   | as an empty page  |
|                                        | 404, and none was asked for yet   | `Search` a wider  |
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

from tap_callhistory.clocks import fixed_width
from tap_callhistory.errors import IncompleteWindow, VendorRefusal
from tap_callhistory.reading.decision import (
    Accept,
    AskAgain,
    Decision,
    Fail,
    GoOn,
    LookAtEnds,
    ReadAgain,
    Split,
)
from tap_callhistory.reading.doubts import Doubt, looks_cut
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.narrowing import Narrowing, alone, is_too_heavy
from tap_callhistory.reading.page_sizes import PageSizes
from tap_callhistory.reading.pages import Page, Position
from tap_callhistory.reading.passes import Disturbed, Pass, TooMany
from tap_callhistory.reading.tasks import Dense, Lineage, Surplus, Task
from tap_callhistory.reading.unlikely import Unlikely
from tap_callhistory.reading.windows import MONTH, Window

if TYPE_CHECKING:
    from datetime import timedelta

    from tap_callhistory.reading.planner import Planner
    from tap_callhistory.reading.sizes import Sizes
    from tap_callhistory.reading.source import Source

#: How often a window is read before it is split, because its pages did not prove themselves.
PASSES_PER_WINDOW = 3
#: How often a window is halved for that reason: a vendor that still does not add up never will.
MOST_HALVINGS = 12
#: How often a part is split that holds as many calls as the whole did: the next one will, too.
MOST_SPLITS_IN_VAIN = 3
#: A page says little of a whole week: what is foreseen against knowledge must be so much more.
ESTIMATE_MARGIN = 3


class Decisions:
    """Decides about windows, and remembers what they taught of the vendor.

    Args:
        source: The stream.
        planner: Plans the windows to come; told of what each turned out to hold.
        sizes: How many calls a window should hold.
    """

    def __init__(self, source: Source, planner: Planner, sizes: Sizes) -> None:
        self.knowledge = Knowledge()
        self.planner = planner
        self._source = source
        self._resolution = source.resolution
        self._sizes = sizes
        self._comfortable = sizes.comfortable(source.limits.page_size)
        self._page_sizes = PageSizes(source.limits.page_size)
        self._unlikely = Unlikely(self.knowledge, self._aim_at)
        self._narrowing = Narrowing(self.knowledge, source.resolution, self._refuse)

    def read_spans(self, planner: Planner) -> None:
        """Plan by another planner from now on; what was learnt of the vendor stays."""
        self.planner = planner
        self._narrowing.read_until(planner.end)

    def _refuse(self, length: timedelta) -> None:
        self.knowledge.refuse(length)
        self.planner.refuse(length)

    def new_pass(self, task: Task) -> Pass:
        """A pass over a window, with the bounds that hold for it."""
        helps = self._can_split(task) and not self.knowledge.ignores_bounds
        most_calls = self._sizes.most_calls if helps else self._sizes.most_calls_of_an_instant
        page_size = self._page_sizes.asked
        limits = replace(self._source.limits, most_calls=most_calls, page_size=page_size)
        return self._source.new_pass(limits, self.knowledge)

    def on_page(self, task: Task, position: Position, page: Page) -> Decision:
        """Decide when a page came."""
        if task.missing.pop(position, None):
            self.knowledge.blinks = True
        return self._take_likely(task, position, page)

    def _take_likely(self, task: Task, position: Position, page: Page) -> Decision:
        best = self._unlikely.page(task, position, page)
        return best if isinstance(best, AskAgain) else self._take(task, position, best)

    def _take(self, task: Task, position: Position, page: Page) -> Decision:
        try:
            return self._taken(task, position, page)
        except TooMany as reason:
            return self._too_many(task, reason)
        except Disturbed as reason:
            return self._unproved(task, str(reason))

    def on_error(  # noqa: C901, PLR0911 - a table
        self, task: Task, position: Position, error: Exception | None, *, first: bool = False
    ) -> Decision:
        """Decide when a page failed: another window, or less of it, may be answered.

        Args:
            task: The window.
            position: The page that failed.
            error: Why.
            first: Whether everything before the window has been read.
        """
        if position.again:
            task.end_holds = False
            return self._whole(task) if task.whole else GoOn()
        if position.beyond and self._has_all(task, error):
            return self._take(task, position, Page(calls=()))
        if error is not None and (again := self.not_found(task, position, error)):
            return again
        if nothing := self._word_of_nothing(task, position, error):
            return self._nothing(task, position, nothing)
        if self._narrowing.concerns(error):
            if position in task.first_positions:
                if self._page_sizes.refused(task.page_size):
                    return ReadAgain(f"{error}; asked for smaller pages")
                return self._narrowing.on_refusal(task, error)
            if task.attempt == 1 and not error.speaks_of_too_many_calls:
                return ReadAgain(str(error))
            return self._too_deep(task, error, first=first)
        if is_too_heavy(error):
            if position not in task.first_positions:
                return self._too_deep(task, error, first=first)
            return self._narrowing.on_weight(task, error, deep=False, first=first)
        return Fail(error or IncompleteWindow(f"nothing came for the window {task.window}"))

    def not_found(self, task: Task, position: Position, error: Exception) -> AskAgain | None:
        """Have a page asked for again that was not found: not every 404 means what it says."""
        if not isinstance(error, VendorRefusal) or not error.may_be_a_blink:
            return None
        if error.may_mean_nothing and not self.knowledge.answers:
            return None  # a wider window tells more
        told = task.missing.setdefault(position, [])
        told.append(error)
        if len(told) < self.knowledge.like_404s:
            return AskAgain([position], str(error))
        self.knowledge.lasting_404s += len(told) > 1
        return None

    def _word_of_nothing(
        self, task: Task, position: Position, error: Exception | None
    ) -> VendorRefusal | None:
        """What the vendor said, now or the times before, that may mean that there are no calls."""
        told = [*task.missing.pop(position, []), error]
        refusals = (each for each in told if isinstance(each, VendorRefusal))
        return next((each for each in refusals if each.may_mean_nothing), None)

    def _has_all(self, task: Task, error: Exception | None) -> bool:
        """Whether a page that should not exist failed only because it does not exist."""
        if self._narrowing.concerns(error):
            return True
        total = task.current.total if task.current else None
        return is_too_heavy(error) and total is not None and len(task.received) >= total

    def _nothing(self, task: Task, position: Position, error: VendorRefusal) -> Decision:
        """Take a window for empty if the vendor gives calls for others; a wider one tells."""
        if self.knowledge.answers:
            return self._take_likely(task, position, Page(calls=()))
        return self._narrowing.ask_wider(task, error)

    def _too_deep(self, task: Task, error: Exception, *, first: bool) -> Decision:
        """Plan windows of as many calls as came before a deep page failed."""
        if len(task.received) < self._comfortable:
            self._aim_at(max(len(task.received), self._source.limits.page_size))
        return self._narrowing.on_weight(task, error, deep=True, first=first)

    def _aim_at(self, calls: int) -> None:
        self._comfortable = calls
        self.planner.aim_at(calls)

    def on_searched(
        self, task: Task, asked: Window, page: Page | None, error: Exception | None
    ) -> Decision:
        """Decide when a window came, or did not, that was to find where history begins."""
        if task.search is not None and task.search.awake:
            return self._unlikely.awake(task, page)
        if task.search is not None and task.search.control:
            return Fail(task.search.refusal) if page is None else alone(task.search.refusal)
        if task.search is not None and task.search.wider:
            if page is None:
                return self._narrowing.ask_wider_again(task)
            self.knowledge.answer(asked)
            return self.on_page(task, task.first_positions[0], Page(calls=()))
        if page is None and not self._narrowing.concerns(error):
            return Fail(error or IncompleteWindow(f"nothing came for the window {asked}"))
        if page is not None:
            self.knowledge.answer(asked)
        return self._narrowing.on_searched(task, asked, given=page is not None)

    def on_end(self, end: Task, position: Position, page: Page) -> AskAgain | None:
        """Take in a page of a window's end, or have it asked for again.

        Raises:
            Disturbed: The end is not whole.
            TooMany: The end holds too much.
        """
        current = end.current
        assert current is not None  # noqa: S101 - pages of a finished pass do not come here
        if end.missing.pop(position, None):
            self.knowledge.blinks = True
        self.knowledge.answer(end.window)
        best = self._unlikely.page(end, position, page)
        if isinstance(best, AskAgain):
            return best
        end.to_ask.extend(current.take(position, best))
        self.knowledge.most_calls = max(self.knowledge.most_calls, len(current.calls))
        if end.whole:
            current.prove()
        return None

    def beside(self, task: Task, following: Task | None) -> ReadAgain | None:
        """Decide about a window that is about to leave, by those beside it."""
        return self._unlikely.beside(task, following, self.planner)

    def doubt(self, task: Task) -> Split:
        """Split a window that may have been cut, and whose ends do not speak for it."""
        doubt, came = task.lineage.doubt, task.received.keys()
        if doubt is None or doubt.calls != len(came):
            if doubt is not None:
                doubt.open_parts -= 1
            doubt = Doubt.of(came)
        parts = task.window.split(2, self._resolution)
        return Split(parts, Lineage(doubt), f"{len(came)} results may have been cut")

    def accepted(self, task: Task, *, provisional: bool) -> None:
        """Learn from a window that was taken for whole."""
        if task.lineage.doubt is not None:
            task.lineage.doubt.open_parts -= 1
        self.planner.learn(task.window, self._calls_of_its_time(task))
        if not provisional:
            self.knowledge.largest_trusted = max(self.knowledge.largest_trusted, len(task.received))

    def _taken(self, task: Task, position: Position, page: Page) -> Decision:
        current = task.current
        assert current is not None  # noqa: S101 - pages of a finished pass do not come here
        self.knowledge.answer(task.window)
        if task.lineage.trims and self._narrowing.ends_history(task.window):
            self.knowledge.latest_end = task.window.end
        known = current.total
        if position in task.first_positions and not position.again:
            self._page_sizes.came(task.page_size, page)
        self.knowledge.largest_page = max(self.knowledge.largest_page, len(page.calls))
        try:
            if position.again:
                self._unlikely.note_end(task, page)
                current.take_again(page)
            else:
                if page.calls:
                    task.last_page, task.last_length = position, len(page.calls)
                before = len(current.calls)
                task.to_ask.extend(current.take(position, page))
                task.filled += len(current.calls) > before
                task.totals += current.total is not None and bool(page.calls or not position.beyond)
        finally:
            if current.total is not None:
                task.largest_total = max(task.largest_total, current.total, page.total or 0)
            self.knowledge.most_calls = max(self.knowledge.most_calls, len(current.calls))
        if known is None and current.total is not None:
            self._note_total(task, current.total)
        if task.whole:
            return self._whole(task)
        if page.total is None:
            self._foresee(task)
        return GoOn()

    def _note_total(self, task: Task, total: int) -> None:
        """Add up what the parts of a window hold: far more than it did itself cannot be."""
        dense = task.lineage.dense
        if dense is not None and dense.calls:
            dense.found += total
            if dense.found > 2 * dense.calls:
                self._expect_no_less()
        if total and not self.planner.knows:
            self.planner.learn(task.window, total)

    def _expect_no_less(self) -> None:
        """Read longer windows: the vendor heeds their bounds roughly, so short ones repeat much."""
        self.knowledge.ignores_bounds = True
        self.planner.aim_at(self._sizes.most_calls)

    def _foresee(self, task: Task) -> None:
        """Split a window in time, where no total tells how many calls are still to come."""
        if self.knowledge.ignores_bounds or not self._can_split(task):
            return
        estimate = task.shape.expected_calls(self._resolution)
        most = (
            self._sizes.most_calls * ESTIMATE_MARGIN
            if self.planner.knows
            else self._sizes.most_calls
        )
        if estimate > most:
            reason = f"about {estimate} calls are more than {most}"
            raise TooMany(reason, calls=estimate, at_cap=False)

    def _whole(self, task: Task) -> Decision:
        """Take a pass for whole if it proves itself, and no cap can have cut it."""
        current = task.current
        assert current is not None  # noqa: S101 - its last page has just come
        current.prove()
        if unlikely := self._unlikely.window(task, self.planner):
            return unlikely
        shape, doubt = task.shape, task.lineage.doubt
        if shape.lies_within_a_month:
            months = -(-task.window.length // MONTH)
            return self._split(task, months, "all its calls lie within a month")
        proves_a_cap = doubt is not None and doubt.proves_a_cap(current.calls)
        if doubt is not None and proves_a_cap and not self.knowledge.gives_too_little:
            self.knowledge.cap = doubt.calls
        if not looks_cut(current, shape) or self._cannot_be_narrowed(task):
            return Accept()
        if not self._can_split(task):
            return Accept(provisional=True)
        # Silence alone is about the ends, whatever the order of the calls.
        ordered = current.direction != 0 or not current.ends_like_a_cap
        ends = shape.ends() if doubt is None and ordered else []
        return LookAtEnds(ends) if ends else self.doubt(task)

    def _cannot_be_narrowed(self, task: Task) -> bool:
        doubt = task.lineage.doubt
        if doubt is None:
            return False
        same = doubt.brings_nothing_of_its_own(task.shape, task.received, self._resolution)
        return same and self.knowledge.known_cap is None

    def _unproved(self, task: Task, reason: str) -> Decision:
        """Read a window once more; split it when that has not helped."""
        self._page_sizes.ended_short(task.page_size, task.current.page_held if task.current else 0)
        if task.surplus and task.surplus == self.knowledge.habitual_surplus:
            return self._give_up(task, f"{reason}, and so it is in every window")
        if task.attempt % PASSES_PER_WINDOW:
            return ReadAgain(reason)
        surplus, whole = task.surplus, task.lineage.surplus
        if whole is not None and surplus == whole.calls:
            whole.found_again += 1
            if whole.found_again > 1:
                self.knowledge.habitual_surplus = surplus
                return self._give_up(task, f"{reason}, and so it is in every window")
        if task.lineage.halvings < MOST_HALVINGS and self._can_split(task):
            halvings = task.lineage.halvings + 1
            known = Surplus(surplus) if surplus else None
            lineage = Lineage(task.lineage.doubt, halvings=halvings, surplus=known)
            return self._split(task, 2, reason, lineage)
        return self._give_up(task, reason)

    def _too_many(self, task: Task, reason: TooMany) -> Decision:
        """Split a window that holds too much, into parts that should be comfortable."""
        if not self._can_split(task):
            return self._give_up(task, str(reason))
        shape, whole = task.shape, task.lineage.dense
        total = (task.current.total if task.current else None) or 0
        in_vain = whole is not None and 0 < 0.95 * whole.calls <= total
        dense = Dense(total, in_vain=whole.in_vain + 1 if whole and in_vain else 0)
        if not reason.at_cap:
            if dense.in_vain >= MOST_SPLITS_IN_VAIN or shape.is_overrun:
                self._expect_no_less()
            if self.knowledge.ignores_bounds:
                return self._unsplit(task, reason)
        calls = max(reason.calls, shape.expected_calls(self._resolution))
        if dense.calls:
            self.planner.learn(task.window, calls)
        lineage = Lineage(task.lineage.doubt, dense)
        return self._split(task, -(-calls // self._comfortable), str(reason), lineage, replan=True)

    def _unsplit(self, task: Task, reason: TooMany) -> Decision:
        """Read a window whole, since shorter ones would hold no fewer calls."""
        if task.current and task.current.limits.most_calls != self._sizes.most_calls:
            return self._give_up(task, f"{reason}, and shorter windows bring no fewer calls")
        return ReadAgain("")

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
        cut = task.window.split(parts, self._resolution)
        lineage = lineage or Lineage(task.lineage.doubt)
        rest = Window(cut[1].start, cut[-1].end) if replan and len(cut) > 1 else None
        return Split(cut, lineage, reason, rest if lineage.doubt is None else None)

    def _can_split(self, task: Task) -> bool:
        return task.window.can_split(self._resolution)

    def _calls_of_its_time(self, task: Task) -> int:
        """How many calls to plan other windows by."""
        calls = task.received
        if not self.knowledge.ignores_bounds:
            return len(calls)
        start, end = fixed_width(task.window.start), fixed_width(task.window.end)
        return sum(start <= call.moment < end for call in calls.values())

    def _give_up(self, task: Task, reason: str) -> Fail:
        return alone(
            IncompleteWindow(
                f"the window {task.window} cannot be read whole: {reason}. "
                "Neither reading it again nor splitting it helped"
            )
        )
