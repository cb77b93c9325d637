"""Ended at any moment: the next run, from the last state that came out, loses nothing.

A few moments in the usual run. For a hundred:

    CALLHISTORY_ENDINGS=100 pytest tests/faults/test_ended.py
"""

from __future__ import annotations

import os
import random
import signal
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.sandbox.server import Sandbox
from tests.support.faults.runs import Ending, Hurried
from tests.support.faults.trials import CALLS, DAYS, ended_and_run_again, settings_for
from tests.support.serving import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENDINGS = int(os.environ.get("CALLHISTORY_ENDINGS", "8"))
SEED = int(os.environ.get("CALLHISTORY_ENDINGS_SEED", "1"))
PROMPT_SECONDS = 30
FILLS_THE_PIPE_SECONDS = 2.0
CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130, None: 1}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(calls=CALLS, days=DAYS, now=NOW)


@pytest.fixture(scope="module")
def url(sandbox: Sandbox) -> Iterator[str]:
    with sandbox.serve() as address:
        yield address


@pytest.fixture(scope="module")
def whole(
    sandbox: Sandbox, url: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, float]:
    """The bytes that a whole run puts out, and about how many seconds they take."""
    folder = tmp_path_factory.mktemp("whole")
    run = Hurried(folder).to_the_end(settings_for(sandbox, url))
    assert run.code == 0
    return len(run.output.encode()), run.seconds / 2


def ending(number: int, output_bytes: int, seconds: float) -> Ending:
    """The ending of a number: every signal in turn, by bytes and by time in turn."""
    moment = random.Random(f"{SEED}/{number}").random()
    signum = [*CODES][number % len(CODES)]
    if number // len(CODES) % 2:
        return Ending(signum, after_seconds=moment * seconds)
    return Ending(signum, after_bytes=int(moment * output_bytes))


@pytest.mark.parametrize("number", range(ENDINGS))
def test_a_run_that_is_ended_loses_nothing(
    number: int, sandbox: Sandbox, url: str, whole: tuple[int, float], tmp_path: Path
) -> None:
    how = ending(number, *whole)
    outcome, ended, again = ended_and_run_again(tmp_path, sandbox, url, how)
    assert again.code == 0, again.log
    assert outcome.lost == 0
    assert outcome.monotone
    # It may have come to its own end first.
    assert ended.code in {0, CODES[how.signum]}
    assert ended.seconds < PROMPT_SECONDS
    assert "Traceback" not in ended.log
    if how.signum is None:
        assert "ERROR" not in ended.log
        assert "BrokenPipe" not in ended.log
    elif how.signum != signal.SIGKILL:
        assert ended.half_line == b""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_a_full_pipe_cuts_no_line(
    signum: signal.Signals, unbuffered: str, sandbox: Sandbox, url: str, tmp_path: Path
) -> None:
    hurried = Hurried(tmp_path, {"PYTHONUNBUFFERED": unbuffered})
    settings = settings_for(sandbox, url)
    ended = hurried.ended(settings, Ending(signum, after_seconds=FILLS_THE_PIPE_SECONDS))
    assert ended.code == CODES[signum]
    assert ended.half_line == b""
    assert ended.state is not None
    assert sum(each["type"] == "RECORD" for each in ended.messages) > 0
