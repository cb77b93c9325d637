"""The sandbox's vendors: one row each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tap_callhistory.sandbox.vendors.cinnox import Cinnox
from tap_callhistory.sandbox.vendors.etelecom import Etelecom
from tap_callhistory.sandbox.vendors.kavenegar import Kavenegar
from tap_callhistory.sandbox.vendors.twin import Twin
from tap_callhistory.sandbox.vendors.utel import Utel
from tap_callhistory.sandbox.world.making import (
    STANDING_CALLS_PER_DAY,
    USUAL_SPAN_DAYS,
    calls_placed,
)
from tap_callhistory.sandbox.world.world import World, real_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from tap_callhistory.sandbox.vendors.base import SandboxVendor
    from tap_callhistory.sandbox.world.behaviour import Behaviour
    from tap_callhistory.sandbox.world.call import Call

VENDORS: dict[str, type[SandboxVendor]] = {
    "kavenegar": Kavenegar,
    "etelecom": Etelecom,
    "twin": Twin,
    "cinnox": Cinnox,
    "utel": Utel,
}


def vendor_named(name: str) -> type[SandboxVendor]:
    """Return a vendor's class.

    Raises:
        ValueError: There is no such vendor; the message names those that there are.
    """
    if name not in VENDORS:
        raise ValueError(f"no sandbox vendor {name!r}; there are {', '.join(VENDORS)}")
    return VENDORS[name]


def make_calls(
    vendor: str,
    seed: int,
    count: int,
    now: datetime,
    *,
    days: float = USUAL_SPAN_DAYS,
    ahead: timedelta = timedelta(0),
    standing: int = STANDING_CALLS_PER_DAY,
) -> list[Call]:
    """Make a vendor's newest `count` calls placed up to `now`, oldest first.

    Args:
        vendor: The vendor's name.
        seed: Which of many possible histories.
        count: How many calls.
        now: The end of the history, aware.
        days: The span that they fill, roughly.
        ahead: How far beyond `now` to go on, for a world that stays alive.
        standing: How many lines a day are held open for hours.

    Raises:
        ValueError: There is no such vendor.
    """
    place = vendor_named(vendor).place
    return calls_placed(vendor, place, seed, count, now, days=days, ahead=ahead, standing=standing)


def make_world(
    vendor: str,
    calls: Iterable[Call],
    clock: Callable[[], datetime] = real_clock,
    behaviour: Behaviour | None = None,
) -> World:
    """Make a vendor's world.

    Args:
        vendor: The vendor's name.
        calls: Its calls, past and to come.
        clock: Gives the present instant, aware; may stand still.
        behaviour: How the vendor behaves where its pages leave it open.

    Raises:
        ValueError: There is no such vendor.
    """
    return World(vendor_named(vendor), calls, clock, behaviour)
