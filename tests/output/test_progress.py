from __future__ import annotations

import logging
import os
import pty
import re
import selectors
import subprocess
import termios
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.output.progress import Progress
from tap_callhistory.output.summary import Summary
from tap_callhistory.reading.pages import ReadCall
from tap_callhistory.reading.read_windows import ReadWindow
from tap_callhistory.reading.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command import Command
    from tests.support.serving import Served

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Transport:
    requests: int = 7


def read(day: int, calls: int) -> ReadWindow:
    window = Window(START + day * DAY, START + (day + 1) * DAY)
    return ReadWindow(window, [ReadCall(n, "", b"", 0) for n in range(calls)])


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Progress:
    caplog.set_level(logging.INFO)
    return begun()


def begun(clock: Callable[[], float] = monotonic) -> Progress:
    made = Progress(logging.getLogger("tap-test"), "a_stream", Transport(), clock)
    made.begin([Window(START, START + 10 * DAY)])
    return made


def test_a_line_says_how_far_how_much_how_fast_and_how_long_still(told: Progress) -> None:
    told.window_read(read(0, 60))
    told.window_read(read(1, 60))
    assert told.line(60.0) == (
        "read until 2026-01-03 00:00Z, 20% of the whole; 120 calls, 2 calls/s, 7 requests; "
        "4 minutes left"
    )


def test_one_call_and_one_request_are_told_in_the_singular() -> None:
    made = Progress(logging.getLogger("tap-test"), "a_stream", Transport(requests=1))
    made.begin([Window(START, START + 2 * DAY)])
    made.window_read(read(0, 1))
    assert made.line(1.0) == (
        "read until 2026-01-02 00:00Z, 50% of the whole; 1 call, 1 call/s, 1 request; 1 second left"
    )


def test_before_the_first_window_nothing_is_promised(told: Progress) -> None:
    assert told.line(3.0).startswith("nothing read yet, 0% of the whole")
    assert told.line(3.0).endswith("3 seconds so far")


def test_a_line_comes_every_so_many_seconds_also_while_a_window_is_being_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    told = begun(lambda: now)
    for _ in range(250):
        now += 0.1
        told.tick()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert all(line.startswith("a_stream: nothing read yet") for line in lines)


def test_a_short_run_says_nothing(told: Progress, caplog: pytest.LogCaptureFixture) -> None:
    told.window_read(read(0, 5))
    told.end()
    assert caplog.records == []


def test_on_a_terminal_there_is_a_live_bar_and_the_messages_stay_whole(
    run_tap: Command, served: Served
) -> None:
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 160))
    messages = run_tap.folder / "messages"
    with (
        messages.open("wb") as stdout,
        subprocess.Popen(  # noqa: S603
            run_tap.arguments(served.config("kavenegar", "utel")),
            cwd=run_tap.folder,
            env=run_tap.environ({"TERM": "xterm"}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=follower,
        ) as process,
    ):
        os.close(follower)
        shown = _all_of(leader)
    os.close(leader)
    output = messages.read_bytes()
    assert process.returncode == 0, shown
    assert re.search(r"kavenegar_calls 100% \|.*150 calls", shown)
    assert re.search(r"utel_call_history 100% \|.*150 calls", shown)
    assert b"%|" not in output
    assert len(re.findall(rb'"type":"RECORD","stream":"(?!callhistory_windows)', output)) == 300
    assert "kavenegar_calls: read [" in shown


def _all_of(terminal: int) -> str:
    shown = b""
    with selectors.DefaultSelector() as selector:
        selector.register(terminal, selectors.EVENT_READ)
        while selector.select(timeout=30):
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # its other end is closed
                break
            if not piece:
                break
            shown += piece
    return shown.decode()


def test_the_closing_line_and_metric_say_the_same() -> None:
    summary = Summary(
        spans=[Window(START, START + DAY)],
        windows=2,
        requests=9,
        records=120,
        distinct_keys=119,
        vendor_total=121,
        rereads=1,
        splits=3,
        retries=4,
        unfinished_calls=5,
        misfits=6,
        bad_records=8,
        incomplete_windows=10,
        seconds=2232.4,
        complete=True,
    )
    line = summary.line()
    assert line.startswith("read [2026-01-01T00:00:00Z, 2026-01-02T00:00:00Z): records 120")
    assert line.endswith("; took 37 minutes 12 seconds")
    tags = summary.tags()
    for name in (
        "windows",
        "requests",
        "records",
        "distinct_keys",
        "vendor_total",
        "misfits",
        "incomplete_windows",
    ):
        assert re.search(rf"\b{tags[name]}\b", line), name
    assert tags["spans"] == ["[2026-01-01T00:00:00Z, 2026-01-02T00:00:00Z)"]


def test_a_run_that_was_stopped_or_had_nothing_to_do_says_so() -> None:
    assert Summary(complete=True).line().startswith("read nothing new: records 0")
    assert Summary().line().startswith("stopped while reading nothing new")
