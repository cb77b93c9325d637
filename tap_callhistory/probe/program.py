"""``tap-callhistory-probe``: tests what the tap assumes against the user's own accounts."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from singer_sdk.exceptions import ConfigValidationError

from tap_callhistory.errors import CallHistoryError
from tap_callhistory.output.programs import add_version_option, fail, tell
from tap_callhistory.output.stdout import OutputClosed, checked_output
from tap_callhistory.probe.account import REQUESTS_PER_VENDOR
from tap_callhistory.probe.document import write_documents
from tap_callhistory.probe.examination import examine
from tap_callhistory.probe.report import machine_readable, text
from tap_callhistory.settings.files import add_config_option
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_callhistory.probe.examination import Examination


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exits with 0 when every vendor could be probed, else with 1."""
    given = _parser().parse_args(arguments)
    if given.document:
        _document(Path(given.document))
        return
    write = machine_readable if given.json else text
    try:
        with checked_output():
            tap = TapCallHistory.of_files(given.config)
            with tap.sandbox():
                examinations = probe(tap, given.vendor, tell=tell)
            sys.stdout.write(write(examinations))
    except ConfigValidationError as error:
        fail(error.errors)
    except OutputClosed as error:
        fail([] if error.quiet else [str(error)])
    except CallHistoryError as error:
        fail([str(error)])
    failures = [each.failure for each in examinations if each.failure]
    if failures:
        fail(failures)


def probe(
    tap: TapCallHistory,
    vendors: Sequence[str] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    tell: Callable[[str], object] = lambda _line: None,
) -> list[Examination]:
    """Examine the vendors of the settings, or some of them.

    Args:
        tap: The tap with the user's settings.
        vendors: Which of them; all by default.
        now: Gives the present instant.
        tell: Told of each vendor before it is asked.

    Raises:
        CallHistoryError: A vendor is named that the settings do not have.
    """
    present = tap.run.settings.vendors
    missing = [name for name in vendors if name not in present]
    if missing:
        raise CallHistoryError(f"the settings do not have the vendor {missing[0]}")
    wanted = [each for each in VENDORS if each.vendor in (vendors or present)]
    examinations = []
    for each in wanted:
        what = "the sandbox's " if each.vendor in tap.run.sandbox else ""
        tell(f"Probing {what}{each.vendor}: at most {REQUESTS_PER_VENDOR} requests, only reading.")
        examinations.append(examine(each, tap.run, tap.logger, now))
    return examinations


def _document(folder: Path) -> None:
    try:
        next(folder.iterdir(), None)  # as the examination before the writing takes a while
        write_documents(folder)
    except OSError as failure:
        fail([f"--document cannot be written: {failure.strerror}."])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tap-callhistory-probe",
        description=(
            "Tests what tap-callhistory assumes of your vendors against your own accounts. It only "
            f"reads, makes at most {REQUESTS_PER_VENDOR} requests per vendor, and prints nothing "
            "personal."
        ),
    )
    add_version_option(parser)
    add_config_option(parser)
    parser.add_argument(
        "--vendor",
        action="append",
        default=[],
        choices=[each.vendor for each in VENDORS],
        help="probe this vendor only; may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--document", metavar="FOLDER", help=argparse.SUPPRESS)
    return parser
