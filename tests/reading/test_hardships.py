"""What vendors refuse, cannot carry, or answer wrongly: everything is loaded all the same."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.sandbox.http import Refusal
from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship
from tests.support.in_process import (
    NAMES,
    NOON,
    STREAMS,
    Clock,
    lost,
    made_call,
    made_world,
    read_until,
    run_tap,
    truth,
)
from tests.support.waiting import Patience

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_callhistory.sandbox.world.call import Call
    from tap_callhistory.sandbox.world.world import World

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONTH_AGO = (NOON - 30 * DAY).isoformat()
#: A vendor that works costs so many requests for what is asked of these.
PAGE = {"page_size": 50}


pytestmark = pytest.mark.usefixtures("no_logs")


def world_of(vendor: str, calls: Sequence[Call], hardship: Hardship | None = None) -> World:
    behaviour = Behaviour(hardship=hardship or Hardship())
    return made_world(vendor, calls, Clock(NOON), behaviour)


def history(vendor: str, count: int = 600, days: float = 28) -> list[Call]:
    return make_calls(vendor, 3, count, NOON, days=days)


def read(world: World, **settings: Any) -> Any:
    usual: dict[str, Any] = {"began": NOON, "start_date": MONTH_AGO, "vendor": PAGE}
    return run_tap(world, **(usual | settings))


def refusals(world: World) -> list[int]:
    """The statuses of all refusals and failures of a vendor from now on."""
    api: Any = world.api
    good, told = api.answer, []

    def answer(request: Any) -> Any:
        answer = good(request)
        refused = answer.status >= 400 and "/auth/" not in request.path
        told.extend([answer.status] if refused else [])
        return answer

    api.answer = answer
    return told


@pytest.mark.parametrize("vendor", NAMES)
def test_nothing_that_lies_ahead_is_asked_for(vendor: str) -> None:
    world = world_of(vendor, history(vendor), Hardship(refuses_future=True))
    run = read(world)
    assert run.failure is None
    assert run.table() == truth(world)
    plain = read(world_of(vendor, history(vendor)))
    assert run.requests == plain.requests


@pytest.mark.parametrize(("count", "minutes"), [(611, 0.5), (611, 10), (3_011, 50)])
@pytest.mark.parametrize("vendor", NAMES)
def test_an_end_too_young_costs_a_dozen_requests_whatever_the_words(
    vendor: str, count: int, minutes: float
) -> None:
    calls = history(vendor, count)
    sound = read(world_of(vendor, calls))
    hardship = Hardship(youngest_end_minutes=minutes, refused_words="Invalid dates.")
    world = world_of(vendor, calls, hardship)
    run = read(world)
    assert run.failure is None
    assert run.requests <= sound.requests + 12
    assert not lost(run, world)
    assert run.windows()[-1]["window_end"] >= "2026-03-17T11:00"
    # The hourly run after it, with its revisits.
    refused, ages = refusals(world), [0.1, 1, 24, 168]
    with patch.object(world, "now", Clock(NOON + HOUR)):
        again = read(world, began=NOON + HOUR, state=run.states()[-1], revisit_hours=ages)
    assert again.failure is None
    # One of them is asked for with smaller pages.
    assert len(refused) <= 5
    # An unfinished call may hold it for some hours.
    assert read_until(run) <= read_until(again)


WORDS = ("RESULTSET_TOO_LARGE", "Слишком большой диапазон дат", "Invalid dates.")


@pytest.mark.parametrize(
    ("status", "words"),
    # A status without a word of use, and words that tell of a window, of its calls and of dates.
    [*product([400, 422, 413], [""]), *product([422], WORDS)],
)
@pytest.mark.parametrize("vendor", NAMES)
def test_a_period_too_long_is_read_in_shorter_ones_whatever_the_words(
    vendor: str, status: int, words: str
) -> None:
    hardship = Hardship(refused_status=status, refused_words=words)
    behaviour = Behaviour(largest_span_days=1, hardship=hardship)
    world = made_world(vendor, history(vendor), Clock(NOON), behaviour)
    first = read(world, start_date=(NOON - 20 * DAY).isoformat())
    assert first.failure is None
    assert first.table() == {k: v for k, v in truth(world).items() if k in first.table()}
    assert len(first.table()) > 300
    assert first.requests < 130
    # And from a bookmark that is three days old.
    state = first.states()[-1]
    mine = state["bookmarks"][STREAMS[vendor]]
    mine["replication_key_value"] = "2026-03-14T12:00:00.000000Z"
    again = read(world, state=state, start_date=(NOON - 20 * DAY).isoformat())
    assert again.failure is None
    # An unfinished call may hold it for some hours.
    assert read_until(again) >= "2026-03-17T06"


@pytest.mark.parametrize("cap", [20, 200])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_period_with_more_calls_than_are_given_is_read_in_shorter_ones(
    vendor: str, cap: int
) -> None:
    """As "No more than 200 records" is no word that there are no records."""
    behaviour = Behaviour(result_cap=cap, cap_style="error")
    world = made_world(vendor, history(vendor), Clock(NOON), behaviour)
    first = read(world, start_date=(NOON - 2 * DAY).isoformat())
    assert first.failure is None
    state = first.states()[-1]
    mine = state["bookmarks"][STREAMS[vendor]]
    mine["replication_key_value"] = "2026-02-15T12:00:00.000000Z"
    state["bookmarks"].pop(LEDGER)
    run = read(world, state=state, revisit_hours=[])
    assert run.failure is None
    # The end may be moved back, and the last hour be left to the next run.
    assert not lost(run, world)
    assert len(run.table()) > 590


#: In requests of a vendor that works. Half as many calls in a window as on its pages are twice as
#: many windows; where no total proves a window, each costs a second request.
MOST_TIMES = {"etelecom": 4, "kavenegar": 5, "twin": 5, "cinnox": 5, "utel": 5}
MOST_TIMES_FOR_DEEP_PAGES = 2


@pytest.mark.parametrize(
    "hardship",
    [
        Hardship(slow_span_hours=48),
        Hardship(heavy_calls=60),
        Hardship(deepest_row=200),
        Hardship(deepest_row=200, deep_silence=True),
    ],
    ids=["slow", "heavy", "deep", "deep, silent"],
)
@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_that_cannot_carry_a_window_is_asked_for_less(
    vendor: str, hardship: Hardship
) -> None:
    plain = read(world_of(vendor, history(vendor, 611)))
    world = world_of(vendor, history(vendor, 611), hardship)
    run = read(world, max_retries=8, patience=Patience())
    assert run.failure is None
    assert run.table() == truth(world)
    most = MOST_TIMES_FOR_DEEP_PAGES if hardship.deepest_row else MOST_TIMES[vendor]
    assert run.requests <= most * plain.requests
    # One page of these never comes.
    assert run.waited_seconds <= (66 if hardship.deep_silence else 20)


@pytest.mark.parametrize("minutes", [3, 30])
@pytest.mark.parametrize("vendor", NAMES)
def test_an_end_at_which_a_vendor_fails_is_left_to_the_next_run(vendor: str, minutes: int) -> None:
    world = world_of(vendor, history(vendor, 400))
    good, too_young = world.find, world.api.stored(NOON - timedelta(minutes=minutes))

    def find(query: Any) -> Any:
        if query.until > too_young:
            raise Refusal(500, "Server Error")
        return good(query)

    with patch.object(world, "find", find):
        run = read(world, max_retries=8)
    assert run.failure is None
    assert not lost(run, world)
    assert max(row["window_end"] for row in run.windows()) >= "2026-03-17T11:00"
    assert run.requests <= 200


@pytest.mark.parametrize("vendor", NAMES)
def test_a_call_that_breaks_every_page_costs_its_minute_and_names_it(vendor: str) -> None:
    calls = [made_call(n, NOON - 3 * DAY + n * HOUR) for n in (1, 2, 3)]
    world = world_of(vendor, calls, Hardship(broken_call=2))
    run = read(world, start_date=(NOON - 6 * DAY).isoformat())
    assert run.failure is not None
    assert len(run.table()) == 1
    assert "2026-03-14T14:0" in str(run.failure) or "2026-03-14T13:59" in str(run.failure)
    assert "2026-03-14T13:5" <= read_until(run) <= "2026-03-14T14:00:00.000000Z"
    assert run.requests < 60


@pytest.mark.parametrize("vendor", NAMES)
def test_a_history_that_begins_later_is_found_and_told(vendor: str) -> None:
    calls = [made_call(n, NOON - 3 * DAY + n * HOUR) for n in (1, 2, 3)]
    world = world_of(vendor, calls, Hardship(retention_days=5))
    run = read(world, start_date=(NOON - 6 * DAY).isoformat())
    assert run.failure is not None
    assert "start_date" in str(run.failure)
    assert "2026-03-12" in str(run.failure)
    assert run.requests <= 14


@pytest.mark.parametrize("vendor", ["kavenegar", "twin", "utel"])
def test_a_total_that_never_adds_up_is_refused_after_a_few_dozen_requests(vendor: str) -> None:
    calls = [made_call(n, NOON - 3 * DAY + n * HOUR) for n in range(1, 6)]
    run = read(world_of(vendor, calls, Hardship(surplus=3)))
    assert run.failure is not None
    assert "total" in str(run.failure)
    assert run.requests <= 48


NOTHING = ("204", "400", "404", "list", "null", "missing")


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("vendor", NAMES)
def test_nothing_new_is_an_empty_window_however_it_is_said(vendor: str, nothing: Any) -> None:
    calls = [made_call(n, NOON - 3 * DAY + n * HOUR) for n in (1, 2, 3)]
    world = world_of(vendor, calls, Hardship(nothing=nothing))
    first = read(world, start_date=(NOON - 6 * DAY).isoformat())
    assert first.failure is None
    assert first.table() == truth(world)
    quiet = read(world, state=first.states()[-1], revisit_hours=[])
    assert quiet.failure is None
    assert quiet.table() == {}
    assert quiet.requests <= 3


@pytest.mark.parametrize("vendor", NAMES)
def test_a_list_with_numbers_for_keys_is_its_values(vendor: str) -> None:
    world = world_of(vendor, history(vendor), Hardship(numbered=True))
    run = read(world)
    assert run.failure is None
    assert run.table() == truth(world)


@pytest.mark.parametrize("vendor", NAMES)
def test_a_minute_that_cannot_be_read_whole_does_not_bury_what_can(vendor: str) -> None:
    calls = [made_call(n, NOON - 3 * DAY + n * HOUR) for n in (1, 2, 3)]
    world = world_of(vendor, calls, Hardship(broken_call=2))
    run = read(world, start_date=(NOON - 6 * DAY).isoformat(), on_incomplete_window="continue")
    assert run.failure is None
    assert len(run.table()) == 2
    assert read_until(run) == "2026-03-17T12:00:00.000000Z"
    # Its neighbours are asked for a little wider than they are, and so hold the call, too.
    assert 1 <= run.summary.incomplete_windows <= 3
    for row in (row for row in run.windows() if not row["complete"]):
        assert "2026-03-14T13:5" <= row["window_start"] <= "2026-03-14T14:02"
        assert row["window_end"] <= "2026-03-14T14:03"
        assert "500" in row["reason"]
        assert row["proof"] is None
    assert run.requests < 90


@pytest.mark.parametrize("vendor", ["kavenegar", "twin", "utel"])
def test_a_total_that_never_adds_up_is_loaded_with_a_warning_where_that_is_wanted(
    vendor: str,
) -> None:
    calls = [made_call(n, NOON - 3 * DAY + n * HOUR) for n in range(1, 6)]
    world = world_of(vendor, calls, Hardship(surplus=3))
    run = read(world, on_incomplete_window="continue")
    assert run.failure is None
    assert run.table() == truth(world)
    assert run.summary.incomplete_windows
    assert run.requests <= 60


@pytest.mark.parametrize("vendor", NAMES)
def test_what_was_left_behind_is_tried_again_by_every_run(vendor: str) -> None:
    calls = [made_call(n, NOON - 3 * DAY + n * HOUR) for n in (1, 2, 3)]
    broken = {"start_date": (NOON - 6 * DAY).isoformat(), "on_incomplete_window": "continue"}
    sick = world_of(vendor, calls, Hardship(broken_call=2))
    first = read(sick, **broken, revisit_hours=[])
    left = first.states()[-1]["bookmarks"][STREAMS[vendor]]["incomplete_windows"]
    assert left
    still = read(sick, **broken, revisit_hours=[], state=first.states()[-1])
    assert still.failure is None
    assert still.states()[-1]["bookmarks"][STREAMS[vendor]]["incomplete_windows"] == left
    kept = read(sick, start_date=broken["start_date"], state=first.states()[-1], revisit_hours=[])
    assert kept.states()[-1]["bookmarks"][STREAMS[vendor]]["incomplete_windows"] == left
    well = world_of(vendor, calls)
    run = read(well, **broken, revisit_hours=[], state=still.states()[-1])
    assert first.table() | run.table() == truth(well)
    assert "incomplete_windows" not in run.states()[-1]["bookmarks"][STREAMS[vendor]]
    assert all(row["complete"] for row in run.windows())


@pytest.mark.parametrize("vendor", NAMES)
def test_an_outage_is_no_incomplete_window(vendor: str) -> None:
    world = world_of(vendor, history(vendor))
    api: Any = world.api
    good = api.answer

    def down(number: int) -> None:
        if number > 5:
            api.answer = lambda _: api.error(503, "down")

    run = read(world, before_request=down, on_incomplete_window="continue")
    api.answer = good
    assert run.failure is not None
    assert run.summary.incomplete_windows == 0


@pytest.mark.parametrize("vendor", NAMES)
def test_two_rows_under_one_key_are_told_and_the_last_one_is_written(
    vendor: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.disable(logging.NOTSET)
    world = world_of(vendor, [made_call(n, NOON - n * DAY) for n in (3, 2, 1)])
    good = world.find

    def doubled(query: Any) -> list[Call]:
        found = good(query)
        return [each for call in found for each in (twice(call) if call.sequence == 2 else [call])]

    def twice(call: Call) -> list[Call]:
        return [call, replace(call, ended_at=call.ended_at + timedelta(seconds=7))]

    key = world.api.call_id(world.call(2))
    with caplog.at_level(logging.WARNING), patch.object(world, "find", doubled):
        run = read(world)
    assert run.failure is None
    assert run.summary.doubled_keys == 1
    told = [each for each in caplog.messages if "differ under one key" in each]
    assert len(told) == 1
    assert run.table()[key] != truth(world)[key]
    assert len(run.table()) == 3


@pytest.mark.parametrize("vendor", NAMES)
def test_calls_that_came_once_are_not_taken_back_by_empty_answers(vendor: str) -> None:
    """Every other answer knows of no calls, nor of their number: two empty ones prove nothing."""
    world = world_of(vendor, history(vendor))
    every, good = iter(range(1, 100_000)), world.find

    def found(query: Any) -> list[Call]:
        return [] if next(every) % 2 else good(query)

    with patch.object(world, "find", found):
        run = read(world)
    assert run.failure is not None or run.table() == truth(world)
    assert run.requests < 600


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_broken_call_of_a_vendor_that_gives_too_little_is_no_outage(
    vendor: str, seed: int
) -> None:
    """A window around it was answered, but only because the answer lacked its calls."""
    calls = make_calls(vendor, 5, 600, NOON, days=28)
    world = world_of(vendor, calls, Hardship(broken_call=calls[300].sequence))
    drawn, good = random.Random(seed), world.find

    def found(query: Any) -> list[Call]:
        return [] if drawn.random() < 0.2 else good(query)

    with patch.object(world, "find", found):
        run = read(world, on_incomplete_window="continue")
    assert run.failure is None
    assert truth(world).keys() - run.table().keys() == {world.api.call_id(calls[300])}
    assert [row for row in run.windows() if not row["complete"]]


@pytest.mark.parametrize("every", [3, 4])
@pytest.mark.parametrize(
    ("vendor", "count"),
    [*product(NAMES, [400, 611]), ("cinnox", 3_011), ("utel", 6_000)],
)
def test_a_vendor_that_blinks_with_404_is_read_whole(vendor: str, count: int, every: int) -> None:
    calls = history(vendor, count)
    sound = read(world_of(vendor, calls))
    world = world_of(vendor, calls, Hardship(blinks_every=every))
    run = read(world)
    assert run.failure is None
    assert run.table() == truth(world)
    assert run.requests <= 2 * sound.requests


@pytest.mark.parametrize("nothing", ["", "404"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("vendor", NAMES)
def test_so_is_one_that_blinks_at_random_and_says_404_for_nothing(
    vendor: str, seed: int, nothing: Any
) -> None:
    """Half of this history is silent."""
    calls = [call for call in history(vendor, 2_011) if call.created_at < NOON - 14 * DAY]
    world = world_of(vendor, calls, Hardship(nothing=nothing))
    api: Any = world.api
    drawn, good = random.Random(seed), api.answer
    missing = api.error(404, "Not found.")

    def answer(request: Any) -> Any:
        return missing if "/auth/" not in request.path and drawn.random() < 0.25 else good(request)

    api.answer = answer
    run = read(world, seed=seed)
    assert run.failure is None
    assert run.table() == truth(world)


def strayed(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each for each in caplog.messages if "outside of it" in each]


@pytest.mark.parametrize("page_size", [5, 50])
def test_a_cursor_that_forgets_the_filter_is_told_once_and_loses_nothing(
    caplog: pytest.LogCaptureFixture, page_size: int
) -> None:
    logging.disable(logging.NOTSET)
    few = history("etelecom", 200)
    world = world_of("etelecom", few, Hardship(forgets_filter=True))
    state = read(world_of("etelecom", few), start_date=(NOON - DAY).isoformat()).states()[-1]
    with caplog.at_level(logging.WARNING):
        run = read(world, state=state, lookback_hours=24, vendor={"page_size": page_size})
    assert run.failure is None
    assert len(strayed(caplog)) == 1
    assert "etelecom_call_logs: of " in strayed(caplog)[0]


@pytest.mark.parametrize("field", ["created", "started", "finished", "updated"])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_that_filters_by_another_date_forgets_nothing(
    vendor: str, field: Any, caplog: pytest.LogCaptureFixture
) -> None:
    logging.disable(logging.NOTSET)
    behaviour = Behaviour(filter_field=field)
    world = made_world(vendor, history(vendor), Clock(NOON), behaviour)
    with caplog.at_level(logging.WARNING):
        first = read(world)
        again = read(world, state=first.states()[-1], lookback_hours=1, revisit_hours=[24, 168])
    assert (first.failure, again.failure) == (None, None)
    assert not strayed(caplog)


@pytest.mark.parametrize("limit", ["length", "plan"])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_first_answer_of_403_may_be_about_the_window(vendor: str, limit: str) -> None:
    hardship = Hardship(
        refused_status=403,
        refused_words="Your plan does not allow this.",
        retention_days=9 if limit == "plan" else None,
    )
    days = 7 if limit == "length" else None
    behaviour = Behaviour(largest_span_days=days, hardship=hardship)
    world = made_world(vendor, history(vendor), Clock(NOON), behaviour)
    run = read(world)
    if limit == "length":
        assert run.failure is None
        assert run.table() == truth(world)
    else:
        assert "start_date" in str(run.failure)
        assert "2026-03-08" in str(run.failure)
        assert run.requests <= 40


@pytest.mark.parametrize("vendor", NAMES)
def test_a_wrong_credential_is_told_after_two_requests_and_no_further_login(vendor: str) -> None:
    world = world_of(vendor, history(vendor))
    api: Any = world.api
    good, asked = api.answer, []

    def answer(request: Any) -> Any:
        asked.append(request.path)
        return good(request) if "/auth/" in request.path else api.error(403, "Forbidden")

    api.answer = answer
    run = read(world)
    assert "403" in str(run.failure)
    assert run.requests <= 2
    assert len([path for path in asked if path.endswith("login")]) <= 1


@pytest.mark.parametrize("vendor", NAMES)
def test_the_first_403_of_a_later_run_may_be_about_the_window(vendor: str) -> None:
    """The run before was let in, so it is no word about the account yet."""
    calls = history(vendor)
    first = read(world_of(vendor, calls))
    later = made_world(
        vendor,
        calls,
        Clock(NOON + HOUR),
        Behaviour(hardship=Hardship(youngest_end_minutes=10, refused_status=403)),
    )
    run = read(later, began=NOON + HOUR, state=first.states()[-1], revisit_hours=[])
    assert run.failure is None
    assert run.requests <= 10


@pytest.mark.parametrize("vendor", NAMES)
def test_an_account_that_lost_its_rights_is_told_after_a_dozen_requests(vendor: str) -> None:
    world = world_of(vendor, history(vendor))
    first = read(world)
    api: Any = world.api
    good = api.answer

    def forbidden(request: Any) -> Any:
        return good(request) if "/auth/" in request.path else api.error(403, "Forbidden.")

    with patch.object(api, "answer", forbidden):
        run = read(world, state=first.states()[-1], revisit_hours=[])
    assert run.failure is not None
    assert "403" in str(run.failure)
    assert run.requests <= 16


@pytest.mark.parametrize("every", [2, 3])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_404_beside_failures_is_no_word_on_a_window(vendor: str, every: int) -> None:
    """A call breaks every answer that it is in: it fails, and then is told to be not found."""
    calls = history(vendor, 100)
    broken, answers = calls[50].sequence, iter(range(1, 100_000))
    world = world_of(vendor, calls)
    api: Any = world.api
    cut: Any = api.cut

    def found(calls: list[Call], first: int, size: int) -> list[Call]:
        if all(call.sequence != broken for call in calls):
            kept: list[Call] = cut(calls, first, size)
            return kept
        raise Refusal(500, "Server Error") if next(answers) % every else Refusal(404, "Not found.")

    with patch.object(api, "cut", found):
        run = read(world, on_incomplete_window="continue")
    named = [row for row in run.windows() if not row["complete"]]
    assert run.failure is not None or named
    assert run.failure is not None or len(truth(world).keys() - run.table().keys()) == 1
