"""Prints what was injected, how often, and what came of it: from a run of it all.

python -m tests.faults --seeds 8 --endings 100 --examples 300
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tap_callhistory.sandbox.server import Sandbox
from tests.support.faults import trials
from tests.support.faults.proxy import HARMLESS
from tests.support.faults.remembered import WATCH
from tests.support.faults.runs import Hurried
from tests.support.serving import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Row = tuple[str, int, str]
PARALLEL = 2


def failing_rows(seeds: Iterable[int]) -> Iterator[Row]:
    """Runs over five vendors, a quarter of whose requests fail."""
    injected: Counter[str] = Counter()
    requests = lost = bad_ends = failing = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            outcome, run = trials.quarter_failing(Path(folder), seed)
        injected += outcome.injected
        requests, failing = requests + outcome.requests, failing + outcome.failing
        lost, bad_ends = lost + outcome.lost, bad_ends + (run.code != 0 or not outcome.monotone)
    for kind, times in sorted(injected.items()):
        came = "slower" if kind in HARMLESS else "asked again"
        yield kind, times, f"{came}; lost: {lost}"
    share = f"{failing / max(requests, 1):.0%} of {requests} requests"
    yield f"all of these ({share})", failing, f"runs that ended badly: {bad_ends}; lost: {lost}"


def ended_rows(endings: int) -> Iterator[Row]:
    """Runs that are ended at random moments, each followed by one from the last state."""
    from tests.faults.test_ended import ending  # noqa: PLC0415 - settings are read on import

    sandbox = Sandbox(calls=trials.CALLS, days=trials.DAYS, now=NOW)
    times: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    half: Counter[str] = Counter()
    with sandbox.serve() as url, ThreadPoolExecutor(PARALLEL) as pool:
        with tempfile.TemporaryDirectory() as folder:
            whole = Hurried(Path(folder)).to_the_end(trials.settings_for(sandbox, url))

        def end(number: int) -> None:
            how = ending(number, len(whole.output), whole.seconds / 2)
            with tempfile.TemporaryDirectory() as folder:
                outcome, ended, again = trials.ended_and_run_again(Path(folder), sandbox, url, how)
            times[how.name] += 1
            lost[how.name] += outcome.lost + (again.code != 0) + (not outcome.monotone)
            half[how.name] += ended.half_line != b""

        list(pool.map(end, range(endings)))
    for name, count in sorted(times.items()):
        cut = f"{half[name]} half lines" if name in {"SIGINT", "SIGTERM"} else "next run goes on"
        yield f"ended by {name}", count, f"{cut}; lost: {lost[name]}"


def fuzzed_rows(examples: int) -> Iterator[Row]:
    """Changed and damaged bodies, of every vendor."""
    os.environ["CALLHISTORY_FUZZ_EXAMPLES"] = str(examples)
    from tests.faults import test_bodies  # noqa: PLC0415 - settings are read on import

    for test in (
        test_bodies.test_changed_records_become_messages_that_targets_take_or_a_clear_error,
        test_bodies.test_changed_answers_end_in_good_messages_or_a_clear_error,
        test_bodies.test_no_phone_number_leaves_where_they_are_hashed,
    ):
        for vendor in trials.STREAMS:
            test(vendor=vendor)
    for end, times in sorted(test_bodies.checked.items()):
        came = "good messages" if end == "loaded" else f"one line: {end}"
        yield "changed or damaged bodies", times, came


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Run it all and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="runs with a quarter failing")
    parser.add_argument("--endings", type=int, default=12, help="runs that are ended")
    parser.add_argument("--examples", type=int, default=30, help="bodies per vendor and test")
    given = parser.parse_args()
    began = time.monotonic()
    _show("| fault | injected | what came of it |\n|---|---:|---|")
    for rows in (
        failing_rows(range(1, given.seeds + 1)),
        ended_rows(given.endings),
        fuzzed_rows(given.examples),
    ):
        for fault, times, came in rows:
            _show(f"| {fault} | {times:,} | {came} |")
    _show(
        f"| secrets searched for, in characters | {WATCH.characters:,} | seen: {len(WATCH.leaks)} |"
    )
    _show(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
