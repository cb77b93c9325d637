"""A reader who types what the pages say, into a copy of the project and a shell of his own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from uv import find_uv_bin

from tests.support.end_to_end.project import FOREIGN_SETTINGS, NOWHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.documentation.pages import Block

BLOCK_TIMEOUT_SECONDS: Final = 900
MELTANO: Final = "meltano==4.4.1"
ANY_TARGET: Final = "target-jsonl==0.1.4"
OWN_SETTINGS: Final = (*FOREIGN_SETTINGS, "CALLHISTORY_", "DBT_", "PG")


@dataclass(frozen=True, slots=True)
class Typed:
    """What came of a block.

    Attributes:
        block: The block.
        output: What its commands wrote.
        before: What was noted before it was typed.
        after: What was noted afterwards.
    """

    block: Block
    output: str
    before: Any
    after: Any


@dataclass
class Reader:
    """Types blocks as they stand; only values that the pages leave open are filled in.

    Args:
        folder: The copy of the project.
        programs: For the programs that the pages take for granted.
        values: What the reader knows for himself, by the names of the settings in ``.env``.
        files: What he writes into the files that the pages show, by their names: settings that
            take the place of those shown.
        note: Called before and after each block; what it gives is kept.
    """

    folder: Path
    programs: Path
    values: Mapping[str, str]
    files: Mapping[str, dict[str, Any]]
    note: Callable[[], Any]
    typed: list[Typed] = field(default_factory=list)

    def install(self) -> None:
        """Make the environment that a reader has: Python with pip, and any Singer target."""
        uv = find_uv_bin()
        environment = self.programs / "venv"
        _run_quietly(uv, "venv", "--seed", "--python", sys.executable, environment)
        # As the README says it, but from uv's cache.
        _run_quietly(uv, "pip", "install", "--python", environment / "bin" / "python", MELTANO)
        for name in ("tap-callhistory", "tap-callhistory-probe"):
            (self.programs / name).symlink_to(Path(sys.executable).with_name(name))
        self._program(
            "any-target",
            f'exec "{uv}" tool run -q --python "{sys.executable}" --from {ANY_TARGET} target-jsonl',
        )

    def _program(self, name: str, line: str) -> None:
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        program.chmod(0o755)

    def take(self, block: Block) -> None:
        """Do what a reader does with a block: type it, or write it into its file."""
        if block.not_run is not None:
            return
        match block.language, block.file:
            case "sh", _:
                before = self.note()
                output = self.shell(block.content)
                self.typed.append(Typed(block, output, before, self.note()))
            case "dotenv", _:
                self._into_environment_file(block)
            case "yaml", _:
                self._into_project_file(block)
            case _, str(name):
                shown = json.loads(block.content) | self.files[name]
                (self.folder / name).write_text(json.dumps(shown), encoding="utf-8")

    def of(self, command: str, page: str = "") -> Typed:
        """The one block with a command, of a page or of all."""
        found = [
            each
            for each in self.typed
            if command in each.block.content and each.block.page.startswith(page)
        ]
        assert len(found) == 1, f"{command!r} stands in {len(found)} blocks"
        return found[0]

    def shell(self, commands: str) -> str:
        """Types commands to their good end, and gives all that they wrote."""
        began = time.monotonic()
        finished = subprocess.run(  # noqa: S603
            ["bash", "-euo", "pipefail", "-c", commands],  # noqa: S607
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BLOCK_TIMEOUT_SECONDS,
            check=False,
        )
        sys.stderr.write(f"{time.monotonic() - began:.1f} s: {commands}")
        assert finished.returncode == 0, f"{commands}\n{finished.stdout[-8000:]}"
        return finished.stdout

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OWN_SETTINGS)}
        path = os.pathsep.join([
            str(self.programs / "venv" / "bin"),
            str(self.programs),
            kept["PATH"],
        ])
        return kept | {
            "PATH": path,
            "MELTANO_HUB_URL": NOWHERE,
            "NO_COLOR": "1",
            "PYTHONUTF8": "1",
        }

    def _into_environment_file(self, block: Block) -> None:
        lines = []
        for line in block.content.splitlines():
            name, _, value = line.partition("=")
            is_open = "..." in value or "<" in value or name in self.values
            lines.append(f"{name}={self.values[name]}" if is_open else line)
        with (self.folder / ".env").open("a", encoding="utf-8") as file:
            file.write("\n".join([*lines, ""]))

    def _into_project_file(self, block: Block) -> None:
        file = self.folder / "meltano.yml"
        project = yaml.safe_load(file.read_text(encoding="utf-8"))
        _merge(project, yaml.safe_load(block.content))
        file.write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")


def _run_quietly(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603


def _merge(into: dict[str, Any], shown: Mapping[str, Any]) -> None:
    """Adds what a page shows of a file; what the file has by the same name stays."""
    for name, value in shown.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        elif isinstance(value, list):
            there = into.setdefault(name, [])
            known = {each["name"] for each in there}
            there += [each for each in value if each["name"] not in known]
        else:
            into[name] = value
