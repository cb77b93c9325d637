"""The real command with short waits and small windows, so that many faults fit into a short run."""

from __future__ import annotations

from functools import partial

from tap_callhistory import tap
from tap_callhistory.cli import run_tap
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.run import Run

FIRST_WAIT_SECONDS = 0.02
SMALL = Sizes(fewest_comfortable_calls=1)

if __name__ == "__main__":
    setattr(tap, "Run", partial(Run, first_wait_seconds=FIRST_WAIT_SECONDS, sizes=SMALL))  # noqa: B010
    run_tap()
