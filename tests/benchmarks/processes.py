"""Runs commands and says what they cost, by the operating system's own accounting."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENVIRONMENTS = Path.home() / ".cache" / "tap-callhistory-benchmarks"
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
SANDBOX = "from tap_callhistory.sandbox.program import main; main()"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a finished process cost.

    Attributes:
        cpu: Processor seconds, user and system.
        wall: Seconds by the clock.
        peak_mib: Largest resident memory.
        lines: Lines on standard output.
        log: The end of what came on standard error.
    """

    cpu: float
    wall: float
    peak_mib: float
    lines: int
    log: str


def run(command: Sequence[str]) -> Cost:
    """Run a command to its end; the lines of its output are counted and thrown away.

    Raises:
        RuntimeError: The command failed.
    """
    began = time.monotonic()
    # Nobody pays for compiling at every start.
    compiled = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=compiled
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        lines = 0
        log = b""
        while chunk := process.stdout.read(1 << 16):
            lines += chunk.count(b"\n")
            log = (log + (process.stderr.read() or b""))[-10_000:]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log += process.stderr.read() or b""
    told = log.decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{told[-2000:]}")
    wall = time.monotonic() - began
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, lines, told)


def pipe(commands: Sequence[Sequence[str]]) -> Cost:
    """Run commands with each one's output going to the next, as a shell's pipe does.

    The memory is the sum of all peaks, which need not have been at one moment.

    Raises:
        RuntimeError: A command failed.
    """
    began = time.monotonic()
    compiled = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        running: list[subprocess.Popen[bytes]] = []
        for command in commands:
            source = running[-1].stdout if running else None
            process = subprocess.Popen(
                command, stdin=source, stdout=subprocess.PIPE, stderr=log, env=compiled
            )
            if source is not None:
                source.close()
            running.append(stack.enter_context(process))
        assert running[-1].stdout is not None
        lines = sum(1 for _ in running[-1].stdout)
        usages = []
        for process in running:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            usages.append(usage)
        log.seek(0)
        told = log.read().decode(errors="replace")[-10_000:]
    if any(process.returncode for process in running):
        raise RuntimeError(f"a pipeline failed:\n{told[-2000:]}")
    return Cost(
        sum(usage.ru_utime + usage.ru_stime for usage in usages),
        time.monotonic() - began,
        sum(usage.ru_maxrss for usage in usages) / 1024,
        lines,
        told,
    )


def median(costs: Sequence[Cost]) -> Cost:
    """The run in the middle, by processor time; of the largest memory of all."""
    middle = sorted(costs, key=lambda each: each.cpu)[len(costs) // 2]
    return replace(
        middle,
        wall=statistics.median(each.wall for each in costs),
        peak_mib=max(each.peak_mib for each in costs),
    )


def environment(name: str, *packages: str) -> Path:
    """The Python of an environment with these packages, made on demand."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "-q", "--python", sys.executable, folder], check=True)
        # As the tap's own: what is compiled at every start would count for start-up.
        install = [
            "uv",
            "pip",
            "install",
            "-q",
            "--compile-bytecode",
            "--python",
            str(python),
            *packages,
        ]
        subprocess.run(install, check=True)
    return python


@contextmanager
def sandbox(calls: int, *, now: str, days: float = 60, latency_ms: int = 0) -> Iterator[str]:
    """Serve Kavenegar's made-up calls from a process of its own; yields the API's address."""
    command = [sys.executable, "-u", "-c", SANDBOX, "--port", "0"]
    command += ["--vendor", "kavenegar", "--calls", str(calls), "--days", str(days)]
    command += ["--now", now, "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if address := re.search(r'"(http://[^"]+)"', line):
                    yield address[1]
                    break
        finally:
            process.terminate()
