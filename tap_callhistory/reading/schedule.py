"""Which windows are under way, which pages to ask for next, and what may leave. Pure.

No threads, no clock, no requests: `due` says which pages to ask for, `take` is told what came of
each, in any order, and `leave` gives the windows in theirs. `decisions` says what a page means.
"""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING

from tap_callhistory.reading.decision import (
    Accept,
    AskAgain,
    Decision,
    Fail,
    LookAtEnds,
    ReadAgain,
    Search,
    Split,
    named,
)
from tap_callhistory.reading.decisions import Decisions
from tap_callhistory.reading.leaving import Leaving, Tally
from tap_callhistory.reading.planner import Planner
from tap_callhistory.reading.read_windows import ReadWindow, in_order
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.tasks import PageRequest, State, Task, dated
from tap_callhistory.reading.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import timedelta

    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Page, Position, ReadCall
    from tap_callhistory.reading.source import Source

#: Before an unlikely answer is asked for again, and how often that is waited for in a sync.
PAUSE_SECONDS = 1.0
MOST_PAUSES = 20
USUAL_SIZES = Sizes()


class Schedule:
    """Keeps the windows of some spans in order while their pages come in any order.

    Args:
        source: The stream.
        concurrency: How many windows are read at once, and how many requests are under way.
        decided: Told of every decision, with its window, before it is carried out.
        sizes: How many calls a window should hold, and how many are held in memory.
        pause_seconds: To wait before an unlikely answer is asked for again.
        calls_per_day: How dense the history was when it was read last; None if unknown.
        keep_incomplete: Whether a window that alone cannot be read whole is given as it came.
    """

    def __init__(
        self,
        source: Source,
        *,
        concurrency: int,
        decided: Callable[[Task, Decision], None],
        sizes: Sizes = USUAL_SIZES,
        pause_seconds: float = PAUSE_SECONDS,
        calls_per_day: float | None = None,
        keep_incomplete: bool = False,
    ) -> None:
        self._source = source
        self._concurrency = concurrency
        self._decided = decided
        self._pause_seconds = pause_seconds
        self._pauses = 0
        self._calls_per_day = calls_per_day
        self._queue: deque[Task] = deque()
        #: Calls that came of what was given back to be planned anew.
        self._known: dict[str | int, ReadCall] = {}
        self._under_way = 0
        self._look_ahead_calls = sizes.look_ahead_calls
        self._first_window = sizes.first_window
        comfortable = sizes.comfortable(source.limits.page_size)
        self._decisions = Decisions(source, self._plan([], comfortable), sizes)
        self._leaving = Leaving(self._decisions.knowledge, keep_incomplete=keep_incomplete)

    @property
    def tally(self) -> Tally:
        """What reading cost, and what it found, so far."""
        return self._leaving.tally

    def left_too_early(self) -> list[Window]:
        """What was given before the vendor was found to give too little; told once."""
        return self._leaving.left_too_early()

    @property
    def knowledge(self) -> Knowledge:
        """What has been learnt of the vendor so far."""
        return self._decisions.knowledge

    @property
    def under_way(self) -> tuple[Task, ...]:
        """The windows under way in order, looks at ends and searches among them."""
        return tuple(self._queue)

    @property
    def planned(self) -> tuple[Window, ...]:
        """What is still to be cut into windows, in order."""
        return self._decisions.planner.left

    @property
    def done(self) -> bool:
        """Whether everything that was to be read has left."""
        return not self._queue and not self.planned

    def _plan(
        self, spans: Sequence[Window], comfortable: int, longest: timedelta | None = None
    ) -> Planner:
        return Planner(
            spans,
            resolution=self._source.resolution,
            comfortable=comfortable,
            first=self._first_window,
            longest=longest,
            calls_per_day=self._calls_per_day,
        )

    def read(self, spans: Sequence[Window]) -> None:
        """Read these spans from now on; those before have been read.

        Args:
            spans: In order, not overlapping.
        """
        knowledge = self._decisions.knowledge
        if (latest := knowledge.latest_end) is not None:
            spans = [Window(span.start, min(span.end, latest)) for span in spans]
        if knowledge.gave and not self._calls_per_day:
            # This run knows better than one that knew no calls: silence is likely or not by it.
            self._calls_per_day = self._decisions.planner.calls_per_day or None
        comfortable, longest = self._decisions.comfortable, knowledge.lengths.to_plan
        self._decisions.read_spans(self._plan(spans, comfortable, longest))

    # Which windows, and which pages.

    def _begin_windows(self) -> None:
        planner = self._decisions.planner
        while self._room_for_a_window() and (window := planner.next()):
            task = Task(window, inherited=dated(self._known, window))
            for key in task.inherited:
                del self._known[key]
            self._queue.append(self._begin(task))

    def _room_for_a_window(self) -> bool:
        if not self._queue:
            return True
        if not self._decisions.planner.knows or any(
            task.state is State.FAILED for task in self._queue
        ):
            return False
        if any(map(self._decisions.weight.is_on_trial, self._queue)):
            return False
        unsettled = sum(not task.settled for task in self._queue)
        held = sum(self._held_by(task) for task in self._queue)
        room = self._look_ahead_calls - held
        return unsettled < self._concurrency and self._decisions.comfortable <= room

    def _held_by(self, task: Task) -> int:
        """How many calls a window holds in memory, or will."""
        if task.settled:
            return len(task.calls)
        return max(len(task.received), self._decisions.comfortable)

    def _begin(self, task: Task) -> Task:
        task.begin(self._decisions.new_pass(task))
        return task

    def due(self) -> Iterator[PageRequest]:
        """Pages to ask for: of the first windows, as far as their calls may be held in memory."""
        self._begin_windows()
        self._look_beside()
        asking = [task for task in self._within_memory() if task.to_ask and self._may_ask(task)]
        if not asking and not self._under_way:
            # The first window waits for what is to be read behind it: the parts of a doubt.
            asking = [task for task in self._queue if task.to_ask][:1]
        # Until its first page has come, a window can keep no more than one worker busy.
        for task in sorted(asking, key=lambda task: task.opened):
            while task.to_ask and self._under_way < self._concurrency:
                position = self._decisions.weight.sized(task, task.to_ask.popleft())
                request = self._request(task, position)
                task.under_way += 1
                task.requests += 1
                self._under_way += 1
                yield request

    def _request(self, task: Task, position: Position) -> PageRequest:
        return PageRequest(
            task,
            task.attempt,
            position,
            self._decisions.weight.retries(task, position),
            task.repeats,
            self._pause_before(task),
            position.size or task.page_size,
        )

    def _pause_before(self, task: Task) -> float:
        """Seconds that a worker waits, so that another machine of the vendor's may answer."""
        if not task.waiting.pauses_due:
            return 0.0
        task.waiting.pauses_due -= 1
        self._pauses += 1
        return self._pause_seconds if self._pauses <= MOST_PAUSES else 0.0

    def _may_ask(self, task: Task) -> bool:
        """Whether a window that failed need not wait: for an answer, or for those before it."""
        if not (task.waiting.for_an_answer or task.waiting.for_its_turn) or self._is_first(task):
            return True
        answered = self._decisions.knowledge.answers > task.waiting.answers_before
        return answered and not task.waiting.for_its_turn

    def _is_first(self, task: Task) -> bool:
        """Whether everything before a window has been read."""
        return all(before.settled for before in takewhile(lambda it: it is not task, self._queue))

    def _within_memory(self) -> Iterator[Task]:
        held = 0
        for task in self._queue:
            # The window whose end this is cannot leave before.
            if held < self._look_ahead_calls or task.end_of or task.searches_for:
                held += self._held_by(task)
                yield task

    def take(self, request: PageRequest, page: Page | None, error: Exception | None) -> None:
        """Do what a page means, or its failure.

        Args:
            request: What was asked for.
            page: What came; None if it failed.
            error: Why it failed.
        """
        self._under_way -= 1
        task = request.task
        if request.attempt != task.attempt:
            return
        task.under_way -= 1
        if task.end_of is not None:
            window, look = task.end_of, self._decisions.ends
            self._look(task, window, look.on_page(task, window, request.position, page, error))
        elif task.searches_for is not None:
            self._drop(task)
            decision = self._decisions.on_searched(task.searches_for, task.window, page, error)
            self._carry_out(task.searches_for, decision)
        elif page is None:
            first = self._is_first(task)
            decision = self._decisions.on_error(task, request.position, error, first=first)
            self._carry_out(task, decision)
        else:
            self._carry_out(task, self._decisions.on_page(task, request.position, page))

    # What was decided.

    def _carry_out(self, task: Task, decision: Decision) -> None:
        self._decided(task, decision)
        match decision:
            case AskAgain(positions, _, pause, last):
                task.waiting.pauses_due += len(positions) * pause
                (task.to_ask.extend if last else task.to_ask.extendleft)(positions)
            case ReadAgain():
                self._read_again(task, decision)
            case Split():
                self._replace(task, decision)
            case LookAtEnds(ends):
                task.state = State.ENDS_ASKED
                place = self._queue.index(task) + 1
                for end in ends:
                    self._queue.insert(place, self._begin(Task(end, end_of=task)))
            case Search(window, _):
                task.state = State.SEARCHING
                # In other words than a window's own, or a cache may answer.
                tries = 1 + (task.search.tries if task.search else 0)
                search = self._begin(Task(window, searches_for=task, repeats=tries))
                self._queue.insert(self._queue.index(task) + 1, search)
            case Accept(provisional):
                self._accept(task, provisional=provisional)
            case Fail(error, alone):
                self._give_up(task, named(error, task.window), alone=alone)

    def _read_again(self, task: Task, decision: ReadAgain) -> None:
        self._leaving.tally.rereads += bool(decision.reason)
        task.waiting.patient = decision.patient
        task.repeats += bool(decision.reason)
        self._begin(task)
        task.waiting.pauses_due = int(decision.pause)

    def _replace(self, task: Task, split: Split) -> None:
        self._leaving.tally.splits += 1
        parts = split.parts
        if split.given_back and task is self._queue[-1]:
            # The first part tells how the rest is best planned.
            self._decisions.planner.put_back(split.given_back)
            self._known.update(task.known_in(split.given_back))
            parts = parts[:1]
        if split.takes_in_the_rest:
            self._drop_behind(task)
        place = self._queue.index(task)
        known = [task.known_in(part) for part in parts]
        task.finish(State.GONE)
        del self._queue[place]
        for window, came in zip(reversed(parts), reversed(known), strict=True):
            self._queue.insert(place, self._begin(Task(window, split.lineage, inherited=came)))

    def _drop_behind(self, task: Task) -> None:
        """Leave out all windows behind one, under way or planned; their calls remain known."""
        for other in list(self._queue):
            window = (other.end_of or other.searches_for or other).window
            if window.start >= task.window.end:
                task.inherited.update({call.key: call for call in other.calls})
                self._drop(other)
        self._decisions.planner.end_at(task.window.end)

    def _accept(self, task: Task, *, provisional: bool) -> None:
        self._decisions.accepted(task, provisional=provisional)
        if task.current is not None:
            task.total, task.proof = task.current.total, task.current.proof
            task.doubles = frozenset(task.current.doubles)
        for other in self._queue:
            # By the time that the vendor means, they belong here.
            for key in other.inherited.keys() & task.received.keys():
                del other.inherited[key]
        calls = in_order(task.received.values())
        task.finish(State.PROVISIONAL if provisional else State.READ, calls)

    def _give_up(self, task: Task, error: Exception, *, alone: bool) -> None:
        task.error = error
        if task.lineage.doubt is not None:
            task.lineage.doubt.failure = error
        if not (alone and self._leaving.keep_incomplete):
            task.finish(State.FAILED)
            return
        task.total = task.current.total if task.current else None
        task.finish(State.INCOMPLETE, in_order({**task.known, **task.received}.values()))

    # Looks at the ends of a window.

    def _look(self, end: Task, window: Task, decision: Decision) -> None:
        """Do with an end what was decided; accept its window once both ends were."""
        match decision:
            case Accept():
                self._drop(end)
                if not any(other.end_of is window for other in self._queue):
                    self._carry_out(window, decision)
            case Split():
                for each in [each for each in self._queue if each.end_of is window]:
                    self._drop(each)
                self._carry_out(window, decision)
            case _:
                self._carry_out(end, decision)

    def _drop(self, task: Task) -> None:
        self._queue.remove(task)
        task.finish(State.GONE)

    # What may leave.

    @property
    def may_leave(self) -> bool:
        """Whether the next window is settled, and those beside it do not change that."""
        return bool(self._queue) and self._leaving.may(self._queue)

    def leave(self) -> ReadWindow:
        """Give the next window, once it may leave.

        Raises:
            IncompleteWindow: It cannot be proved whole at the vendor's smallest resolution.
            CallHistoryError: What the transport or a record raised.
        """
        return self._leaving.leave(self._queue.popleft())

    def _look_beside(self) -> None:
        """Read a window again that is about to leave, if those beside it make it unlikely."""
        following = self._queue[1] if len(self._queue) > 1 else None
        if self.may_leave and (again := self._decisions.beside(self._queue[0], following)):
            self._carry_out(self._queue[0], again)
