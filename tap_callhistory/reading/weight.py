"""What to ask for instead of what a vendor could not carry. Pure.

A vendor that fails under a window, or far down its list of pages, while it answers other questions,
is asked for less. What it carries is learnt: up to which length, how many calls, and how deep. What
goes beyond that is tried once, and alone.

| A page failed, or never came      | and                              | then                     |
|-----------------------------------|----------------------------------|--------------------------|
| deeper than any that came         | it may be smaller                | `AskAgain`, for less     |
|                                   | it did so fewer than 3 times     | `AskAgain`               |
|                                   | otherwise                        | `Split`, to what came    |
| deep                              |                                  | `Split`                  |
| a first page                      | no page as large has come        | as in `page_sizes`       |
|                                   | the vendor answered others       | `Split` in four          |
|                                   | ... and longer windows           | `Split` in two           |
| ... "too many requests", for good | others come, or an hour does     | `Split` as above         |
|                                   | otherwise                        | `Fail`                   |
| ... and it answered nothing       | others come before it            | `ReadAgain`, after those |
|                                   | longer than a day, an hour, ...  | `Split`, to ask for less |
|                                   | as short as it gets, once        | `ReadAgain`, patiently   |
|                                   | some window came before          | `Search`: still now?     |
|                                   | otherwise                        | `Fail`                   |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard

from tap_callhistory.errors import UnreadableAnswer, VendorUnavailable
from tap_callhistory.reading.carried import FAILURES_THAT_TELL
from tap_callhistory.reading.decision import (
    AskAgain,
    Decision,
    Fail,
    ReadAgain,
    Search,
    Split,
    alone,
    in_parts,
)
from tap_callhistory.reading.searches import Purpose, Searched
from tap_callhistory.reading.windows import A_DAY, HOUR, MINUTE, Window, floor

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from tap_callhistory.reading.aim import Aim
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.page_sizes import PageSizes
    from tap_callhistory.reading.pages import Position
    from tap_callhistory.reading.tasks import Task

#: Until a shorter window has been tried, a page is asked for again only so often.
FEW_RETRIES: Final = 2
#: A window so many times as long as any that came is waited for before others are begun.
FAR_LONGER: Final = 2
FAR_SHORTER: Final = 1 / 8
#: Of what a vendor carries, windows are planned to hold so much: they turn out unlike.
SHARE: Final = 0.7


class Weight:
    """Decides about windows that were too heavy.

    Args:
        knowledge: What has been learnt of the vendor.
        resolution: The smallest step of the vendor's date parameters.
        refuse: Told of the length of a window that is not to be planned again.
        aim: How many calls the windows to come should hold.
        page_sizes: How many calls a page should hold.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        resolution: timedelta,
        refuse: Callable[[timedelta], None],
        aim: Aim,
        page_sizes: PageSizes,
    ) -> None:
        self._knowledge = knowledge
        self._resolution = resolution
        self._refuse = refuse
        self._aim = aim
        self._page_sizes = page_sizes

    def carried(self) -> None:
        """Plan windows of more calls again, once one has come that held more."""
        known = self._knowledge
        if known.lengths.heavy_by_calls and not known.inner_pages_lack:
            self._aim.restore(SHARE * known.most_calls)

    def is_on_trial(self, task: Task) -> bool:
        """Whether nothing has come of a window that the vendor may not carry."""
        lengths = self._knowledge.lengths
        longest = lengths.longest_accepted
        if not longest or task.settled or task.opened:
            return False
        weighs = lengths.shortest_refused is not None and not lengths.heavy_by_calls
        return task.window.length > longest * (1 if weighs else FAR_LONGER)

    def retries(self, task: Task, position: Position) -> int | None:
        """How often a page is tried again at once; None for all retries of the settings."""
        if task.waiting.patient:
            return None
        if task.lineage.unanswered and self._knowledge.answers == task.waiting.answers_before:
            return 0
        lengths = self._knowledge.lengths
        if position in task.first_positions:
            if self._page_sizes.is_on_trial(task.page_size):
                return 0
            too_heavy_before = lengths.shortest_refused is not None and lengths.longest_accepted
            # One call may break every page, too: far shorter windows are not on trial.
            share = FAR_SHORTER if lengths.heavy_by_calls else 1
            on_trial = task.window.length > lengths.longest_accepted * share
            return 0 if too_heavy_before and on_trial else FEW_RETRIES
        return 0 if self._is_deeper(task, position) else FEW_RETRIES

    def _is_deeper(self, task: Task, position: Position) -> bool:
        """Whether a page lies deeper than any that came, or reaches deeper."""
        current = task.current
        rows = current.rows_before(position) if current else 0
        return self._knowledge.depth.is_deeper(rows, position.size or task.page_size)

    def sized(self, task: Task, position: Position) -> Position:
        """A page that is due, smaller where some reached too deep."""
        current = task.current
        if current is None or not current.page_may_be_smaller or position.size or position.again:
            return position
        if position in task.first_positions:
            return position
        size = self._knowledge.depth.size_that_comes(current.rows_before(position), task.page_size)
        return position if size == task.page_size else position._replace(size=size)

    def goes_too_deep(self, task: Task) -> int | None:
        """Behind how many rows pages fail, if such a page is due; else None."""
        depth, current = self._knowledge.depth, task.current
        most = depth.most_rows
        if most is None or current is None:
            return None
        due = [each for each in task.to_ask if not (each.beyond or each.again)]
        rows = max(map(current.rows_before, due), default=0)
        too_deep = rows >= most or (current.total is None and depth.is_out_of_reach(rows))
        return max(most, 1) if due and too_deep else None

    def on_deep_page(self, task: Task, position: Position, error: Exception) -> AskAgain | None:
        """Have a page asked for again that failed deeper than any that came; None to give it up."""
        if not self._is_deeper(task, position) or task.current is None:
            return None
        depth, rows = self._knowledge.depth, task.current.rows_before(position)
        silent = isinstance(error, VendorUnavailable) and error.timed_out
        # Silence costs a minute or so: no second one is asked for.
        times = FAILURES_THAT_TELL if silent else 1
        size = position.size or task.page_size
        depth.failed_ends.extend([rows + size] * times)
        if task.current.page_may_be_smaller and depth.smaller(rows, size) < size:
            return AskAgain([position._replace(size=depth.smaller(rows, size))], str(error))
        depth.failures.extend([rows] * times)
        if depth.most_rows is None:
            return AskAgain([position], str(error))
        return None

    def on_first_page(
        self, task: Task, error: Exception, *, expected: float | None, first: bool
    ) -> Decision:
        """Decide when the first page of a window failed within few tries: it, or all of it.

        Args:
            task: The window.
            error: Why it failed.
            expected: How many calls it should hold; None if unknown.
            first: Whether everything before it has been read.
        """
        if self._page_sizes.is_on_trial(task.page_size):
            self._page_sizes.failed_on_trial(task.window, task.page_size)
            return ReadAgain(f"{error}; asked for smaller pages")
        self._page_sizes.failed_again(task.window)
        if not self._knowledge.answers:
            self._page_sizes.failed(task.page_size)
        return self._on_window(task, error, expected, first=first)

    def _on_window(  # noqa: PLR0911 - a table
        self, task: Task, error: Exception, expected: float | None, *, first: bool
    ) -> Decision:
        """Decide when a window failed, whatever the size of its page."""
        known, length = self._knowledge, task.window.length
        lengths = known.lengths
        least = max(MINUTE, self._resolution)
        divisible = length >= 2 * least and task.window.can_split(self._resolution)
        answered = known.answers > task.waiting.answers_before
        if divisible and (answered or self.is_on_trial(task)):
            # No vendor limits periods to less than an hour: what is too heavy there is the calls.
            if length > max(lengths.longest_accepted, HOUR):
                self._refuse(length)
                return self.split(task, 4, str(error))
            if lengths.shortest_refused is None or (expected or 0) < known.most_calls / 2:
                return self.split(task, 4, str(error))
            lengths.heavy_by_calls = True
            self._refuse(length)
            self._aim.gently(SHARE * max(known.most_calls, (expected or 0) / 2))
            return self.split(task, 2, str(error))
        if task.waiting.patient:
            return self._given_up(task, error)
        if not first:
            # What lies before it shows whether the vendor answers anything.
            task.waiting.for_an_answer, task.waiting.for_its_turn = divisible, not divisible
            return ReadAgain(str(error))
        if known.answers == 0 and length > 2 * A_DAY:
            self._refuse(length)
            return self._cut_off(task, A_DAY, str(error))
        if divisible:
            return self._cut_off(task, HOUR if length >= 2 * HOUR else least, str(error))
        return ReadAgain(str(error), patient=True)

    def on_too_often(
        self, task: Task, error: Exception, *, expected: float | None, first: bool
    ) -> Decision:
        """Decide when the vendor wanted to be asked less often, however long it was waited for.

        If it answers others, or a short question, it may say so of what is too long or too full.
        """
        least = max(HOUR, 2 * self._resolution)
        answered = self._knowledge.answers > task.waiting.answers_before
        if task.window.length <= least:
            return Fail(error)
        if answered or self.is_on_trial(task):
            return self._on_window(task, error, expected, first=first)
        if task.lineage.unanswered:
            return Fail(error)
        self._refuse(task.window.length)
        return self._cut_off(task, least, str(error))

    def _given_up(self, task: Task, error: Exception) -> Decision:
        """Give up a window as small as it gets; a window that came before tells if it alone."""
        if self._knowledge.answers > task.waiting.answers_before:
            return alone(error)
        control = self._knowledge.control(task.window)
        if control is None:
            return Fail(error)
        task.search = Searched(error, Purpose.CONTROL, task.window.end)
        return Search(control, Purpose.CONTROL.value)

    def on_control(self, task: Task, *, given: bool) -> Fail:
        """Give up a window, alone if one that came before still comes."""
        assert task.search is not None  # noqa: S101 - it was begun by `_given_up`
        refusal = task.search.refusal
        return alone(refusal) if given else Fail(refusal)

    def _cut_off(self, task: Task, length: timedelta, reason: str) -> Split:
        """Ask a short question first: does the vendor answer anything at all?"""
        cut = floor(task.window.start + length, self._resolution)
        parts = [Window(task.window.start, cut), Window(cut, task.window.end)]
        rest = parts[1] if task.lineage.doubt is None else None
        return Split(parts, task.lineage._replace(unanswered=True), reason, rest)

    def split(self, task: Task, parts: int, reason: str) -> Split:
        """Ask for a window in parts; all but the first are planned anew, if it was the last one."""
        return in_parts(task.window, task.lineage, parts, reason, resolution=self._resolution)


def is_too_heavy(error: Exception | None) -> TypeGuard[Exception]:
    """Whether the vendor may answer for less of a window."""
    if isinstance(error, VendorUnavailable):
        return error.may_carry_less
    return isinstance(error, UnreadableAnswer)


def is_too_often(error: Exception | None) -> TypeGuard[VendorUnavailable]:
    """Whether the vendor wanted to be asked less often, however long it was waited for."""
    return isinstance(error, VendorUnavailable) and error.too_often


def has_all(task: Task, error: Exception | None) -> bool:
    """Whether a page that should not exist failed, and everything has come by the total."""
    total = task.current.total if task.current else None
    return is_too_heavy(error) and total is not None and len(task.received) >= total
