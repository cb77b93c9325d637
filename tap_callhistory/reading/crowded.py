"""What to do with a window that holds too many calls: for memory, or for the vendor's cap. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_callhistory.reading.decision import Decision, ReadAgain, in_parts, unreadable
from tap_callhistory.reading.lineage import Dense
from tap_callhistory.reading.passes import TooMany, unlike_a_cap
from tap_callhistory.reading.windows import MOST_PARTS

if TYPE_CHECKING:
    from datetime import timedelta

    from tap_callhistory.reading.aim import Aim
    from tap_callhistory.reading.decision import Split
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.lineage import Lineage
    from tap_callhistory.reading.sizes import Sizes
    from tap_callhistory.reading.tasks import Task

#: How often a part is split that holds as many calls as the whole did: the next one will, too.
MOST_SPLITS_IN_VAIN = 3
#: A page says little of a week: what is foreseen against knowledge must be so much more.
ESTIMATE_MARGIN = 3
#: A window is cut into no more parts on the word of what came of it, where no total tells.
MOST_PARTS_FORETOLD = 4


class Crowded:
    """Decides about windows that hold too many calls.

    Args:
        knowledge: What has been learnt of the vendor.
        resolution: The smallest step of the vendor's date parameters.
        sizes: How many calls a window should hold.
        aim: How many calls the windows to come should hold.
    """

    def __init__(self, knowledge: Knowledge, resolution: timedelta, sizes: Sizes, aim: Aim) -> None:
        self._knowledge = knowledge
        self._resolution = resolution
        self._sizes = sizes
        self._aim = aim

    def note_total(self, task: Task, total: int) -> None:
        """Add up what the parts of a window hold: far more than it did itself cannot be."""
        dense = task.lineage.dense
        if dense is not None and dense.calls:
            dense.count(task.window, total)
            if dense.found > 2 * dense.calls:
                self._expect_no_less()
        if total and not self._aim.planner.knows:
            self._aim.planner.learn(task.window, total)

    def _expect_no_less(self) -> None:
        """Read longer windows: the vendor heeds their bounds roughly, so short ones repeat much."""
        self._knowledge.ignores_bounds = True
        self._aim.planner.aim_at(self._sizes.most_calls)

    def foresee(self, task: Task) -> None:
        """Split a window in time, where no total tells how many calls are still to come.

        Raises:
            TooMany: What came of it foretells too many.
        """
        if self._knowledge.ignores_bounds or not task.window.can_split(self._resolution):
            return
        estimate = task.shape.expected_calls(self._resolution)
        most = self._sizes.most_calls * (ESTIMATE_MARGIN if self._aim.planner.knows else 1)
        if estimate > most:
            raise TooMany(f"over {most} calls, about {estimate}", calls=estimate, at_cap=False)

    def on_too_many(self, task: Task, reason: TooMany) -> Decision:
        """Split a window that holds too much, into parts that should be comfortable."""
        if not task.window.can_split(self._resolution):
            return unreadable(task.window, str(reason))
        shape, whole = task.shape, task.lineage.dense
        total = (task.current.total if task.current else None) or 0
        in_vain = whole is not None and 0 < 0.95 * whole.calls <= total
        dense = Dense(total, in_vain=whole.in_vain + 1 if whole and in_vain else 0)
        if reason.at_cap:
            self._knowledge.cap.reached(task.received)
        else:
            if dense.in_vain >= MOST_SPLITS_IN_VAIN or shape.is_overrun:
                self._expect_no_less()
            if self._knowledge.ignores_bounds:
                return self._unsplit(task, reason)
        calls = max(reason.calls, shape.expected_calls(self._resolution))
        if dense.calls:
            self._aim.planner.learn(task.window, calls)
        lineage = task.lineage._replace(dense=dense)
        return self.in_parts(task, str(reason), lineage, at_least=calls)

    def in_parts(self, task: Task, reason: str, lineage: Lineage, *, at_least: int = 0) -> Split:
        """Split a window into parts that should hold no more calls than are aimed at.

        Args:
            task: The window.
            reason: Why.
            lineage: What the parts inherit.
            at_least: How many calls it should hold, by what is known besides.
        """
        current, shape, aim = task.current, task.shape, self._aim.calls
        total = (current.total if current else None) or 0
        calls = max(total or shape.expected_calls(self._resolution), at_least)
        # What a page foretells may be far too much, and empty windows cost requests, too.
        parts = min(-(-calls // aim), MOST_PARTS if total else MOST_PARTS_FORETOLD)
        direction = current.direction if current else 0
        rest: float = max(calls - len(task.received), 0)
        if not total:
            unread = shape.silence_behind(direction)
            rest = min(self._aim.planner.expected(unread) or rest, parts * aim)
        # A part that holds a round number of calls would look as if a cap had cut it.
        step = self._resolution
        cut = shape.cut(unlike_a_cap(aim), rest, direction, step, foretold=not total)
        cut = [] if len(cut) > MOST_PARTS else cut
        return in_parts(task.window, lineage, parts, reason, resolution=self._resolution, cut=cut)

    def _unsplit(self, task: Task, reason: TooMany) -> Decision:
        """Read a window whole, since shorter ones would hold no fewer calls."""
        most = task.current.limits.most_calls if task.current else None
        if most == self._sizes.most_calls_of_an_instant != self._sizes.most_calls:
            return unreadable(task.window, f"{reason}, and shorter windows bring no fewer calls")
        return ReadAgain("")
