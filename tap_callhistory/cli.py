"""The programs as they are typed, and their exit codes.

Each loads its own modules once Ctrl-C can end it quietly.
"""

# ruff: noqa: PLC0415 - what is imported at the top is imported before the handler is set

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

from tap_callhistory.output.programs import tell

INTERRUPTED = 128 + signal.SIGINT
#: Options with which a program only tells what it is.
_SAYS_NO_MORE = frozenset({"-h", "--help", "--version"})


def tap() -> None:
    """Run ``tap-callhistory``."""
    _take_interrupts()
    run_tap()


def probe() -> None:
    """Run ``tap-callhistory-probe``, which shows that it runs before its modules are loaded."""
    _take_interrupts()
    if not _SAYS_NO_MORE.intersection(sys.argv[1:]):
        tell("The probe starts.")
    from tap_callhistory.probe.program import main

    main()


def shards() -> None:
    """Run ``tap-callhistory-shards``."""
    _take_interrupts()
    from tap_callhistory.shards.program import main

    main()


def sandbox() -> int:
    """Run ``tap-callhistory-sandbox``; gives its exit code."""
    _take_interrupts()
    from tap_callhistory.sandbox.program import main

    return main()


def run_tap() -> None:
    """Run the tap; a user's mistake is told in a line, never in a traceback.

    Exits with 1 when a stream failed, the settings cannot be worked with or the output is closed,
    and with 128 plus its number after a signal.
    """
    _collect_garbage_rarely()
    from singer_sdk.exceptions import ConfigValidationError, MappingError

    from tap_callhistory.errors import CallHistoryError, StreamsFailed, Terminated
    from tap_callhistory.output.stdout import OutputClosed, checked_output
    from tap_callhistory.settings.environment import check_log_level
    from tap_callhistory.tap import TapCallHistory

    gc.freeze()
    lines: list[str] = []
    try:
        check_log_level(os.environ, TapCallHistory.env_prefix())
        with checked_output():
            TapCallHistory.cli()
    except StreamsFailed as error:
        lines = [*error.lines]
    except OutputClosed as error:
        lines = [] if error.quiet else [str(error)]
    except Terminated as error:
        name = signal.Signals(error.signum).name
        TapCallHistory.logger.warning("Ended by %s; what is bookmarked is loaded", name)
        sys.exit(128 + error.signum)
    except ConfigValidationError as error:
        lines = [*error.errors]
    except MappingError as error:
        lines = [f"stream_maps: {error}"]
    except CallHistoryError as error:
        lines = [str(error)]
    else:
        return
    for line in lines:
        TapCallHistory.logger.error("%s", line)
    sys.exit(1)


def _collect_garbage_rarely() -> None:
    """Modules and calls make few cycles, yet every collection looks through all in memory."""
    gc.set_threshold(100_000, 50, 100)


def _take_interrupts() -> None:
    """End at Ctrl-C without a traceback, until the program has its own way to end.

    An exception could come up within any module that is being imported, and be lost there.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as it is in the background
        signal.signal(signal.SIGINT, _leave)


def _leave(*_: object) -> NoReturn:
    os._exit(INTERRUPTED)
