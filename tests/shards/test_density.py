"""How many calls a month holds, asked of vendors that count and of vendors that do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.errors import VendorRefusal
from tap_callhistory.reading.windows import Window
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship
from tap_callhistory.shards.density import MOST_MONTHS, Census, Density
from tap_callhistory.shards.planning import months_of
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.vendors import VENDORS
from tap_callhistory.vendors.twin import TwinCallSessions
from tests.support.direct import sender_to
from tests.support.in_process import (
    NAMES,
    Clock,
    made_call,
    made_world,
    settings_of,
)

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.world import World
    from tap_callhistory.vendors.base import Endpoint

S = datetime(2026, 1, 1, tzinfo=UTC)
TODAY = datetime(2026, 6, 1, tzinfo=UTC)
#: One call every ten minutes.
CALLS_PER_DAY = 144


def world_of(vendor: str, days: int = 59, behaviour: Behaviour | None = None) -> World:
    calls = [
        made_call(place, S + place * timedelta(days=1) / CALLS_PER_DAY)
        for place in range(days * CALLS_PER_DAY)
    ]
    return made_world(vendor, calls, Clock(TODAY), behaviour or Behaviour())


class CappedTwin(TwinCallSessions):
    """TWIN as a vendor that stops at 2,000 calls."""

    cap = 2000


def census(
    world: World, months: list[Window], kind: type[Endpoint] | None = None, **vendor: Any
) -> Density:
    config = settings_of(world, TODAY, vendor=vendor)
    tap = TapCallHistory(config=config)
    tap.run.began = TODAY
    tap.run.new_sender = sender_to(world, lambda: None)
    (usual,) = [each for each in VENDORS if each.vendor == world.vendor]
    return Census(tap.run.endpoint(kind or usual), tap.run, tap.logger).take(months)


@pytest.mark.parametrize("vendor", NAMES)
def test_january_is_about_as_full_as_it_is_and_march_is_empty(vendor: str) -> None:
    months = months_of(Window(S, datetime(2026, 4, 1, tzinfo=UTC)))
    found = census(world_of(vendor), months)
    january, _, march = found.calls.values()
    assert january == pytest.approx(31 * CALLS_PER_DAY, rel=0.25)
    assert march <= 1
    assert found.requests <= 4 * len(months) + 1
    assert found.counted == (vendor in {"kavenegar", "twin", "utel"})


@pytest.mark.parametrize("vendor", ["etelecom", "cinnox"])
def test_a_full_page_is_followed_by_a_shorter_sample(vendor: str) -> None:
    months = months_of(Window(S, datetime(2026, 2, 1, tzinfo=UTC)))
    (january,) = census(world_of(vendor), months, page_size=20).calls.values()
    # An hour holds six or seven calls, of which it knows no better.
    assert january == pytest.approx(31 * CALLS_PER_DAY, rel=0.5)


def test_a_total_that_stops_at_the_vendors_cap_is_no_count() -> None:
    months = months_of(Window(S, datetime(2026, 2, 1, tzinfo=UTC)))
    (january,) = census(world_of("twin"), months, CappedTwin).calls.values()
    assert january == pytest.approx(31 * CALLS_PER_DAY, rel=0.25)


def test_ten_years_cost_two_dozen_requests() -> None:
    months = months_of(Window(datetime(2016, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)))
    found = census(world_of("utel"), months)
    assert len(found.calls) == MOST_MONTHS
    assert found.requests <= MOST_MONTHS + 2  # a login and a logout


@pytest.mark.parametrize("vendor", NAMES)
def test_a_404_for_a_month_without_calls_is_none_once_others_are_answered(vendor: str) -> None:
    world = world_of(vendor, behaviour=Behaviour(hardship=Hardship(nothing="404")))
    months = months_of(Window(datetime(2025, 11, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)))
    found = census(world, months)
    november, december, january, _, march, april = found.calls.values()
    assert january == pytest.approx(31 * CALLS_PER_DAY, rel=0.25)
    assert (november, april) == (0, 0)
    assert december <= 1  # the bounds are widened, and a call is at midnight
    assert march <= 1
    assert found.counted == (vendor in {"kavenegar", "twin", "utel"})


@pytest.mark.parametrize("vendor", NAMES)
def test_a_404_for_every_month_may_be_a_wrong_address_and_fails(vendor: str) -> None:
    world = world_of(vendor, behaviour=Behaviour(hardship=Hardship(nothing="404")))
    months = months_of(Window(datetime(2025, 10, 1, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC)))
    with pytest.raises(VendorRefusal) as refused:
        census(world, months)
    assert refused.value.status == 404
    assert refused.value.window


def test_a_refusal_of_the_credential_names_the_month() -> None:
    world = world_of("utel", days=1)
    with pytest.raises(VendorRefusal) as refused:
        census(world, months_of(Window(S, S + timedelta(days=20))), password="another")
    assert "utel.password" in str(refused.value)
