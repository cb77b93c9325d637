"""Answers that lack calls, as of a replica that lags behind: asked again, and all is loaded."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship
from tests.support.in_process import NAMES, NOON, Clock, made_call, made_world, run_tap, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_callhistory.sandbox.world.call import Call
    from tap_callhistory.sandbox.world.world import World

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONTH_AGO = (NOON - 30 * DAY).isoformat()


pytestmark = pytest.mark.usefixtures("no_logs")


def world_of(vendor: str, calls: Sequence[Call], **hardship: Any) -> World:
    return made_world(vendor, calls, Clock(NOON), Behaviour(hardship=Hardship(**hardship)))


def read(world: World, **settings: Any) -> Any:
    usual: dict[str, Any] = {"start_date": MONTH_AGO, "vendor": {"page_size": 50}}
    return run_tap(world, **({"began": NOON} | usual | settings))


def lost(run: Any, world: World) -> int:
    assert run.failure is None
    return len(truth(world).keys() - run.table().keys())


@cache
def sound(vendor: str, seed: int) -> Any:
    """The run over a vendor's usual history, where no answer lacks anything."""
    return read(world_of(vendor, usual_calls(vendor, seed)), seed=seed)


@cache
def usual_calls(vendor: str, seed: int) -> Sequence[Call]:
    return make_calls(vendor, seed, 1_511, NOON, days=28)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("thin", ["empty", "halved"])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_whose_every_fifth_answer_lacks_calls_is_read_whole(
    vendor: str, thin: str, seed: int
) -> None:
    world = world_of(vendor, usual_calls(vendor, seed), thin_every=5, thin=thin)
    run = read(world, seed=seed)
    assert lost(run, world) == 0
    plain = sound(vendor, seed)
    # Without a total, only a second reading tells whether the inner pages are whole.
    has_total = any(window["vendor_total"] is not None for window in plain.windows())
    assert run.requests <= (2 if has_total else 7) * plain.requests


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("vendor", NAMES)
def test_so_is_one_that_lacks_calls_at_random(vendor: str, concurrency: int) -> None:
    world = world_of(vendor, usual_calls(vendor, 5))
    with thinned(world, random.Random(vendor), share=0.2):
        run = read(world, concurrency=concurrency)
    assert lost(run, world) == 0


@pytest.mark.parametrize("vendor", NAMES)
def test_so_is_one_that_counts_no_more_than_it_gives(vendor: str) -> None:
    """A search index that has not warmed up knows of no calls at all, nor of their number."""
    world = world_of(vendor, usual_calls(vendor, 5))
    every = iter(range(1, 10_000))
    good = world.find

    def found(query: Any) -> list[Call]:
        return [] if next(every) % 5 == 0 else good(query)

    with patch.object(world, "find", found):
        run = read(world)
    assert lost(run, world) == 0


@pytest.mark.parametrize("vendor", NAMES)
def test_the_first_window_of_all_is_not_taken_for_empty_at_once(vendor: str) -> None:
    calls = [made_call(n, NOON - 3 * DAY + n * HOUR) for n in (1, 2, 3)]
    world = world_of(vendor, calls)
    with answers(world, lambda number, calls: [] if number == 1 else calls):
        run = read(world, start_date=(NOON - 6 * DAY).isoformat())
    assert lost(run, world) == 0


@pytest.mark.parametrize("vendor", NAMES)
def test_an_empty_hour_of_a_busy_vendor_is_asked_for_again(vendor: str) -> None:
    """Nothing of this run tells that it is unlikely: the state of the run before does."""
    calls = make_calls(vendor, 2, 3_011, NOON, days=28)
    clock = Clock(NOON - HOUR)
    world = made_world(vendor, calls, clock, Behaviour())
    first = read(world, began=clock())
    clock.advance(HOUR)
    again = {"state": first.states()[-1], "revisit_hours": []}
    whole = read(world, **again)
    with answers(world, lambda number, calls: [] if number == 1 else calls):
        run = read(world, **again)
    assert whole.table()
    assert run.table() == whole.table()


@pytest.mark.parametrize("vendor", NAMES)
def test_a_stale_answer_from_a_cache_is_not_trusted_a_second_time(vendor: str) -> None:
    """Asked for in the same words, a cache says the same: the second question has other bounds."""
    calls = [made_call(n, NOON - 3 * DAY + n * HOUR) for n in (1, 2, 3)]
    world = world_of(vendor, calls)
    good, first = world.find, []

    def found(query: Any) -> list[Call]:
        first.append((query.since, query.until))
        return [] if first[-1] == first[0] else good(query)

    with patch.object(world, "find", found):
        run = read(world, start_date=(NOON - 6 * DAY).isoformat())
    assert lost(run, world) == 0


@pytest.mark.parametrize("vendor", NAMES)
def test_a_period_that_is_made_ready_when_it_is_first_asked_for_is_not_empty(vendor: str) -> None:
    """Any period is answered with nothing the first time, and whole from then on."""
    world = world_of(vendor, make_calls(vendor, 5, 600, NOON, days=28))
    good, asked = world.find, set[Any]()

    def found(query: Any) -> list[Call]:
        period = (query.since, query.until)
        ready = period in asked
        asked.add(period)
        return good(query) if ready else []

    with patch.object(world, "find", found):
        run = read(world)
    assert lost(run, world) == 0


@pytest.mark.parametrize("vendor", NAMES)
def test_the_last_window_is_not_taken_for_empty_at_once_if_all_were(vendor: str) -> None:
    world = world_of(vendor, [made_call(n, NOON - DAY + n * HOUR) for n in range(1, 21)])
    first_with_calls = [True]

    def thin(_: int, calls: list[Call]) -> list[Call]:
        return [] if calls and first_with_calls and first_with_calls.pop() else calls

    with answers(world, thin, count_too=True):
        run = read(world, start_date=(NOON - 5 * 365 * DAY).isoformat())
    assert lost(run, world) == 0
    assert run.requests <= 120


@pytest.mark.parametrize("vendor", NAMES)
def test_what_was_empty_before_the_first_calls_is_asked_for_again_once_they_come(
    vendor: str,
) -> None:
    """Two silent months tell nothing of the third; the fourth does."""
    calls = make_calls(vendor, 2, 3_011, NOON, days=60)
    world = world_of(vendor, calls)
    whole = calls[-1].created_at - calls[0].created_at
    first_page: list[bool] = [True]

    def thin(_: int, calls: list[Call]) -> list[Call]:
        return [] if calls and first_page and first_page.pop() else calls

    with answers(world, thin, count_too=True):
        run = read(world, start_date=(NOON - whole - 70 * DAY).isoformat())
    assert lost(run, world) == 0


@pytest.mark.parametrize("vendor", NAMES)
def test_a_quiet_vendor_is_not_asked_twice(vendor: str) -> None:
    calls = [made_call(n, NOON - n * 2 * DAY) for n in range(1, 15)]
    clock = Clock(NOON - HOUR)
    world = made_world(vendor, calls, clock, Behaviour())
    first = read(world, began=clock())
    clock.advance(HOUR)
    run = read(world, state=first.states()[-1], revisit_hours=[])
    assert run.table() == {}
    assert run.requests == 1


def sick(world: World, drawn: random.Random, kind: str) -> Any:
    """Let a share of the answers lack calls, together with their total."""
    good, number = world.find, iter(range(1, 100_000))
    asked: Counter[Any] = Counter()

    def found(query: Any) -> list[Call]:
        calls, now = good(query), next(number)
        asked[query.since, query.until] += 1
        poor = {
            "every third is halved": now % 3 == 0,
            "a third is halved": drawn.random() < 1 / 3,
            "a fifth is empty": drawn.random() < 1 / 5,
            "twice halved": asked[query.since, query.until] <= 2,
        }[kind]
        if not poor:
            return calls
        return [] if kind == "a fifth is empty" else calls[: len(calls) // 2]

    return patch.object(world, "find", found)


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        *product(["every third is halved", "twice halved"], range(2)),
        # Where chance decides, some seeds find out what others do not.
        *product(["a third is halved", "a fifth is empty"], range(4)),
    ],
)
@pytest.mark.parametrize("vendor", NAMES)
def test_answers_that_prove_themselves_and_lack_calls_are_found_out(
    vendor: str, kind: str, seed: int
) -> None:
    world = world_of(vendor, make_calls(vendor, seed, 1_003, NOON, days=28))
    with sick(world, random.Random(f"{vendor} {seed}"), kind):
        run = read(world, seed=seed)
    assert lost(run, world) == 0


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("vendor", NAMES)
def test_so_they_are_where_periods_above_six_hours_are_refused(vendor: str, seed: int) -> None:
    calls = make_calls(vendor, seed, 300, NOON, days=10)
    world = made_world(vendor, calls, Clock(NOON), Behaviour(largest_span_days=0.25))
    with sick(world, random.Random(f"{vendor} {seed}"), "a fifth is empty"):
        run = read(world, seed=seed, start_date=(NOON - 16 * DAY).isoformat())
    assert lost(run, world) == 0


@pytest.mark.parametrize("empty", [1, 4])
@pytest.mark.parametrize("vendor", NAMES)
def test_an_hourly_run_whose_first_answers_are_empty_loses_nothing(vendor: str, empty: int) -> None:
    """A wider window, which must hold calls, tells whether the vendor is awake."""
    clock = Clock(NOON - HOUR)
    world = made_world(vendor, make_calls(vendor, 2, 3_011, NOON, days=28), clock, Behaviour())
    first = read(world, began=clock())
    clock.advance(HOUR)
    again = {"state": first.states()[-1], "revisit_hours": []}
    whole = read(world, **again)
    with answers(world, lambda number, calls: [] if number <= empty else calls, count_too=True):
        run = read(world, **again)
    assert run.failure is None
    assert whole.table().keys() <= run.table().keys()


@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_whose_every_second_page_is_empty_costs_few_requests(vendor: str) -> None:
    calls = make_calls(vendor, 1, 3_011, NOON, days=28)
    world = world_of(vendor, calls, thin_every=2)
    run = read(world)
    assert lost(run, world) == 0
    assert run.requests <= 6 * read(world_of(vendor, calls)).requests


def answers(
    world: World, page: Callable[[int, list[Call]], list[Call]], *, count_too: bool = False
) -> Any:
    """Let a function of the page's number and calls say what comes of it."""
    number = iter(range(1, 100_000))
    if count_too:
        good = world.find
        return patch.object(world, "find", lambda query: page(next(number), good(query)))
    api: Any = world.api
    cut = api.cut

    def thinned(found: list[Call], first: int, size: int) -> list[Call]:
        return page(next(number), cut(found, first, size))

    return patch.object(api, "cut", thinned)


def thinned(world: World, drawn: random.Random, share: float) -> Any:
    def page(_: int, calls: list[Call]) -> list[Call]:
        if drawn.random() >= share:
            return calls
        return calls[: len(calls) // 2] if drawn.random() < 0.5 else []

    return answers(world, page)


@pytest.mark.parametrize("pattern", [(10, 1), (10, 3)], ids=["each 11th", "3 after each 10"])
@pytest.mark.parametrize("vendor", ["kavenegar", "twin", "utel"])
def test_a_total_that_is_too_large_now_and_then_is_outvoted(
    vendor: str, pattern: tuple[int, int]
) -> None:
    calls, (good, poor) = make_calls(vendor, 5, 1_500, NOON, days=28), pattern
    sound = read(world_of(vendor, calls))
    world = world_of(vendor, calls)
    api: Any = world.api
    total, told = api.total, iter(range(100_000))

    def slipped(found: Sequence[Call]) -> int:
        slips = next(told) % (good + poor) >= good
        return int(total(found) * (1.3 if slips else 1))

    with patch.object(api, "total", slipped):
        run = read(world)
    assert run.failure is None
    assert lost(run, world) == 0
    if pattern == (10, 1):
        assert run.requests <= 5 * sound.requests


@pytest.mark.parametrize("vendor", ["kavenegar", "twin", "utel"])
def test_what_came_of_a_window_is_missed_in_all_its_parts(vendor: str) -> None:
    """Any period is empty but the first one: its calls are known when it is asked for in parts."""
    calls = make_calls(vendor, 5, 6_000, NOON, days=28)
    world = world_of(vendor, calls)
    good, asked = world.find, list[Any]()

    def found(query: Any) -> list[Call]:
        asked.append((query.since, query.until))
        return good(query) if asked.count(asked[-1]) > 1 or asked[-1] == asked[0] else []

    with patch.object(world, "find", found):
        run = read(world, sizes=Sizes(most_calls=1_000, most_comfortable_calls=500))
    # Of a few calls it is not known that they are missing.
    assert lost(run, world) <= 5
