"""The programs as they are typed; each loads its own modules once Ctrl-C can end it quietly."""

# ruff: noqa: PLC0415 - what is imported at the top is imported before the handler is set

from __future__ import annotations

import os
import signal
from typing import NoReturn

INTERRUPTED = 128 + signal.SIGINT


def tap() -> None:
    """Run ``tap-callhistory``."""
    _take_interrupts()
    from tap_callhistory.tap import main

    main()


def probe() -> None:
    """Run ``tap-callhistory-probe``."""
    _take_interrupts()
    from tap_callhistory.probe.program import main

    main()


def sandbox() -> int:
    """Run ``tap-callhistory-sandbox``; gives its exit code."""
    _take_interrupts()
    from tap_callhistory.sandbox.program import main

    return main()


def _take_interrupts() -> None:
    """End at Ctrl-C without a traceback, until the program has its own way to end.

    An exception could come up within any module that is being imported, and be lost there.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as it is in the background
        signal.signal(signal.SIGINT, _leave)


def _leave(*_: object) -> NoReturn:
    os._exit(INTERRUPTED)
