from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from uv import find_uv_bin

from tests.end_to_end.conftest import postgres

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parents[2]
LOADER: Final = "meltanolabs-target-postgres==0.8.1"
TIMEOUT_SECONDS: Final = 600

__all__ = ["postgres"]


@pytest.fixture(scope="session")
def environment_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes an environment of its own for a package; gives the folder of its programs."""

    def made(package: str) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        uv = find_uv_bin()
        python = folder / "bin" / "python"
        for command in (
            ("venv", "--quiet", "--python", sys.executable, "--clear", str(folder)),
            ("pip", "install", "--quiet", "--python", str(python), package),
        ):
            subprocess.run([uv, *command], check=True, timeout=TIMEOUT_SECONDS)  # noqa: S603
        return folder / "bin"

    return made


@pytest.fixture(scope="session")
def dagster(environment_of: Callable[[str], Path]) -> Path:
    return environment_of(str(ROOT / "orchestrate" / "dagster"))


@pytest.fixture(scope="session")
def loader(environment_of: Callable[[str], Path]) -> Path:
    return environment_of(LOADER)
