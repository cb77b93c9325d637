"""A copy of the project on which Meltano runs, as from a user's shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT: Final = Path(__file__).parents[3]
PROJECT_FILES: Final = (
    *("LICENSE", "README.md", "meltano.yml", "pyproject.toml"),
    *("output/.gitignore", "tap_callhistory", "transform", "report"),
)
PLUGINS: Final = ("extractors", "loaders", "utilities")
"""Folders within .meltano that hold the plugins' environments, and nothing of a run."""

MELTANO: Final = "meltano@4.4.1"
RUN_TIMEOUT_SECONDS: Final = 600

NOWHERE: Final = "http://127.0.0.1:9"
"""Nothing answers there, so whatever asks the plugin hub fails."""

FOREIGN_SETTINGS: Final = ("MELTANO_", "TAP_CALLHISTORY_", "TARGET_", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder, and the settings that Meltano finds in its environment."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def copied_to(cls, folder: Path, plugins_of: Project | None = None) -> Project:
        """Copies what a fresh clone holds and the project needs.

        Args:
            folder: Where the copy goes.
            plugins_of: Another copy, whose installed plugins this one uses.
        """
        if plugins_of is not None:
            installed = plugins_of.folder / ".meltano"
            installed.mkdir(exist_ok=True)
            (folder / ".meltano").symlink_to(installed)
        for name in PROJECT_FILES:
            source, copy = CHECKOUT / name, folder / name
            copy.parent.mkdir(exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        return cls(folder)

    def installing_into(self, plugins: Path) -> Project:
        """Lets Meltano install plugins into a folder, and use what is there already."""
        own = self.folder / ".meltano"
        own.mkdir()
        for kind in PLUGINS:
            (plugins / kind).mkdir(exist_ok=True)
            (own / kind).symlink_to(plugins / kind)
        return self

    def meltano(
        self,
        *arguments: str,
        settings: Mapping[str, str] | None = None,
        standard_input: str = "",
    ) -> str:
        """Runs one Meltano command to its good end, and returns all that it wrote."""
        command = [find_uv_bin(), "tool", "run", "--python", sys.executable, MELTANO, *arguments]
        finished = subprocess.run(  # noqa: S603
            command,
            cwd=self.folder,
            env=_own_environment() | {**self.settings, **(settings or {})},
            input=standard_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUN_TIMEOUT_SECONDS,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout[-8000:]
        return finished.stdout


def _own_environment() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)
    }
    return kept | {"MELTANO_HUB_URL": NOWHERE, "NO_COLOR": "1", "PYTHONUTF8": "1"}


def as_environment(plugin: str, settings: Mapping[str, object]) -> dict[str, str]:
    """Spells a plugin's settings, nested ones too, as Meltano's environment variables."""
    spelled: dict[str, str] = {}
    for name, value in settings.items():
        variable = f"{plugin}_{name}".replace("-", "_").upper()
        if isinstance(value, dict):
            spelled |= as_environment(variable, value)
        else:
            spelled[variable] = str(value)
    return spelled
