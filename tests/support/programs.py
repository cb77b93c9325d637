"""Runs dbt and the loaders as users do, each in an environment of its own that uv makes."""

from __future__ import annotations

import atexit
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import yaml
from packaging.requirements import Requirement
from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROJECT: Final = Path(__file__).parents[2] / "transform"
MELTANO_PROJECT: Final = PROJECT.parent / "meltano.yml"
REPORT: Final = PROJECT.parent / "report"
PROGRAM_SERVER: Final = Path(__file__).with_name("program_server.py")
TIMEOUT_SECONDS: Final = 600
OWN_VARIABLES: Final = ("CALLHISTORY_", "DBT_", "TAP_CALLHISTORY_", "TARGET_", "VIRTUAL_ENV")


def installed_for(plugin: str) -> list[str]:
    """What Meltano would install for a plugin on this Python, the plugin's own package first."""
    plugins = yaml.safe_load(MELTANO_PROJECT.read_text(encoding="utf-8"))["plugins"]
    (source,) = (
        each["pip_url"] for kind in plugins.values() for each in kind if each["name"] == plugin
    )
    requirements = [Requirement(text) for text in shlex.split(source)]
    return [
        f"{each.name} @ {each.url}" if each.url else f"{each.name}{each.specifier}"
        for each in requirements
        if each.marker is None or each.marker.evaluate()
    ]


def run(
    program: str,
    requirements: Sequence[str],
    arguments: Sequence[str],
    settings: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a program of the first of some packages, installed together, in a folder."""
    return subprocess.run(  # noqa: S603
        _command(program, requirements, arguments),
        env=_own_environment() | dict(settings or {}),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def _command(program: str, requirements: Sequence[str], arguments: Sequence[str]) -> list[str]:
    first, *others = requirements
    command = [find_uv_bin(), "tool", "run", "--quiet", "--python", sys.executable, "--from", first]
    command += [part for other in others for part in ("--with", other)]
    return [*command, program, *arguments]


def load(loader: str, settings: Mapping[str, Any], messages: Path, folder: Path) -> None:
    """Loads a file of Singer messages."""
    config = folder / f"{loader}.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    arguments = ["--config", str(config)]
    # target-postgres stores times in the zone of its session.
    finished = _loader(loader).run(arguments, {"PGTZ": "UTC"}, messages)
    assert finished.returncode == 0, finished.stderr[-8000:]


def load_until_killed(
    loader: str,
    settings: Mapping[str, Any],
    messages: Path,
    folder: Path,
    *,
    taken: int,
    seconds: float,
) -> list[str]:
    """Starts to load a file of Singer messages, and kills the loader with all that it has started.

    Args:
        loader: The loader's name.
        settings: Its settings.
        messages: The file.
        folder: Where the settings go.
        taken: How many bytes it gets before its death: as many as a pipe holds are not read yet.
        seconds: How long it lives on after these.

    Returns:
        The states that it gave back.
    """
    config = folder / f"{loader}.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    with subprocess.Popen(  # noqa: S603
        _command(loader, installed_for(loader), ["--config", str(config)]),
        env=_own_environment() | {"PGTZ": "UTC"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as started:
        assert started.stdin
        assert started.stdout
        started.stdin.write(messages.read_bytes()[:taken])
        started.stdin.flush()
        time.sleep(seconds)
        os.killpg(started.pid, signal.SIGKILL)
        with suppress(BrokenPipeError):
            started.stdin.close()
        return started.stdout.read().decode().splitlines()


class ProgramServer:
    """A process that has a program imported, which takes longer than most of its commands.

    Args:
        program: The program's name.
        python: The command that starts the Python of the program's environment.
        first: The arguments of a command that the process runs itself, to know all the program.
        settings: Environment variables for this command.
    """

    def __init__(
        self,
        program: str,
        python: Sequence[str],
        first: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._program = program
        self._process = subprocess.Popen(  # noqa: S603
            [*python, str(PROGRAM_SERVER), program, *first],
            env=_own_environment() | dict(settings or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.close)
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def run(
        self,
        arguments: Sequence[str],
        settings: Mapping[str, str] | None = None,
        standard_input: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs one command to its end, in a process of its own.

        Args:
            arguments: What stands behind the program's name.
            settings: Environment variables for this command.
            standard_input: What the program reads.
        """
        assert self._process.stdin
        assert self._process.stdout
        with (
            NamedTemporaryFile("r", encoding="utf-8") as output,
            NamedTemporaryFile("r", encoding="utf-8") as errors,
        ):
            asked = {
                "arguments": list(arguments),
                "environment": _own_environment() | dict(settings or {}),
                "input": str(standard_input or os.devnull),
                "output": output.name,
                "errors": errors.name,
            }
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            command = [self._program, *arguments]
            return subprocess.CompletedProcess(command, code, output.read(), errors.read())

    def close(self) -> None:
        """Lets the process end."""
        with self._process:
            pass


@cache
def _loader(name: str) -> ProgramServer:
    return ProgramServer(name, _command("python", installed_for(name), []))


@cache
def _dbt(adapter: str) -> ProgramServer:
    """A dbt that has read the project once; with that, half of a command's work is done."""
    with TemporaryDirectory() as folder:
        return ProgramServer(
            "dbt",
            _command("python", installed_for(f"dbt-{adapter}"), []),
            ["--quiet", "parse", "--no-static-parser"],
            Dbt(adapter, Path(folder), {"CALLHISTORY_DUCKDB_PATH": f"{folder}/none"}).variables,
        )


@cache
def report_server() -> ProgramServer:
    """The one server of the report."""
    python = [find_uv_bin(), "run", "--quiet", "--no-project", "--python", sys.executable]
    return ProgramServer(
        "callhistory-report", [*python, "--with-editable", f"{REPORT}[postgres]", "python"]
    )


@dataclass(frozen=True, slots=True)
class Dbt:
    """dbt on one database.

    Attributes:
        adapter: duckdb or postgres.
        folder: For what dbt compiles and logs.
        settings: Environment variables that lead the profile to the database.
    """

    adapter: str
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def build(self, *arguments: str, **variables: object) -> str:
        """Builds and tests models, by default all, to the good end; returns what dbt wrote."""
        finished = self.run("build", variables, *arguments)
        assert finished.returncode == 0, finished.stdout[-8000:]
        return finished.stdout

    def run(
        self, command: str, variables: Mapping[str, object], *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs one command of dbt, well or badly."""
        return _dbt(self.adapter).run(
            [command, "--vars", json.dumps(variables), *arguments], self.variables
        )

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which dbt runs."""
        return {
            "CALLHISTORY_DBT_TARGET": self.adapter,
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "DBT_USE_COLORS": "false",
            "DBT_WRITE_JSON": "false",
            **self.settings,
        }


def _own_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}
