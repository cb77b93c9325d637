"""The program: `callhistory-report`."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from callhistory_report.coverage import coverage
from callhistory_report.page import page
from callhistory_report.questions import NoCallsError, answers
from callhistory_report.warehouse import WarehouseError, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL_WEEKS = 4
MADE_UP_VARIABLE = "CALLHISTORY_REPORT_MADE_UP"
YES = {"true", "1", "yes", "on"}
NO = {"false", "0", "no", "off", ""}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page about the last weeks.

    Returns:
        The exit code: 0, or 1 when there is nothing to write about.
    """
    options = _parser().parse_args(arguments)
    try:
        with opened(options.database, options.schema) as ask:
            found = answers(ask, options.weeks)
            proof = coverage(ask)
    except (WarehouseError, NoCallsError) as failure:
        print(failure, file=sys.stderr)  # noqa: T201 - what a program says
        return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    written = page(found, proof, datetime.now().astimezone(), made_up=options.made_up)
    options.output.write_text(written, encoding="utf-8")
    totals = found.totals
    calls = "call" if totals.all_calls == 1 else "calls"
    waiting = "caller waits" if found.waiting == 1 else "callers wait"
    span = "week" if options.weeks == 1 else f"{options.weeks} weeks"
    print(  # noqa: T201 - what a program says
        f"{totals.all_calls:,}{' MADE-UP' if options.made_up else ''} {calls} of the last "
        f"{span}, {totals.unanswered:,} unanswered, {found.waiting:,} {waiting} "
        f"for a call back; history: {proof.verdict}: {options.output.resolve().as_uri()}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="callhistory-report",
        description="Write a page about the calls of the last weeks, from the models of dbt.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--database",
        default=os.environ.get("CALLHISTORY_DATABASE", "duckdb:///output/calls.duckdb"),
        help="duckdb:///FILE, or postgresql://USER:PASSWORD@HOST/DATABASE; also in the environment "
        "variable CALLHISTORY_DATABASE",
    )
    parser.add_argument(
        "--schema",
        default=os.environ.get("CALLHISTORY_ANALYTICS_SCHEMA", "analytics"),
        help="where the models are; also in the environment variable CALLHISTORY_ANALYTICS_SCHEMA",
    )
    parser.add_argument("--weeks", type=_weeks, default=USUAL_WEEKS, help="how many weeks")
    parser.add_argument("--output", type=Path, default=Path("output/calls.html"), help="the file")
    parser.add_argument(
        "--made-up",
        action=argparse.BooleanOptionalAction,
        default=_is_set(parser, MADE_UP_VARIABLE),
        help="say in large letters that the calls are the sandbox's; also in the environment "
        f"variable {MADE_UP_VARIABLE}",
    )
    return parser


def _is_set(parser: argparse.ArgumentParser, variable: str) -> bool:
    """Whether an environment variable says yes; stops the program where it says neither."""
    text = os.environ.get(variable, "").strip().lower()
    if text not in YES | NO:
        parser.error(f"{variable} must be true or false")
    return text in YES


def _weeks(text: str) -> int:
    weeks = int(text)
    if weeks < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return weeks
