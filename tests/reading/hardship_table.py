"""Prints what each hardship costs each vendor, in requests and in seconds of waiting.

python -m tests.reading.hardship_table
python -m tests.reading.hardship_table --calls 6000 --vendor utel

Requests are counted, and so are the seconds (see `tests.support.waiting`): no clock is looked at.
"""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship
from tests.support.in_process import NAMES, NOON, Clock, Run, lost, made_world, run_tap
from tests.support.waiting import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DAYS: Final = 28
RETRIES: Final = 8
#: Contract points 12, 13, 14 and 15; 16 is about single calls, and has its own tests.
HARDSHIPS: Final[Mapping[str, Behaviour]] = {
    "12 a day at most": Behaviour(largest_span_days=1),
    "12 an end too young": Behaviour(
        hardship=Hardship(youngest_end_minutes=10, refused_words="Invalid dates.")
    ),
    "13 slow beyond 48 h": Behaviour(hardship=Hardship(slow_span_hours=48)),
    "13 heavy beyond 60": Behaviour(hardship=Hardship(heavy_calls=60)),
    "13 deep beyond 60": Behaviour(hardship=Hardship(deepest_row=60)),
    "13 deep beyond 200": Behaviour(hardship=Hardship(deepest_row=200)),
    "13 deep, silent": Behaviour(hardship=Hardship(deepest_row=200, deep_silence=True)),
    "14 every 5th is empty": Behaviour(hardship=Hardship(thin_every=5)),
    "14 every 5th is halved": Behaviour(hardship=Hardship(thin_every=5, thin="halved")),
    "15 nothing is 404": Behaviour(hardship=Hardship(nothing="404")),
    "15 every 4th is 404": Behaviour(hardship=Hardship(blinks_every=4)),
}


def measured(vendor: str, count: int, behaviour: Behaviour) -> tuple[Run, int]:
    """One first run over a vendor's history, and how many calls it lacks of those
    that its bookmark claims.
    """
    calls = make_calls(vendor, 3, count, NOON, days=DAYS)
    world = made_world(vendor, calls, Clock(NOON), behaviour)
    run = run_tap(
        world,
        began=NOON,
        patience=Patience(),
        start_date=(NOON - timedelta(days=30)).isoformat(),
        max_retries=RETRIES,
        vendor={"page_size": 50},
    )
    return run, len(lost(run, world))


def rows(vendors: list[str], count: int) -> Iterator[tuple[Any, ...]]:
    """A row for each vendor and hardship."""
    for vendor in vendors:
        sound, missing = measured(vendor, count, Behaviour())
        yield vendor, "none", sound.requests, 1.0, sound.waited_seconds, missing, ""
        for name, behaviour in HARDSHIPS.items():
            run, missing = measured(vendor, count, behaviour)
            times = run.requests / sound.requests
            failure = str(run.failure or "")
            yield vendor, name, run.requests, times, run.waited_seconds, missing, failure


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What each hardship costs, in counted requests.")
    parser.add_argument("--calls", type=int, default=611)
    parser.add_argument("--vendor", choices=NAMES, action="append")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    write = sys.stdout.write
    write(f"{given.calls} calls in {DAYS} days, 50 on a page\n")
    write("vendor     hardship                requests  times  seconds  lost\n")
    for vendor, name, requests, times, seconds, missing, failure in rows(
        given.vendor or list(NAMES), given.calls
    ):
        line = f"{vendor:10} {name:24}{requests:8}{times:7.1f}{seconds:9.1f}{missing:6}"
        write(f"{line}  {failure[:120]}".rstrip() + "\n")


if __name__ == "__main__":
    main()
