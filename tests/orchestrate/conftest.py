from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from uv import find_uv_bin

from tests.end_to_end.conftest import postgres

ROOT: Final = Path(__file__).parents[2]
LOADER: Final = "meltanolabs-target-postgres==0.8.1"
TIMEOUT_SECONDS: Final = 600

__all__ = ["postgres"]


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


@pytest.fixture(scope="session")
def dagster() -> Path:
    return programs_of("--with-editable", str(ROOT / "orchestrate" / "dagster"))


@pytest.fixture(scope="session")
def loader() -> Path:
    return programs_of("--from", LOADER)
