"""When a window may leave, and what is said of it when it does. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_callhistory.errors import KEEP_INCOMPLETE, IncompleteWindow
from tap_callhistory.reading.doubts import is_cut
from tap_callhistory.reading.knowledge import EXPECTED_FOR_NONE
from tap_callhistory.reading.read_windows import ReadWindow, strays
from tap_callhistory.reading.tasks import State, Task
from tap_callhistory.reading.windows import Window, merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_callhistory.reading.knowledge import Knowledge


#: What lies so near to calls may have held some.
AROUND = timedelta(days=7)


@dataclass(slots=True)
class Tally:
    """What reading cost, and what it found, so far.

    Attributes:
        windows: Windows read whole.
        incomplete: Windows that could not be read whole, and are given as they came.
        rereads: Passes that were repeated.
        splits: Windows split.
        total: The sum of the vendor's own totals; None where it gives none.
    """

    windows: int = 0
    incomplete: int = 0
    rereads: int = 0
    splits: int = 0
    total: int | None = None


class Leaving:
    """Lets windows leave.

    Args:
        knowledge: What has been learnt of the vendor.
        keep_incomplete: Whether a window that alone cannot be read whole leaves as it came.
    """

    def __init__(self, knowledge: Knowledge, *, keep_incomplete: bool) -> None:
        self.tally = Tally()
        self.keep_incomplete = keep_incomplete
        self._knowledge = knowledge
        self._unsure: list[Window] = []
        self._with_calls: list[Window] = []
        self._before_calls: list[Window] = []
        self._empty: list[Window] = []
        self._first_calls: tuple[Window, int] | None = None

    def may(self, queue: Sequence[Task]) -> bool:
        """Whether the first window is settled, and neither its doubt nor the next change that.

        Args:
            queue: The windows under way, in order.
        """
        task, following = queue[0], queue[1] if len(queue) > 1 else None
        doubt = task.lineage.doubt
        sure = len(task.answers.counts) > 1 and not self._knowledge.gives_blanks
        if task.state is State.READ and not task.calls and not sure:
            # The next window tells whether it is likely that nothing came.
            return following is None or following.settled
        if task.state is not State.PROVISIONAL or doubt is None:
            return task.settled
        of_one_doubt = (each for each in queue if each.lineage.doubt is doubt)
        return (
            self._is_cut(task) or bool(doubt.failure) or all(each.settled for each in of_one_doubt)
        )

    def leave(self, task: Task) -> ReadWindow:
        """Give a window that may leave.

        Raises:
            CallHistoryError: It could not be read, and does not leave as it came.
        """
        error = self._failure(task)
        if error is not None and not (self.keep_incomplete and task.calls_count_alone):
            raise error
        if not self._knowledge.gives_too_little:
            self._unsure.append(task.window)
            if task.calls:
                around = Window(task.window.start - AROUND, task.window.end + AROUND)
                self._with_calls = merged([*self._with_calls, around])
        if not task.calls:
            self._empty.append(task.window)
        self._note_silence(task)
        self.tally.windows += error is None
        self.tally.incomplete += error is not None
        if task.total is not None:
            self.tally.total = (self.tally.total or 0) + task.total
        return ReadWindow(
            task.window,
            task.calls,
            total=task.total,
            read_at=task.began,
            requests=task.requests,
            rereads=task.passes - 1,
            proof="" if error else task.proof,
            complete=error is None,
            reason=str(error or ""),
            doubles=task.doubles,
            strays=strays(task.calls, task.window),
        )

    def _note_silence(self, task: Task) -> None:
        """Keep what was silent, once, before any calls had come that tell if that is likely."""
        if self._first_calls is None and task.calls:
            self._first_calls = task.window, len(task.calls)
        elif self._first_calls is None and not task.answers.foreseen:
            self._before_calls.append(task.window)

    def left_too_early(self) -> list[Window]:
        """What left before it was known to be unlikely; told once.

        Where the vendor was found to give too little, all that left before; not of a long silence,
        but for what lies near to calls. Else, what was silent just before the first calls, if these
        are many. And what nothing came for that was no shorter than what nothing comes for.
        """
        near = self._with_calls if self._knowledge.gives_too_little else []
        unsure = [
            each
            for each in self._unsure
            if any(each.start < other.end and other.start < each.end for other in near)
        ]
        unsure += self._silent_before_many()
        unsure += filter(self._may_be_blank, self._empty)
        self._unsure, self._with_calls, self._before_calls, self._empty = [], [], [], []
        return merged(unsure)

    def _may_be_blank(self, window: Window) -> bool:
        near = any(window.start < each.end and each.start < window.end for each in self._with_calls)
        blank = self._knowledge.gives_blanks and near
        return blank or self._knowledge.lengths.may_be_blank(window)

    def _silent_before_many(self) -> list[Window]:
        if self._first_calls is None:
            return []
        first, calls = self._first_calls
        return [
            each
            for each in self._before_calls
            if first.start - AROUND <= each.end <= first.start
            and calls * (each.length / first.length) >= EXPECTED_FOR_NONE
        ]

    def _failure(self, task: Task) -> Exception | None:
        if task.state is not State.PROVISIONAL:
            return task.error
        if self._is_cut(task):
            error = IncompleteWindow(
                f"the window {task.window} cannot be read whole: the vendor stops at "
                f"{len(task.calls)} results, and the window cannot be split any further"
            )
            error.advice = KEEP_INCOMPLETE
            return error
        return task.lineage.doubt.failure if task.lineage.doubt else None

    def _is_cut(self, task: Task) -> bool:
        return is_cut(len(task.calls), self._knowledge)
