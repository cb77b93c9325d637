"""How long the same calls take where the vendor is slow: beside a serial reader, and the ideal.

The ideal keeps every connection busy from the first request to the last: requests x latency /
concurrency, and the start-up before.
"""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.benchmarks.bench import NOW, PAGE_SIZE
from tests.benchmarks.processes import sandbox

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.processes import Cost

LATENCIES_MS = (0, 50, 200)
CONCURRENCIES = (1, 4, 8, 16)
#: An hourly run reads so much where its last one is a day old.
HOURS = 25


@dataclass(frozen=True, slots=True)
class Wall:
    """How long a run took.

    Attributes:
        seconds: By the clock.
        requests: How many it sent.
        ideal: Seconds if its connections had never been idle; 0 where nobody waits.
    """

    seconds: float
    requests: int
    ideal: float = 0.0


@dataclass(frozen=True, slots=True)
class Walls:
    """The serial reader's seconds, and ours by concurrency."""

    serial: float
    ours: dict[int, Wall]


def start_up(bench: Bench, rounds: int = 3) -> float:
    """Seconds of a run that has next to nothing to read, from a vendor who answers at once."""
    with sandbox(1_000, now=f"{NOW:%FT%TZ}") as url:
        runs = [bench.ours(url, NOW - timedelta(days=3)) for _ in range(rounds)]
    return statistics.median(run.wall for run in runs)


def backfills(bench: Bench, calls: int, started: float, rounds: int) -> dict[int, Walls]:
    """A backfill by the vendor's milliseconds per page."""
    since = NOW - timedelta(days=61)
    table = {}
    for latency in LATENCIES_MS:
        with sandbox(calls, now=f"{NOW:%FT%TZ}", latency_ms=latency) as url:
            serial = bench.bare_loop(url, since).wall
            ours = {
                each: _median([
                    _wall(bench.ours(url, since, concurrency=each), latency, each, started)
                    for _ in range(rounds)
                ])
                for each in CONCURRENCIES
            }
            table[latency] = Walls(serial, ours)
    return table


def hourly_run(bench: Bench, started: float, latency_ms: int = 200) -> tuple[int, Walls]:
    """A run whose bookmark is a day old: how many pages it has, and how long they take."""
    since = NOW - timedelta(hours=HOURS)
    state = {"bookmarks": {"kavenegar_calls": _bookmark()}}
    # By the day of the week these are 60 pages or some more.
    with sandbox(70_000, now=f"{NOW:%FT%TZ}", days=4, latency_ms=latency_ms) as url:
        serial = bench.bare_loop(url, since)
        ours = {
            each: _median([
                _wall(
                    # The serial reader does not look back at older history; nor shall ours here.
                    bench.ours(
                        url,
                        NOW - timedelta(days=30),
                        concurrency=each,
                        state=state,
                        revisit_hours=[87_600],
                    ),
                    latency_ms,
                    each,
                    started,
                )
                for _ in range(3)
            ])
            for each in (8, 16)
        }
    return -(-serial.lines // PAGE_SIZE), Walls(serial.wall, ours)


def _bookmark() -> dict[str, str]:
    # One hour is read again behind it.
    reached = NOW - timedelta(hours=HOURS - 1)
    return {
        "replication_key": "created_at",
        "replication_key_value": f"{reached:%FT%T}.000000Z",
        "calls_per_day": "9000",
    }


def _wall(cost: Cost, latency_ms: int, concurrency: int, started: float) -> Wall:
    requests = int(re.findall(r"requests (\d+)", cost.log)[-1])
    waited = requests * latency_ms / 1000 / concurrency
    return Wall(cost.wall, requests, started + waited)


def _median(walls: list[Wall]) -> Wall:
    return sorted(walls, key=lambda wall: wall.seconds)[len(walls) // 2]


def print_backfills(walls: dict[int, Walls], calls: int) -> None:
    pages = calls / PAGE_SIZE
    most = max(each.requests for row in walls.values() for each in row.ours.values())
    print(f"\nA backfill of {pages:.0f} pages in {most} requests at most\n")
    header = "".join(f"{each:>8}" for each in CONCURRENCIES)
    print("Times faster than a serial reader, by milliseconds per page and concurrency\n")
    print(f"{'ms/page':>8} {'serial s':>9} {header}")
    for latency, row in walls.items():
        ratios = "".join(f"{row.serial / each.seconds:8.1f}" for each in row.ours.values())
        print(f"{latency:8} {row.serial:9.1f} {ratios}")
    print("\nTimes the ideal: requests x latency / concurrency, and the start-up\n")
    print(f"{'ms/page':>8} {'':9} {header}")
    for latency, row in walls.items():
        if latency:
            ratios = "".join(f"{each.seconds / each.ideal:8.2f}" for each in row.ours.values())
            print(f"{latency:8} {'':9} {ratios}")


def print_hourly_run(pages: int, walls: Walls) -> None:
    print(f"\nA run of {HOURS} hours and {pages} pages, 200 ms per page\n")
    for concurrency, each in walls.ours.items():
        print(
            f"concurrency {concurrency}: {each.requests} requests, {each.seconds:.1f} s, "
            f"{walls.serial / each.seconds:.1f} times faster than a serial reader, "
            f"{each.seconds / each.ideal:.2f} times the ideal"
        )


def print_latency(bench: Bench, calls: int, rounds: int) -> dict[int, Walls]:
    """Measure and print all of it."""
    started = start_up(bench)
    print(f"\nStart-up: {started:.2f} s")
    walls = backfills(bench, calls, started, rounds)
    print_backfills(walls, calls)
    print_hourly_run(*hourly_run(bench, started))
    return walls
