"""The real command with short waits and small windows, so that many faults fit into a short run."""

from __future__ import annotations

from tap_callhistory.reading import reader
from tap_callhistory.tap import main
from tap_callhistory.transport.transport import Transport

FIRST_WAIT_SECONDS = 0.02

if __name__ == "__main__":
    reader.FEWEST_COMFORTABLE_CALLS = 1
    defaults = Transport.__init__.__kwdefaults__ or {}
    defaults["first_wait_seconds"] = FIRST_WAIT_SECONDS
    main()
