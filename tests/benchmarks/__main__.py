"""`python -m tests.benchmarks [--quick]`: measures in one run, and prints the tables.

Every ratio is of figures measured in this run, on this machine, against the same sandbox, which
runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.into_databases import (
    loaded_into_duckdb,
    loaded_into_postgres,
    through_target_duckdb,
    through_target_postgres,
)
from tests.benchmarks.processes import Cost, environment, median, run, sandbox
from tests.support.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.benchmarks.into_databases import Load

HERE = Path(__file__).parent / "contenders"
PICTURE = Path(__file__).parent.parent.parent / "docs" / "benchmark.svg"
PAGE_SIZE = 100
TOKEN = "sandbox-kavenegar-token"
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


class Bench:
    """The contenders against one sandbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _file(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(json.dumps(content))
        return str(path)

    def ours(self, url: str, since: datetime, **more: Any) -> Cost:
        return run(self.our_command(url, since, **more))

    def our_command(self, url: str, since: datetime, **more: Any) -> list[str]:
        state = more.pop("state", None)
        config = {
            "start_date": f"{since:%FT%TZ}",
            "end_date": f"{NOW:%FT%TZ}",
            "kavenegar": {"api_url": url, "api_token": TOKEN, "page_size": PAGE_SIZE},
            **more,
        }
        command = [sys.executable, "-c", "from tap_callhistory.cli import run_tap; run_tap()"]
        command += ["--config", self._file("ours.json", config)]
        if state:
            command += ["--state", self._file("state.json", state)]
        return command

    def _span(self, since: datetime) -> tuple[str, str]:
        # The sandbox's Kavenegar keeps Tehran's time, UTC+03:30 all year.
        tehran = timedelta(hours=3, minutes=30)
        return f"{since + tehran:%FT%T}.000", f"{NOW + tehran:%FT%T}.000"

    def bare_loop(self, url: str, since: datetime) -> Cost:
        python = environment("bare", "requests", "orjson")
        script = str(HERE / "bare_loop.py")
        return run([str(python), script, url, TOKEN, *self._span(since), str(PAGE_SIZE)])

    def peer_config(self, url: str, since: datetime, *, conform: bool = True) -> str:
        begin, end = self._span(since)
        config: dict[str, Any] = {"api_url": url, "api_token": TOKEN, "conform": conform}
        config |= {"since": begin, "until": end}
        config |= {"page_size": PAGE_SIZE, "schema": str(HERE / "kavenegar_raw.json")}
        return self._file("peer.json", config)

    def plain_tap(self, url: str, since: datetime, *, conform: bool) -> Cost:
        return run(self.plain_command(url, since, conform=conform))

    def plain_command(self, url: str, since: datetime, *, conform: bool) -> list[str]:
        python = environment("plain", "singer-sdk[msgspec]==0.54.9", "requests", "orjson")
        config = self.peer_config(url, since, conform=conform)
        return [str(python), str(HERE / "plain_tap.py"), "--config", config]

    def airbyte(self, url: str, since: datetime) -> Cost:
        python = environment("airbyte", "airbyte-cdk==7.39.1")
        stream: dict[str, Any] = {"name": "kavenegar_calls", "json_schema": {}}
        stream["supported_sync_modes"] = ["full_refresh"]
        modes = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
        catalog = {"streams": [{"stream": stream, **modes}]}
        command = [str(python.parent / "source-declarative-manifest"), "read"]
        command += ["--config", self.peer_config(url, since)]
        command += ["--catalog", self._file("catalog.json", catalog)]
        return run([*command, "--manifest-path", str(HERE / "manifest.yaml")])

    def dlt(self, url: str, since: datetime, *step: str) -> Cost:
        python = environment("dlt", "dlt[postgres,duckdb]==1.31.0", "duckdb==1.2.2")
        with tempfile.TemporaryDirectory() as pipelines:
            command = [str(python), str(HERE / "dlt_rest.py"), url, TOKEN, *self._span(since)]
            return run([*command, str(PAGE_SIZE), pipelines, *step])


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


def wall_time(bench: Bench, calls: int) -> tuple[dict[int, dict[str, float]], float]:
    """Seconds of a backfill by the vendor's milliseconds per page, and requests per page."""
    since = NOW - timedelta(days=61)
    table: dict[int, dict[str, float]] = {}
    requests = []
    for latency in (0, 50, 200):
        with sandbox(calls, now=f"{NOW:%FT%TZ}", latency_ms=latency) as url:
            row = {"serial": bench.bare_loop(url, since).wall}
            for concurrency in (1, 4, 8, 16):
                cost = bench.ours(url, since, concurrency=concurrency)
                row[str(concurrency)] = cost.wall
                requests.append(int(re.findall(r"requests (\d+)", cost.log)[-1]))
            table[latency] = row
    return table, max(requests) / (calls / PAGE_SIZE)


def incremental_run(bench: Bench, latency_ms: int = 200) -> tuple[float, float]:
    """Seconds of a 25-hour run of 60 pages: a serial reader's, and ours with concurrency 8."""
    since = NOW - timedelta(hours=25)
    bookmark = {
        "replication_key": "created_at",
        "replication_key_value": f"{NOW - timedelta(hours=24):%FT%T}.000000Z",
    }
    state = {"bookmarks": {"kavenegar_calls": bookmark}}
    with sandbox(60 * PAGE_SIZE, now=f"{NOW:%FT%TZ}", days=1, latency_ms=latency_ms) as url:
        serial = bench.bare_loop(url, since).wall
        start = NOW - timedelta(days=30)
        # The serial reader does not look back at older history; nor shall ours here.
        ours = bench.ours(url, start, concurrency=8, state=state, revisit_hours=[87_600])
        return serial, ours.wall


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
        "--only", choices=["costs", "databases"], help="one of the tables of costs, and no more"
    )
    parser.add_argument("--results", type=Path, help="write the figures as JSON, too")
    options = parser.parse_args()
    calls = 10_000 if options.quick else options.calls
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        if options.only != "costs":
            for database, each in cost_into_databases(bench, calls, options.rounds).items():
                print_loads(database, each, calls)
        if options.only == "databases":
            return
        costs = cost_per_call(bench, calls, options.rounds)
        print_costs(costs, calls)
        if options.only == "costs":
            return
        walls, requests = wall_time(bench, 2 * calls // 5)
        print_walls(walls)
        print(f"\nRequests per page of {PAGE_SIZE} calls: at most {requests:.2f}")
        serial, ours = incremental_run(bench)
        times = f"{serial / ours:.1f} times faster than a serial reader"
        print(f"\n25-hour incremental run of 60 pages at 200 ms per page: {times}")
        if not options.quick:
            small, large = peak_memory(bench, (100_000, 1_000_000))
            print(f"\nPeak memory: {small:.0f} MiB at 10^5 calls, {large:.0f} MiB at 10^6")
            print(f"that is {large / small:.2f} times as much")
        figures = {"costs": {name: 1e6 * each.cpu / calls for name, each in costs.items()}}
        if options.results:
            options.results.write_text(json.dumps(figures | {"walls": walls}, indent=2))
        draw(figures["costs"], Path(folder))


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


def print_walls(walls: dict[int, dict[str, float]]) -> None:
    print("\nTimes faster than a serial reader, by milliseconds per page and concurrency\n")
    print(f"{'ms/page':>8} {'serial s':>9} " + "".join(f"{c:>8}" for c in (1, 4, 8, 16)))
    for latency, row in walls.items():
        ratios = "".join(f"{row['serial'] / row[str(c)]:8.1f}" for c in (1, 4, 8, 16))
        print(f"{latency:8} {row['serial']:9.1f} {ratios}")


def draw(costs: dict[str, float], folder: Path) -> None:
    """Draw the costs per call, with a charting library of its own environment."""
    figures = folder / "costs.json"
    figures.write_text(json.dumps(costs))
    python = environment("picture", "matplotlib==3.11.2")
    script = Path(__file__).parent / "picture.py"
    subprocess.run([str(python), str(script), str(figures), str(PICTURE)], check=True)


if __name__ == "__main__":
    main()
