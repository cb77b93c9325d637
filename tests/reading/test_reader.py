"""The reader against the sandbox's vendors, called directly: cost, caps, bursts, clock changes.

Measured with `tests/support/in_process.py`, requests per page, concurrency 4, calls
filling 60 days: see `test_a_dense_span_costs_little_more_than_its_pages` for the bounds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from tap_callhistory.clocks import fixed_width
from tap_callhistory.reading import reader
from tap_callhistory.reading.cursors import CursorPages
from tap_callhistory.reading.doubts import Doubt
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.leaving import Leaving
from tap_callhistory.reading.lineage import Lineage
from tap_callhistory.reading.pages import Limits, Page, Position, ReadCall
from tap_callhistory.reading.paginators import NumberedPages
from tap_callhistory.reading.planner import Planner
from tap_callhistory.reading.schedule import Schedule
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.tasks import State, Task
from tap_callhistory.reading.windows import Window
from tap_callhistory.reading.workers import InTurn
from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.vendors import VENDORS
from tests.support.in_process import NAMES, NOON, Clock, made_call, made_world, run_tap, truth

if TYPE_CHECKING:
    from tap_callhistory.reading.tasks import PageRequest

PAGE_SIZES = {"kavenegar": 100, "etelecom": 1000, "twin": 1000, "cinnox": 500, "utel": 300}
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MONTH_AGO = (NOON - 30 * DAY).isoformat()


pytestmark = pytest.mark.usefixtures("no_logs")


def world_of(vendor: str, calls: list[Any], **behaviour: Any) -> Any:
    return made_world(vendor, calls, Clock(NOON), Behaviour(**behaviour))


def spread(count: int, apart: timedelta = 10 * MINUTE, last: datetime = NOON - DAY) -> list[Any]:
    return [made_call(index + 1, last - apart * index) for index in range(count)]


# Economy.


@pytest.mark.parametrize("vendor", NAMES)
def test_five_silent_years_cost_hardly_more_than_a_request_a_month(vendor: str) -> None:
    run = run_tap(world_of(vendor, []), began=NOON, start_date=(NOON - 1826 * DAY).isoformat())
    assert run.failure is None
    assert run.requests <= 72


@pytest.mark.parametrize("vendor", NAMES)
def test_a_dense_span_costs_little_more_than_its_pages(vendor: str) -> None:
    calls = make_calls(vendor, 1, 5_011, NOON)
    world, size = world_of(vendor, calls), PAGE_SIZES[vendor] // 4
    since = calls[0].created_at.isoformat()
    run = run_tap(world, began=NOON, start_date=since, vendor={"page_size": size})
    assert len(run.table()) == world.count()
    pages = world.count() / size
    assert run.requests <= 1.15 * pages


@pytest.mark.parametrize("vendor", NAMES)
def test_nothing_is_written_twice_in_quiet_operation(vendor: str) -> None:
    calls = make_calls(vendor, 1, 4_000, NOON)
    run = run_tap(
        world_of(vendor, calls),
        began=NOON,
        start_date=(NOON - 70 * DAY).isoformat(),
        sizes=Sizes(most_calls=450, most_comfortable_calls=150),
    )
    counts = Counter(record["id"] for record in run.records())
    assert max(counts.values()) == 1
    assert run.summary.windows > 10


def test_no_window_holds_more_than_fits_in_memory() -> None:
    calls = make_calls("etelecom", 1, 3_000, NOON)
    sizes = []
    learn = Planner.learn

    def noted(self: Any, window: Any, calls: int, moments: Any = ()) -> None:
        sizes.append(calls)
        learn(self, window, calls, moments)

    with patch.object(Planner, "learn", noted):
        run = run_tap(
            world_of("etelecom", calls),
            began=NOON,
            sizes=Sizes(most_calls=300, most_comfortable_calls=100),
            start_date=(NOON - 70 * DAY).isoformat(),
            vendor={"page_size": 20},
        )
    assert run.failure is None
    assert len(run.table()) == 3_000
    assert max(sizes) <= 300


# Caps.


@pytest.mark.parametrize("cap", [50, 97])
@pytest.mark.parametrize("vendor", NAMES)
@pytest.mark.parametrize("total", ["", "capped"])
def test_an_undocumented_cap_is_noticed_and_the_windows_split(
    vendor: str, total: str, cap: int
) -> None:
    world = world_of(vendor, spread(333), total=total, result_cap=cap)
    run = run_tap(world, began=NOON, start_date=MONTH_AGO, vendor={"page_size": 10})
    assert run.failure is None
    assert run.table().keys() == truth(world).keys()


@pytest.mark.parametrize("vendor", NAMES)
def test_a_cap_that_was_met_twice_costs_no_more_doubts(vendor: str) -> None:
    calls = make_calls(vendor, 3, 3_000, NOON, days=28)
    world = world_of(vendor, calls, result_cap=200)
    run = run_tap(world, began=NOON, start_date=MONTH_AGO, vendor={"page_size": 50})
    assert run.failure is None
    assert run.table().keys() == truth(world).keys()
    assert run.requests <= 8 * 3_000 / 50


@pytest.mark.parametrize("vendor", ["etelecom", "cinnox"])
def test_more_than_a_cap_in_the_smallest_window_names_the_window(vendor: str) -> None:
    burst = [made_call(1000 + index, NOON - 2 * DAY) for index in range(130)]
    world = world_of(vendor, burst + spread(30), result_cap=100)
    run = run_tap(world, began=NOON, start_date=MONTH_AGO, vendor={"page_size": 10})
    assert run.failure is not None
    assert "2026-03-15T12:00" in str(run.failure)
    assert "cannot be read whole" in str(run.failure)
    assert run.states()[-1]["bookmarks"][_stream(vendor)]["replication_key_value"] < "2026-03-15T12"


def _stream(vendor: str) -> str:
    return next(each.name for each in VENDORS if each.vendor == vendor)


@pytest.mark.parametrize("vendor", NAMES)
def test_exactly_a_round_number_of_calls_is_not_taken_for_a_cap(vendor: str) -> None:
    world = world_of(vendor, [made_call(index, NOON - 2 * DAY) for index in range(1, 101)])
    run = run_tap(world, began=NOON, start_date=MONTH_AGO, vendor={"page_size": 10})
    assert run.failure is None
    assert run.table() == truth(world)


@pytest.mark.parametrize("vendor", NAMES)
def test_far_more_calls_than_a_window_holds_within_one_second_are_read_whole(vendor: str) -> None:
    second = NOON - 2 * DAY
    burst = [
        made_call(index, second + timedelta(microseconds=500 * index)) for index in range(1, 1322)
    ]
    sizes = Sizes(most_calls=300, most_comfortable_calls=100)
    small = {"page_size": PAGE_SIZES[vendor] // 3}
    world = world_of(vendor, burst)
    run = run_tap(world, began=NOON, start_date=MONTH_AGO, sizes=sizes, vendor=small)
    assert run.failure is None
    assert len(run.table()) == 1321


@pytest.mark.parametrize("vendor", ["kavenegar", "utel", "twin"])
@pytest.mark.parametrize("total", ["lie", "all"])
def test_a_total_that_lies_is_an_error_and_not_an_endless_loop(vendor: str, total: str) -> None:
    outside = [made_call(900 + index, NOON - 50 * DAY) for index in range(9)]
    world = world_of(vendor, spread(40) + outside, total=total)
    run = run_tap(world, began=NOON, start_date=MONTH_AGO)
    assert run.failure is not None
    assert "the vendor's total" in str(run.failure)
    assert run.requests < 1000


def test_a_cursor_that_comes_back_is_an_error_and_not_an_endless_loop() -> None:
    burst = [made_call(index, NOON - 2 * DAY) for index in range(1, 31)]
    run = run_tap(
        world_of("etelecom", burst, cursor_dialect="loop"),
        began=NOON,
        start_date=MONTH_AGO,
        vendor={"page_size": 10},
    )
    assert run.failure is not None
    assert "cursor" in str(run.failure)


@pytest.mark.parametrize("errors_in_ok", [False, True])
@pytest.mark.parametrize(
    ("vendor", "largest_span_days"),
    # Kavenegar's refusals give no reason: they count only once a shorter window was accepted.
    [(vendor, 10 if vendor == "kavenegar" else 1) for vendor in NAMES],
)
def test_a_vendor_that_refuses_long_windows_is_read_in_short_ones(
    vendor: str,
    largest_span_days: int,
    errors_in_ok: bool,  # noqa: FBT001
) -> None:
    behaviour = {"largest_span_days": largest_span_days, "errors_in_ok": errors_in_ok}
    world = world_of(vendor, spread(50), **behaviour)
    run = run_tap(world, began=NOON, start_date=MONTH_AGO)
    assert run.failure is None
    assert run.table() == truth(world)
    assert run.requests < 150


def test_a_refusal_that_has_nothing_to_do_with_the_window_costs_a_dozen_requests() -> None:
    run = run_tap(
        world_of("twin", spread(5)),
        began=NOON,
        start_date=MONTH_AGO,
        vendor={"date_field_parameter": "unknownField"},
    )
    assert run.failure is not None
    assert "twin.date_field_parameter" in str(run.failure)
    assert run.requests <= 12


def test_a_refusal_without_a_word_about_the_window_is_read_in_shorter_ones() -> None:
    world = world_of("kavenegar", spread(5), largest_span_days=1)
    run = run_tap(world, began=NOON, start_date=MONTH_AGO)
    assert run.failure is None
    assert run.table() == truth(world)


@pytest.mark.parametrize("vendor", ["kavenegar", "cinnox"])
def test_a_round_number_of_calls_costs_a_look_at_the_ends_and_no_more(vendor: str) -> None:
    calls = 60 * 50
    apart = timedelta(hours=24) / calls
    world = world_of(vendor, spread(calls, apart, last=NOON - 10 * MINUTE))
    since = (NOON - timedelta(hours=25)).isoformat()
    run = run_tap(world, began=NOON, start_date=since, vendor={"page_size": 50})
    assert run.failure is None
    assert run.table() == truth(world)
    assert run.requests <= 60 * 1.25


# Memory of one window, and of several.


def test_windows_under_way_hold_no_more_than_the_look_ahead() -> None:
    held = []
    take = Schedule.take

    def noted(self: Schedule, *finished: Any) -> None:
        held.append(sum(len(each.calls or each.received) for each in self.under_way))
        take(self, *finished)

    with patch.object(Schedule, "take", noted):
        run = run_tap(
            world_of("kavenegar", make_calls("kavenegar", 1, 6_000, NOON)),
            began=NOON,
            sizes=Sizes(most_calls=600, most_comfortable_calls=200, look_ahead_calls=600),
            start_date=(NOON - 70 * DAY).isoformat(),
            concurrency=16,
            vendor={"page_size": 20},
        )
    assert len(run.table()) == 6_000
    assert max(held) <= 2 * 600


# Filters that are not what they are taken for.


class _IgnoresBounds:
    """A vendor that gives the same calls whatever the window."""

    limits = Limits(100)
    resolution = timedelta(seconds=1)

    def __init__(self, calls: int) -> None:
        moments = [NOON - timedelta(minutes=place) for place in range(calls)]
        self.calls = [ReadCall(n, fixed_width(at), b"", n) for n, at in enumerate(moments)]
        self.asked = 0

    def new_pass(self, limits: Limits, knowledge: Knowledge) -> NumberedPages:
        return NumberedPages(limits, knowledge)

    def fetch(self, request: PageRequest) -> Page:
        self.asked += 1
        first = 100 * (request.position.number - 1)
        return Page(self.calls[first : first + 100], total=len(self.calls))


@pytest.mark.parametrize("calls", [100, 730])
def test_a_vendor_that_does_not_heed_windows_is_read_to_an_end(calls: int) -> None:
    source = _IgnoresBounds(calls)
    sizes = Sizes(most_calls=500, first_window=7 * DAY)
    reading = reader.Reader(source, InTurn(source.fetch), concurrency=2, stop=Event(), sizes=sizes)
    windows = list(reading.read([Window(NOON - 2 * DAY, NOON)]))
    assert [window.window.end for window in windows][-1] == NOON
    assert {call.key for window in windows for call in window.calls} == set(range(calls))
    assert source.asked < 200


def test_a_filter_by_another_date_than_that_of_updates_is_not_taken_for_it() -> None:
    calls = [made_call(n, NOON - DAY * n, recording_ready_at=NOON - HOUR) for n in range(1, 9)]
    run = run_tap(
        world_of("twin", calls, unknown_parameters="ignore"),
        began=NOON - 2 * DAY,
        start_date=MONTH_AGO,
        vendor={"date_field_parameter": "unknownField"},
    )
    assert "not updated in the window" in str(run.failure)
    assert "twin.date_field_parameter" in str(run.failure)
    assert run.table() == {}


def test_a_refused_later_page_has_its_window_read_again_or_split() -> None:
    world = world_of("utel", spread(60))
    good = world.api.answer
    refused = []

    def answer(request: Any) -> Any:
        page = dict(request.query).get("page")
        if page == "4":
            refused.append(page)
            return world.api.error(400, "Result window is too large")
        return good(request)

    with patch.object(world.api, "answer", answer):
        run = run_tap(world, began=NOON, start_date=MONTH_AGO, vendor={"page_size": 10})
    assert run.failure is None
    assert run.table() == truth(world)
    assert refused


# Failures in the middle.


def test_a_window_disturbed_once_is_read_again_and_not_split() -> None:
    world = world_of("utel", spread(40))

    def delete(number: int) -> None:
        if number == 3:
            world.delete(40)

    run = run_tap(
        world, began=NOON, start_date=MONTH_AGO, before_request=delete, vendor={"page_size": 10}
    )
    assert (run.summary.rereads, run.summary.splits) == (1, 0)
    assert run.table() == truth(world)


def test_a_window_disturbed_at_every_pass_is_split_until_it_stands_still() -> None:
    world = world_of("utel", spread(40))
    passed = iter(range(1, 30))

    def disturb(number: int) -> None:
        if number % 2 and (which := next(passed, None)):
            world.delete(which)

    run = run_tap(
        world, began=NOON, start_date=MONTH_AGO, before_request=disturb, vendor={"page_size": 10}
    )
    assert run.failure is None
    assert run.summary.splits > 0
    assert truth(world).keys() <= run.table().keys()


def test_a_part_that_fails_ends_the_wait_of_a_window_of_the_same_doubt() -> None:
    """A window waited for ever for another part of its doubt, which had failed."""
    doubt = Doubt(50, frozenset(), set())
    window = Window(NOON, NOON + timedelta(seconds=1))
    first = Task(window, Lineage(doubt), state=State.PROVISIONAL)
    other = Task(window, Lineage(doubt))
    leaving = Leaving(Knowledge(), keep_incomplete=False)
    assert not leaving.may([first, other])
    doubt.failure = ValueError("down")
    assert leaving.may([first, other])


def test_a_bad_record_does_not_spoil_the_estimate_of_a_dense_window() -> None:
    half = CursorPages(Limits(10), Knowledge())
    calls = [
        ReadCall("bad", "", None, 0),
        ReadCall(1, "2026-03-17T12:00:00.000000Z", b"", 0),
    ]
    half.take(Position(), Page(calls, next="a cursor"))
    task = Task(Window(NOON, NOON + DAY), current=half)
    assert task.shape.expected_calls(timedelta(seconds=1)) == 1000


# A set that re-sorts itself.


def test_updates_are_read_whole_though_one_call_changes_at_every_request() -> None:
    clock = Clock(NOON)
    world = made_world("twin", spread(120), clock, Behaviour())
    by_updates = {"date_field_parameter": "dateField", "page_size": 5}

    def change(number: int) -> None:
        clock.advance(timedelta(seconds=1))
        call = world.call(number % 120 + 1)
        world.replace(replace(call, recording_ready_at=clock()))

    first = run_tap(
        world, began=NOON, start_date=MONTH_AGO, before_request=change, vendor=by_updates
    )
    assert first.failure is None
    assert (first.summary.rereads, first.summary.splits) == (0, 0)
    clock.advance(DAY)
    second = run_tap(
        world, began=clock(), start_date=MONTH_AGO, state=first.states()[-1], vendor=by_updates
    )
    assert first.table() | second.table() == truth(world)


# A naive clock that changes.


@pytest.mark.parametrize("setting", ["Asia/Tehran", "UTC"])
@pytest.mark.parametrize("zone", ["Asia/Tehran", "UTC", "Asia/Kabul"])
@pytest.mark.parametrize(
    "midnight",
    [datetime(2021, 3, 21, 20, 30, tzinfo=UTC), datetime(2021, 9, 21, 19, 30, tzinfo=UTC)],
)
@pytest.mark.parametrize("bounds", ["[]", "()"])
def test_no_call_is_lost_where_tehran_changes_its_clock(
    midnight: datetime, zone: str, setting: str, bounds: Any
) -> None:
    calls = [made_call(900 + index, midnight + index * 7 * MINUTE) for index in range(-400, 400)]
    began = midnight + 4 * DAY
    world = made_world(
        "kavenegar",
        calls,
        Clock(began),
        Behaviour(zone=zone, bounds=bounds, parameter_resolution="minute"),
    )
    states: list[Any] = [None]
    table: dict[Any, Any] = {}
    for end in (midnight - DAY, midnight, midnight + MINUTE, midnight + 3 * DAY, began):
        run = run_tap(
            world,
            sizes=Sizes(fewest_comfortable_calls=5),
            began=max(end, midnight),
            state=states[-1],
            end_date=end.isoformat(),
            start_date=(midnight - 3 * DAY).isoformat(),
            lookback_hours=0,
            revisit_hours=[],
            vendor={"timezone": setting, "page_size": 5},
        )
        assert run.failure is None
        table |= run.table()
        states.append(run.states()[-1])

    assert table.keys() == truth(world).keys()
    if zone == setting:
        assert table == truth(world)
