"""`python -m tests.benchmarks [--quick]`: measures in one run, and prints the tables.

Every ratio is of figures measured in this run, on this machine, against the same sandbox, which
runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.bench import NOW, Bench
from tests.benchmarks.into_databases import (
    loaded_into_duckdb,
    loaded_into_postgres,
    through_target_duckdb,
    through_target_postgres,
)
from tests.benchmarks.latency import print_latency
from tests.benchmarks.processes import Cost, environment, median, sandbox
from tests.support.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.benchmarks.into_databases import Load

PICTURE = Path(__file__).parent.parent.parent / "docs" / "benchmark.svg"


def cost_per_call(bench: Bench, calls: int, rounds: int) -> dict[str, Cost]:
    """Processor time of everybody for the same calls: medians of rounds, each in turn."""
    since = NOW - timedelta(days=61)
    with sandbox(calls, now=f"{NOW:%FT%TZ}") as url:
        contenders: dict[str, Callable[[], Cost]] = {
            "bare requests and orjson loop": lambda: bench.bare_loop(url, since),
            "tap-callhistory": lambda: bench.ours(url, since),
            "dlt rest_api, extract": lambda: bench.dlt(url, since, "extract"),
            "plain singer-sdk tap, untyped": lambda: bench.plain_tap(url, since, conform=False),
            "Airbyte CDK, declarative, untyped": lambda: bench.airbyte(url, since),
            "dlt rest_api, extract and normalise": lambda: bench.dlt(url, since, "normalise"),
            "plain singer-sdk tap": lambda: bench.plain_tap(url, since, conform=True),
        }
        return medians_in_turn(contenders, rounds)


def cost_into_databases(bench: Bench, calls: int, rounds: int) -> dict[str, dict[str, Cost]]:
    """What the same calls cost into PostgreSQL and into DuckDB, each contender in turn."""
    since = NOW - timedelta(days=61)
    with sandbox(calls, now=f"{NOW:%FT%TZ}") as url, postgres() as uri:
        ours = bench.our_command(url, since)
        plain = bench.plain_command(url, since, conform=True)

        def dlt(database: str, step: str) -> Cost:
            # dlt wants a host beside the socket's folder, which wins.
            return bench.dlt(url, since, step, database.replace(":@/", ":none@localhost/"))

        into_postgres: dict[str, Load] = {
            "tap-callhistory": lambda to: through_target_postgres(ours, to),
            "dlt rest_api": lambda to: dlt(to, "postgres"),
            "plain singer-sdk tap": lambda to: through_target_postgres(plain, to),
        }
        into_duckdb: dict[str, Load] = {
            "tap-callhistory": lambda to: through_target_duckdb(ours, to),
            "dlt rest_api": lambda to: dlt(to, "duckdb"),
            "plain singer-sdk tap": lambda to: through_target_duckdb(plain, to),
        }
        return {
            "PostgreSQL": medians_in_turn(
                {
                    name: partial(loaded_into_postgres, load, uri, calls)
                    for name, load in into_postgres.items()
                },
                rounds,
            ),
            "DuckDB": medians_in_turn(
                {
                    name: partial(loaded_into_duckdb, load, calls)
                    for name, load in into_duckdb.items()
                },
                rounds,
            ),
        }


def medians_in_turn(contenders: Mapping[str, Callable[[], Cost]], rounds: int) -> dict[str, Cost]:
    """What everybody costs in the median of some rounds, in which each has its turn."""
    ran: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            ran[name].append(contender())
    return {name: median(costs) for name, costs in ran.items()}


def peak_memory(bench: Bench, counts: tuple[int, int]) -> list[float]:
    """Peak memory in MiB for a short and a long history of the same density."""
    peaks = []
    for calls in counts:
        days = 60 * calls / counts[0]
        with sandbox(calls, now=f"{NOW:%FT%TZ}", days=days) as url:
            peaks.append(bench.ours(url, NOW - timedelta(days=days + 1)).peak_mib)
    return peaks


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="calls of the tables of costs")
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls, no memory")
    parser.add_argument(
        "--rounds", type=int, default=5, help="runs of each, in turn: medians count"
    )
    parser.add_argument(
        "--only", choices=["costs", "databases", "latency"], help="one of these, and no more"
    )
    parser.add_argument("--results", type=Path, help="write the figures as JSON, too")
    options = parser.parse_args()
    calls = 10_000 if options.quick else options.calls
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        if options.only in {None, "databases"}:
            for database, each in cost_into_databases(bench, calls, options.rounds).items():
                print_loads(database, each, calls)
                figures[database] = {name: asdict(cost) for name, cost in each.items()}
        if options.only in {None, "costs"}:
            costs = cost_per_call(bench, calls, options.rounds)
            print_costs(costs, calls)
            figures["costs"] = {name: asdict(cost) for name, cost in costs.items()}
            draw({name: 1e6 * cost.cpu / calls for name, cost in costs.items()}, Path(folder))
        if options.only in {None, "latency"}:
            walls = print_latency(bench, 2 * calls // 5, options.rounds)
            figures["latency"] = {str(each): asdict(row) for each, row in walls.items()}
        if options.only is None and not options.quick:
            small, large = peak_memory(bench, (100_000, 1_000_000))
            print(f"\nPeak memory: {small:.0f} MiB at 10^5 calls, {large:.0f} MiB at 10^6")
            print(f"that is {large / small:.2f} times as much")
    if options.results:
        options.results.write_text(json.dumps(figures, indent=2))


def print_costs(costs: dict[str, Cost], calls: int) -> None:
    ours, bare = costs["tap-callhistory"].cpu, costs["bare requests and orjson loop"].cpu
    print(f"\nProcessor time for {calls} calls, start-up included\n")
    print(f"{'':38} {'us/call':>9} {'x bare':>8} {'x ours':>8} {'peak MiB':>9}")
    for name, cost in costs.items():
        per_call = 1e6 * cost.cpu / calls
        ratios = f"{cost.cpu / bare:8.2f} {cost.cpu / ours:8.2f}"
        print(f"{name:38} {per_call:9.1f} {ratios} {cost.peak_mib:9.0f}")


def print_loads(database: str, costs: dict[str, Cost], calls: int) -> None:
    ours = costs["tap-callhistory"].cpu
    print(f"\n{calls} calls into {database}: processor time of the clients\n")
    print(f"{'':38} {'cpu s':>9} {'x ours':>8} {'wall s':>8} {'peak MiB':>9}")
    for name, cost in costs.items():
        figures = f"{cost.cpu:9.1f} {cost.cpu / ours:8.2f} {cost.wall:8.1f} {cost.peak_mib:9.0f}"
        print(f"{name:38} {figures}")


def draw(costs: dict[str, float], folder: Path) -> None:
    """Draw the costs per call, with a charting library of its own environment."""
    figures = folder / "costs.json"
    figures.write_text(json.dumps(costs))
    python = environment("picture", "matplotlib==3.11.2")
    script = Path(__file__).parent / "picture.py"
    subprocess.run([str(python), str(script), str(figures), str(PICTURE)], check=True)


if __name__ == "__main__":
    main()
