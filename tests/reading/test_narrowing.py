"""What is asked for instead of what was refused: the table in `narrowing`, without any I/O."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.errors import VendorRefusal
from tap_callhistory.reading.decision import Decision, Fail, ReadAgain, Search, Split
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.narrowing import Narrowing
from tap_callhistory.reading.tasks import Task
from tap_callhistory.reading.windows import Window
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship
from tests.support.in_process import (
    NAMES,
    NOON,
    SMALL,
    STREAMS,
    Clock,
    made_call,
    made_world,
    run_tap,
)
from tests.support.reading.simulated_vendor import DAY, HOUR, SECOND

REFUSED = VendorRefusal("no", status=400)
MINUTE = timedelta(minutes=1)


class Refusing:
    """A vendor's refusals of the windows before the end of history, decided about.

    Attributes:
        knowledge: What has been learnt of the vendor.
        lengths: The lengths that are not to be planned again.
    """

    def __init__(self, *, answers: int = 0) -> None:
        self.knowledge = Knowledge()
        self.knowledge.answers = answers
        self.lengths: list[timedelta] = []
        self.narrowing = Narrowing(self.knowledge, SECOND, self.lengths.append)
        self.narrowing.read_until(NOON)

    def refuse(self, task: Task, error: VendorRefusal = REFUSED) -> Decision:
        return self.narrowing.on_refusal(task, error)


def ending(length: timedelta) -> Task:
    """The last window of history."""
    return Task(Window(NOON - length, NOON))


def trimmed(vendor: Refusing, task: Task) -> list[Decision]:
    """What is decided of a window whose end is refused however far it moves back."""
    decided = []
    while True:
        decided.append(decision := vendor.refuse(task))
        if not isinstance(decision, Split) or len(decision.parts) != 1:
            return decided
        task = Task(decision.parts[0], decision.lineage)


def test_the_end_of_history_moves_back_step_by_step_and_by_no_more_than_an_hour() -> None:
    vendor = Refusing()
    *steps, last = trimmed(vendor, ending(5 * HOUR))
    kept = [decision.parts[0] for decision in steps if isinstance(decision, Split)]
    moved = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)]
    assert [NOON - window.end for window in kept] == moved
    assert {window.start for window in kept} == {NOON - 5 * HOUR}
    assert isinstance(last, Split)


def test_where_that_did_not_help_the_window_is_read_in_parts_up_to_its_end() -> None:
    vendor = Refusing()
    *_, last = trimmed(vendor, ending(5 * HOUR))
    assert isinstance(last, Split)
    assert len(last.parts) == 4
    assert (last.parts[0].start, last.parts[-1].end) == (NOON - 5 * HOUR, NOON)
    assert last.lineage.trims == 0
    assert vendor.narrowing.horizon == NOON
    assert vendor.lengths == [5 * HOUR]


def test_a_window_that_a_trim_leaves_nothing_of_is_given_up_only_once_others_came() -> None:
    """Were it the first question of all, a refusal of any kind would look like success."""
    asked = Refusing()
    assert not isinstance(asked.refuse(ending(30 * SECOND)), Split)
    answered = Refusing(answers=1)
    given_up = answered.refuse(ending(30 * SECOND))
    assert isinstance(given_up, Split)
    assert given_up.parts == []
    assert answered.narrowing.horizon == NOON - 30 * SECOND


def test_only_the_window_at_the_end_of_history_is_trimmed() -> None:
    vendor = Refusing()
    inner = Task(Window(NOON - 6 * HOUR, NOON - HOUR))
    decision = vendor.refuse(inner, VendorRefusal("no", status=400, speaks_of_the_end=True))
    assert isinstance(decision, Split)
    assert len(decision.parts) == 4
    assert decision.parts[-1].end == NOON - HOUR


@pytest.mark.parametrize("later", [NOON - DAY, NOON + DAY])
def test_the_end_of_history_is_the_latest_of_all_that_is_read(later: datetime) -> None:
    """Revisits end before new history does, and their ends are not too young."""
    vendor = Refusing()
    vendor.narrowing.read_until(later)
    assert vendor.narrowing.horizon == max(NOON, later)


def test_where_history_begins_is_found_in_a_few_searches_and_told() -> None:
    """The vendor gives the last 30 days of 400."""
    vendor = Refusing(answers=1)
    task = Task(Window(NOON - 400 * DAY, NOON - 400 * DAY + HOUR))
    begins, asked, starts = NOON - 30 * DAY, 0, []
    decision = vendor.refuse(task)
    while isinstance(decision, Search | ReadAgain):
        if isinstance(decision, Search):
            asked += 1
            given = decision.window.start >= begins
            starts += [decision.window.start] if given else []
            decision = vendor.narrowing.on_search(task, decision.window, REFUSED, given=given)
        else:
            decision = vendor.refuse(task)
    assert asked <= 12
    assert isinstance(decision, Fail)
    assert task.search is not None
    assert task.search.given is not None
    assert task.search.given == min(starts)
    assert task.search.given <= begins + 2 * DAY
    assert f"{task.search.given:%Y-%m-%dT%H:%M}Z" in str(decision.error)


def test_a_vendor_that_gives_nothing_any_more_is_asked_some_rounds_and_no_more() -> None:
    vendor = Refusing(answers=1)
    task = Task(Window(NOON - 400 * DAY, NOON - 400 * DAY + HOUR))
    decision, rounds = vendor.refuse(task), 0
    while isinstance(decision, Search | ReadAgain):
        if isinstance(decision, Search):
            decision = vendor.narrowing.on_search(task, decision.window, REFUSED, given=False)
        else:
            rounds += 1
            assert decision.pause
            decision = vendor.refuse(task)
    assert decision == Fail(REFUSED)
    assert rounds == 3


@pytest.mark.parametrize(("youngest_minutes", "concurrency"), [(3, 1), (30, 4)])
@pytest.mark.parametrize("vendor", NAMES)
def test_an_end_may_be_too_young_for_several_short_windows(
    vendor: str, youngest_minutes: float, concurrency: int
) -> None:
    """So many calls come in that a window is minutes long: several of them end too late."""
    calls = [made_call(number, NOON - number * MINUTE / 2) for number in range(1, 250)]
    hardship = Hardship(youngest_end_minutes=youngest_minutes, refused_words="Invalid dates.")
    world = made_world(vendor, calls, Clock(NOON), Behaviour(hardship=hardship))
    run = run_tap(
        world,
        began=NOON,
        start_date=(NOON - 2 * DAY).isoformat(),
        sizes=SMALL,
        concurrency=concurrency,
    )
    assert run.failure is None
    read_until = run.states()[-1]["bookmarks"][STREAMS[vendor]]["replication_key_value"]
    assert read_until >= fixed_width(NOON - HOUR)
    promised = [call for call in calls if call.created_at < parse_instant(read_until)]
    assert {world.api.call_id(call) for call in promised} <= run.table().keys()
