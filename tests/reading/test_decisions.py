"""Every row of the table in `decisions`, called directly: no sandbox, no tap, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.clocks import fixed_width
from tap_callhistory.errors import VendorRefusal, VendorUnavailable
from tap_callhistory.reading.carried import Cap
from tap_callhistory.reading.cursors import CursorPages
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
from tap_callhistory.reading.decisions import MOST_HALVINGS, Decisions
from tap_callhistory.reading.doubts import Doubt, Shape, is_cut
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.lineage import NO_LINEAGE, Dense, Lineage, Surplus
from tap_callhistory.reading.pages import Limits, Page, Position, ReadCall
from tap_callhistory.reading.paginators import NumberedPages
from tap_callhistory.reading.planner import Planner
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.tasks import Task
from tap_callhistory.reading.windows import Window

if TYPE_CHECKING:
    from tap_callhistory.reading.passes import Pass

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
YESTERDAY = Window(NOON - DAY, NOON)


@dataclass
class Source:
    kind: type[Pass]
    limits: Limits
    resolution = SECOND

    def new_pass(self, limits: Limits, knowledge: Knowledge) -> Pass:
        return self.kind(limits, knowledge)


def calls(count: int, window: Window, share: float = 1.0) -> list[ReadCall]:
    step = window.length * share / max(count, 1)
    return [ReadCall(n, fixed_width(window.start + step * n), b"{}", n) for n in range(count)]


def decided(
    kind: type[Pass] = NumberedPages,
    window: Window = YESTERDAY,
    lineage: Lineage = NO_LINEAGE,
    *,
    attempt: int = 0,
    page_size: int = 10,
) -> tuple[Decisions, Task]:
    source = Source(kind, Limits(page_size))
    planner = Planner([], resolution=SECOND, comfortable=100, first=DAY)
    decisions = Decisions(source, planner, Sizes())
    decisions.knowledge.ends_checked = 1  # no further one is due
    task = Task(window, lineage, attempt=attempt)
    task.begin(decisions.new_pass(task))
    task.to_ask.clear()
    return decisions, task


def test_a_page_of_many_goes_on() -> None:
    decisions, task = decided()
    page = Page(calls(10, task.window), total=35)
    assert decisions.on_page(task, Position(1), page) == GoOn()
    assert [position.number for position in task.to_ask] == [2, 3, 4]


@pytest.mark.parametrize("attempt", [0, 1])
def test_a_total_that_is_not_what_came_is_read_again(attempt: int) -> None:
    decisions, task = decided(attempt=attempt)
    decisions.on_page(task, Position(1), Page(calls(10, task.window), total=12))
    task.to_ask.clear()
    decision = decisions.on_page(task, Position(2), Page([], total=12))
    assert decision == AskAgain([Position(2)], "0 calls came on a page that should hold 2")
    assert isinstance(decisions.on_page(task, Position(2), Page([], total=12)), ReadAgain)


def test_the_third_time_it_is_halved_and_its_parts_know_it() -> None:
    decisions, task = decided(attempt=2)
    decisions.on_page(task, Position(1), Page(calls(10, task.window), total=12))
    task.to_ask.clear()
    decisions.on_page(task, Position(2), Page([], total=12))
    decision = decisions.on_page(task, Position(2), Page([], total=12))
    assert isinstance(decision, Split)
    assert len(decision.parts) == 2
    assert decision.lineage.halvings == 1


def short_of_two(lineage: Lineage, *, attempt: int) -> tuple[Decisions, Decision]:
    """What is decided of a window of which 10 calls came, and 12 are counted."""
    decisions, task = decided(lineage=lineage, attempt=attempt)
    decisions.on_page(task, Position(1), Page(calls(10, task.window), total=12))
    task.to_ask.clear()
    decisions.on_page(task, Position(2), Page([], total=12))
    return decisions, decisions.on_page(task, Position(2), Page([], total=12))


def test_a_total_that_no_halving_has_mended_is_given_up() -> None:
    decisions, decision = short_of_two(Lineage(halvings=MOST_HALVINGS), attempt=2)
    assert isinstance(decision, Fail)
    assert decision.alone
    assert decisions.knowledge.habitual_surplus is None


@pytest.mark.parametrize(("found", "habit"), [(0, None), (1, 2)])
def test_calls_that_both_halves_lack_as_their_whole_did_are_the_vendors_habit(
    found: int, habit: int | None
) -> None:
    decisions, decision = short_of_two(Lineage(surplus=Surplus(2, 20, found)), attempt=2)
    assert decisions.knowledge.habitual_surplus == habit
    assert isinstance(decision, Fail if habit else Split)


@pytest.mark.parametrize(("found", "constant"), [(0, None), (1, 12)])
def test_a_total_that_both_halves_have_as_their_whole_did_is_not_that_of_a_window(
    found: int, constant: int | None
) -> None:
    whole = Surplus(5, 12, counted_again=found)
    decisions, decision = short_of_two(Lineage(surplus=whole), attempt=2)
    assert decisions.knowledge.constant_total == constant
    assert isinstance(decision, Fail if constant else Split)


@pytest.mark.parametrize(("in_vain", "whole"), [(1, False), (2, True)])
def test_a_window_whose_parts_hold_as_much_time_after_time_is_read_whole(
    in_vain: int,
    whole: bool,  # noqa: FBT001
) -> None:
    many = Sizes().most_calls + 1
    decisions, task = decided(lineage=Lineage(dense=Dense(many, in_vain)))
    decision = decisions.on_page(task, Position(1), Page(calls(10, task.window), total=many))
    assert decisions.knowledge.ignores_bounds is whole
    assert isinstance(decision, ReadAgain if whole else Split)


def test_a_refusal_of_the_length_is_split_in_four_and_remembered() -> None:
    decisions, task = decided(window=Window(NOON - 30 * DAY, NOON))
    decision = decisions.on_error(task, task.first_positions[0], VendorRefusal("x", status=400))
    assert isinstance(decision, Split)
    assert len(decision.parts) == 4
    assert decision.given_back == Window(decision.parts[1].start, NOON)
    assert decisions.knowledge.lengths.shortest_refused == 30 * DAY


@pytest.mark.parametrize(
    ("end", "trims", "latest"), [(NOON, 1, NOON), (NOON, 0, None), (NOON - SECOND, 1, None)]
)
def test_the_latest_end_is_learnt_from_what_came_of_the_end_of_history_moved_back(
    end: datetime, trims: int, latest: datetime | None
) -> None:
    """A part that ends before must not be taken for it: nothing behind it would be read."""
    decisions, task = decided(window=Window(NOON - DAY, end), lineage=Lineage(trims=trims))
    decisions.read_spans(Planner([YESTERDAY], resolution=SECOND, comfortable=100, first=DAY))
    decisions.on_page(task, Position(1), Page(calls(3, task.window), total=3))
    assert decisions.knowledge.latest_end == latest


def test_an_outage_fails_at_once() -> None:
    decisions, task = decided()
    error = VendorUnavailable("down")
    assert decisions.on_error(task, Position(1), error) == Fail(error)


def test_a_round_number_has_its_ends_looked_at() -> None:
    decisions, task = decided(CursorPages, page_size=1000)
    page = Page(calls(100, task.window), next="n")
    decisions.on_page(task, task.first_positions[0], page)
    task.to_ask.clear()
    decision = decisions.on_page(task, Position(cursor="n"), Page([]))
    assert isinstance(decision, LookAtEnds)


def test_an_odd_number_is_accepted() -> None:
    decisions, task = decided(CursorPages, page_size=1000)
    page = Page(calls(103, task.window), next="n")
    decisions.on_page(task, task.first_positions[0], page)
    task.to_ask.clear()
    assert decisions.on_page(task, Position(cursor="n"), Page([])) == Accept()


def test_a_doubted_part_that_cannot_be_split_is_accepted_for_now() -> None:
    window = Window(NOON, NOON + SECOND)
    lineage = Lineage(Doubt.of(range(200)))
    decisions, task = decided(CursorPages, window, lineage, page_size=1000)
    page = Page(calls(100, window), next="n")
    decisions.on_page(task, task.first_positions[0], page)
    task.to_ask.clear()
    decision = decisions.on_page(task, Position(cursor="n"), Page([]))
    assert decision == Accept(provisional=True)


def test_a_part_that_looks_cut_as_its_whole_did_is_split_without_a_look_at_its_ends() -> None:
    lineage = Lineage(Doubt.of(range(1000, 1100)))
    decisions, task = decided(CursorPages, lineage=lineage, page_size=1000)
    page = Page(calls(100, task.window), next="n")
    decisions.on_page(task, task.first_positions[0], page)
    task.to_ask.clear()
    decision = decisions.on_page(task, Position(cursor="n"), Page([]))
    assert isinstance(decision, Split)
    assert decision.lineage.doubt is not None


@pytest.mark.parametrize(("cap", "accepted"), [(None, True), (100, False)])
def test_a_part_that_brings_just_what_the_whole_did_is_no_sign_of_a_cap_unless_one_is_known(
    cap: int | None,
    accepted: bool,  # noqa: FBT001
) -> None:
    doubt = Doubt.of(range(100))
    doubt.brought_again = Window(NOON - 9 * DAY, NOON - 8 * DAY)
    decisions, task = decided(CursorPages, lineage=Lineage(doubt), page_size=1000)
    decisions.knowledge.cap.calls = cap
    page = Page(calls(100, task.window), next="n")
    decisions.on_page(task, task.first_positions[0], page)
    task.to_ask.clear()
    decision = decisions.on_page(task, Position(cursor="n"), Page([]))
    assert isinstance(decision, Accept) is accepted


def test_only_what_was_accepted_without_a_doubt_tells_that_no_cap_is_lower() -> None:
    decisions, task = decided(page_size=1000)
    decisions.on_page(task, Position(1), Page(calls(100, task.window), total=100))
    decisions.accepted(task, provisional=True)
    assert decisions.knowledge.largest_trusted == 0
    decisions.accepted(task, provisional=False)
    assert decisions.knowledge.largest_trusted == 100


@pytest.mark.parametrize(("share", "silent"), [(1.0, False), (0.5, True), (0.95, False)])
def test_a_silent_end_is_seen(share: float, silent: bool) -> None:  # noqa: FBT001
    assert Shape(YESTERDAY, calls(50, YESTERDAY, share)).has_a_silent_end is silent


def test_more_keys_than_the_cap_prove_it() -> None:
    doubt = Doubt.of(range(100))
    one, other = (ReadCall(key, fixed_width(NOON), b"{}", 0) for key in (100, 101))
    assert not doubt.proves_a_cap({100: one})
    assert doubt.proves_a_cap({101: other})


@pytest.mark.parametrize(("apart", "nothing"), [(SECOND / 50, False), (60 * SECOND, True)])
def test_calls_at_the_seam_of_two_parts_come_with_both_and_are_no_sign(
    apart: timedelta,
    nothing: bool,  # noqa: FBT001
) -> None:
    """Windows are asked for a little wider than they are, so both may hold all that there is."""
    doubt = Doubt.of(range(100))
    parts = YESTERDAY.split(2, SECOND)
    came: dict[str | int, ReadCall] = {
        key: ReadCall(key, fixed_width(parts[1].start + apart * key), b"{}", key)
        for key in range(100)
    }
    first, second = (Shape(part, came.values()) for part in parts)
    assert not doubt.brings_nothing_of_its_own(first, came, SECOND)
    assert doubt.brings_nothing_of_its_own(second, came, SECOND) is nothing


def test_a_cap_holds_as_long_as_no_more_calls_have_come() -> None:
    knowledge = Knowledge(cap=Cap(100), most_calls=100)
    assert is_cut(100, knowledge)
    assert not is_cut(99, knowledge)
    knowledge.most_calls = 101
    assert not is_cut(100, knowledge)
