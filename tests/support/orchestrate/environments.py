"""Environments beside the project's own: Dagster's, and those of loaders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from uv import find_uv_bin

TIMEOUT_SECONDS: Final = 600


def programs_of(*asked: str) -> Path:
    """Makes an environment of its own, once and for all sessions; gives the folder of its programs.

    Of an environment that is made anew, all that is imported would be compiled anew: more work than
    the tests themselves.
    """
    tool = [find_uv_bin(), "tool", "run", "--quiet", "--python", sys.executable, *asked]
    found = subprocess.run(  # noqa: S603
        [*tool, "python", "-c", "import sys; print(sys.executable)"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    return Path(found.stdout.strip()).parent
