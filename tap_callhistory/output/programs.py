"""What the programs beside the tap have in common: lines on standard error, exit codes 0 and 1."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable


def tell(line: str) -> None:
    """Write a line to standard error, at once."""
    sys.stderr.write(f"{line}{os.linesep}")
    sys.stderr.flush()


def fail(lines: Iterable[str]) -> NoReturn:
    """Tell of faults, a line for each, and exit with 1."""
    for line in lines:
        tell(line)
    sys.exit(1)


def add_version_option(parser: argparse.ArgumentParser) -> None:
    """Let a program say of which version it is."""
    text = f"%(prog)s v{version('tap-callhistory')}"
    parser.add_argument("--version", action="version", version=text)
