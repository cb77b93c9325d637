"""Vendors that blink, or tire of being asked, in words of every kind: everything is loaded."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.sandbox.http import JSON_HEADERS, ApiAnswer
from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import NAMES, NOON, Clock, lost, made_world, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_callhistory.sandbox.world.world import World

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SIX_HOURS = 0.25
REFUSALS = {
    "400": (400, "Bad request."),
    "403": (403, "Forbidden."),
    "404": (404, "Not found."),
    "422": (422, "Invalid dates."),
    "503": (503, "Busy."),
}


pytestmark = pytest.mark.usefixtures("no_logs")


def let_fail(world: World, said: str, fails: Callable[[], bool]) -> None:
    """Let some answers of a vendor's calls be refusals, or empty lists."""
    api: Any = world.api
    good = api.answer
    nothing = ApiAnswer(204, {}, b"") if said == "204" else ApiAnswer(200, JSON_HEADERS, b"[]")
    poor = api.error(*REFUSALS[said]) if said in REFUSALS else nothing

    def answer(request: Any) -> Any:
        return good(request) if "/auth/" in request.path or not fails() else poor

    api.answer = answer


def now_and_then(share: float, seed: str) -> Callable[[], bool]:
    drawn = random.Random(seed)
    return lambda: drawn.random() < share


def tiring(good: int, poor: int) -> Callable[[], bool]:
    """After so many good answers, so many poor ones."""
    answers = iter(range(100_000))
    return lambda: next(answers) % (good + poor) >= good


def world_of(vendor: str, seed: int, count: int, days: int, longest: float | None) -> World:
    calls = make_calls(vendor, seed, count, NOON, days=days)
    return made_world(vendor, calls, Clock(NOON), Behaviour(largest_span_days=longest))


def assert_whole(world: World, days: int, seed: int, **settings: Any) -> None:
    since = (NOON - (days + 2) * DAY).isoformat()
    usual: dict[str, Any] = {
        "start_date": since,
        "vendor": {"page_size": 50},
        "max_retries": 8,
        "seed": seed,
    }
    run = run_tap(world, began=NOON, **(usual | settings))
    assert run.failure is None
    assert lost(run, world) == set()


@pytest.mark.parametrize(
    ("said", "longest"),
    [
        *product(["400", "403", "404", "422", "204", "[]"], [None]),
        # Of refusals, of absence and of nothing, one each.
        *product(["403", "404", "[]"], [SIX_HOURS]),
    ],
)
@pytest.mark.parametrize("vendor", NAMES)
def test_every_tenth_answer_may_be_poor(vendor: str, said: str, longest: float | None) -> None:
    world = world_of(vendor, 1, 100, 10, longest)
    let_fail(world, said, now_and_then(0.1, f"{vendor} {said}"))
    assert_whole(world, 10, 1)


@pytest.mark.parametrize(
    ("said", "longest"),
    # Three empty answers in a row, and short periods: a window in some thousands takes them all.
    [*product(["400", "403", "404", "503", "[]"], [None]), *product(["403", "503"], [SIX_HOURS])],
)
@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_may_tire_of_every_ten_requests(
    vendor: str, said: str, longest: float | None
) -> None:
    world = world_of(vendor, 2, 311, 14, longest)
    let_fail(world, said, tiring(10, 3))
    assert_whole(world, 14, 2)
