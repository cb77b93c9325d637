"""The real command with short waits and small windows, so that many faults fit into a short run."""

from __future__ import annotations

from functools import partial

from tap_callhistory import tap
from tap_callhistory.cli import run_tap
from tap_callhistory.reading import reader
from tap_callhistory.run import Run

FIRST_WAIT_SECONDS = 0.02

if __name__ == "__main__":
    reader.FEWEST_COMFORTABLE_CALLS = 1
    setattr(tap, "Run", partial(Run, first_wait_seconds=FIRST_WAIT_SECONDS))  # noqa: B010
    run_tap()
