"""When a window may leave, and when it must not: no I/O, and no schedule either."""

from __future__ import annotations

import pytest

from tap_callhistory.clocks import fixed_width
from tap_callhistory.errors import IncompleteWindow, VendorUnavailable
from tap_callhistory.reading.carried import Cap
from tap_callhistory.reading.doubts import Doubt
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.leaving import Leaving
from tap_callhistory.reading.lineage import Lineage
from tap_callhistory.reading.pages import ReadCall
from tap_callhistory.reading.tasks import State, Task
from tap_callhistory.reading.windows import Window
from tests.support.reading.simulated_vendor import HOUR, NOON, SECOND

CALLS = [ReadCall(key, fixed_width(NOON), b"{}\n", key) for key in range(100)]


def window(number: int) -> Window:
    return Window(NOON + number * HOUR, NOON + (number + 1) * HOUR)


def settled(number: int, state: State, calls: list[ReadCall], doubt: Doubt | None = None) -> Task:
    task = Task(window(number), Lineage(doubt))
    task.finish(state, list(calls))
    return task


def leaving(knowledge: Knowledge | None = None, *, keep_incomplete: bool = False) -> Leaving:
    return Leaving(knowledge or Knowledge(), keep_incomplete=keep_incomplete)


def test_what_was_accepted_for_now_waits_for_all_parts_of_its_doubt() -> None:
    doubt = Doubt.of(range(200))
    first, between = settled(0, State.PROVISIONAL, CALLS, doubt), Task(window(1))
    last = Task(window(2), Lineage(doubt))
    queue = [first, between, last]
    assert not leaving().may(queue)
    last.finish(State.READ, list(CALLS))
    assert leaving().may(queue)


def test_it_does_not_wait_where_a_part_has_failed_or_a_cap_is_proved() -> None:
    doubt = Doubt.of(range(200))
    queue = [settled(0, State.PROVISIONAL, CALLS, doubt), Task(window(1), Lineage(doubt))]
    assert leaving(Knowledge(cap=Cap(100), most_calls=100)).may(queue)
    doubt.failure = VendorUnavailable("down")
    assert leaving().may(queue)


def test_it_fails_as_the_part_did_that_might_have_cleared_its_doubt() -> None:
    doubt = Doubt.of(range(200))
    doubt.failure = VendorUnavailable("down")
    with pytest.raises(VendorUnavailable):
        leaving().leave(settled(0, State.PROVISIONAL, CALLS, doubt))


@pytest.mark.parametrize("keep_incomplete", [True, False])
def test_a_proved_cap_within_the_smallest_window_is_told_with_the_window(
    keep_incomplete: bool,  # noqa: FBT001
) -> None:
    knowledge = Knowledge(cap=Cap(100), most_calls=100)
    task = Task(Window(NOON, NOON + SECOND), Lineage(Doubt.of(range(200))))
    task.finish(State.PROVISIONAL, list(CALLS))
    room = leaving(knowledge, keep_incomplete=keep_incomplete)
    if not keep_incomplete:
        with pytest.raises(IncompleteWindow, match="stops at 100 results"):
            room.leave(task)
        return
    read = room.leave(task)
    assert not read.complete
    assert str(task.window) in read.reason
    assert len(read.calls) == 100
    assert room.tally.incomplete == 1


def test_an_empty_window_waits_for_the_next_one_which_tells_if_that_is_likely() -> None:
    empty, following = settled(0, State.READ, []), Task(window(1))
    assert not leaving().may([empty, following])
    following.finish(State.READ, list(CALLS))
    assert leaving().may([empty, following])
    assert leaving().may([empty])


def test_an_empty_window_that_was_asked_for_twice_waits_for_nothing() -> None:
    empty = settled(0, State.READ, [])
    empty.answers.counts = [0, 0]
    assert leaving().may([empty, Task(window(1))])
