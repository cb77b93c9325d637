"""Runs a shard: the ordinary tap into the ordinary loader, by a pipe or by Meltano.

    tap ── loader ── its states, one a line ── PostgreSQL

Nothing here reads calls. A shard goes on from the last state that came out of its loader.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from callhistory_dagster.processes import Told, start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from callhistory_dagster.shards import Shard
    from callhistory_dagster.states import States

#: After a signal, a program gets so long to end by itself.
PATIENCE_SECONDS = 60


class ShardFailed(Exception):  # noqa: N818 - what happened, in the user's words
    """A shard did not come to its end; what it has loaded is in its state."""


class Runner(Protocol):
    """What reads a shard."""

    def run(self, shard: Shard, requests_per_second: float | None) -> dict[str, Any]:
        """Read a shard to its end, from its last state on, and keep its states.

        Returns:
            The tags of the tap's closing metric.

        Raises:
            ShardFailed: The tap or the loader did not end well.
        """


def runner(states: States) -> Runner:
    """The runner that the environment asks for: a pipe, or Meltano.

    Raises:
        KeyError: A variable that it needs is missing.
        ValueError: CALLHISTORY_RUNNER is neither.
    """
    wanted = os.environ.get("CALLHISTORY_RUNNER", "pipe")
    if wanted == "pipe":
        return Pipe(states, os.environ["CALLHISTORY_WAREHOUSE"])
    if wanted == "meltano":
        return Meltano(
            states,
            os.environ["CALLHISTORY_WAREHOUSE"],
            Path(os.environ["CALLHISTORY_MELTANO_PROJECT"]),
            os.environ["CALLHISTORY_MELTANO_DATABASE"],
        )
    raise ValueError("CALLHISTORY_RUNNER must be pipe or meltano")


def loader_environment(warehouse: str, shard: Shard) -> dict[str, str]:
    """target-postgres's settings: the account's own schema, and what was proved to load fast."""
    return {
        "TARGET_POSTGRES_SQLALCHEMY_URL": _driven(warehouse),
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": shard.source.schema,
        "TARGET_POSTGRES_USE_COPY": "true",
        "TARGET_POSTGRES_VALIDATE_RECORDS": "false",
        "PGTZ": "UTC",
    }


@dataclass(frozen=True, slots=True)
class Pipe:
    """The tap's standard output into the loader's standard input.

    Attributes:
        states: Where states are kept.
        warehouse: The PostgreSQL that calls are loaded into.
    """

    states: States
    warehouse: str

    def run(self, shard: Shard, requests_per_second: float | None) -> dict[str, Any]:
        """Read a shard; as `Runner.run`."""
        with tempfile.TemporaryDirectory(prefix="callhistory-") as name:
            return self._run(shard, requests_per_second, Path(name))

    def _run(self, shard: Shard, requests_per_second: float | None, folder: Path) -> dict[str, Any]:
        command = [os.environ.get("CALLHISTORY_TAP", "tap-callhistory"), "--config=ENV"]
        if (state := self.states.last(shard.id)) is not None:
            file = folder / "state.json"
            file.write_text(json.dumps(state), encoding="utf-8")
            command.append(f"--state={file}")
        loading = [os.environ.get("CALLHISTORY_LOADER", "target-postgres"), "--config=ENV"]
        tap = start(command, shard.environment(requests_per_second), folder)
        loader = start(loading, loader_environment(self.warehouse, shard), folder, stdin=tap.stdout)
        if tap.stdout:
            tap.stdout.close()  # so that the tap learns of the loader's end
        told = {"tap": Told(tap.stderr), "loader": Told(loader.stderr)}
        try:
            for state in _states_in(loader.stdout or ()):
                self.states.save(shard, state)
            # A tap whose loader died fails as well: the loader's words come first.
            codes = {"loader": loader.wait(), "tap": tap.wait()}
        except BaseException:
            tap.terminate()
            loader.terminate()
            loader.wait(PATIENCE_SECONDS)
            raise
        for program, code in codes.items():
            if code:
                raise ShardFailed(
                    f"{shard.id}: the {program} ended with {code}:\n{told[program].last_lines()}"
                )
        told["tap"].last_lines()
        return _tags(told["tap"].metric)


@dataclass(frozen=True, slots=True)
class Meltano:
    """``meltano run`` in a project; costs twice as much as the pipe before the first call.

    Attributes:
        states: Where states are kept.
        warehouse: The PostgreSQL that calls are loaded into.
        project: A Meltano project with tap-callhistory and target-postgres, installed.
        database: Meltano's system database, which all machines share.
    """

    states: States
    warehouse: str
    project: Path
    database: str

    def run(self, shard: Shard, requests_per_second: float | None) -> dict[str, Any]:
        """Read a shard; as `Runner.run`."""
        with tempfile.TemporaryDirectory(prefix="callhistory-") as name:
            environment = {
                **shard.environment(requests_per_second),
                **loader_environment(self.warehouse, shard),
                "MELTANO_ENVIRONMENT": "prod",
                # Meltano's extra is of this driver, which its SQLAlchemy does not take by itself.
                "MELTANO_DATABASE_URI": _driven(self.database),
                "MELTANO_SYS_DIR_ROOT": str(self._system_folder(Path(name))),
                "NO_COLOR": "1",
            }
            call = partial(self._meltano, shard, environment)
            # Dagster owns the shard, so a dead run's lock says nothing: --force.
            suffix = f"--state-id-suffix={shard.id}"
            _, metric = call("run", "--force", suffix, "tap-callhistory", "target-postgres")
            state_id = f"prod:tap-callhistory-to-target-postgres:{shard.id}"
            written, _ = call("state", "get", state_id)
        state = next(_states_in(written.splitlines()), None)
        if state is None:
            raise ShardFailed(f"{shard.id}: Meltano has no state of it")
        self.states.save(shard, state)
        return _tags(metric)

    def _system_folder(self, folder: Path) -> Path:
        """Meltano's folder for one run: the plugins are the project's, what a run writes is not.

        Two runs of one plugin would otherwise write each other's settings.
        """
        for each in (self.project / ".meltano").iterdir():
            if each.name not in {"run", "logs"}:
                (folder / each.name).symlink_to(each)
        return folder

    def _meltano(
        self, shard: Shard, environment: Mapping[str, str], *arguments: str
    ) -> tuple[str, str]:
        """Run a command of Meltano's; gives what it wrote, and the tap's closing metric."""
        program = os.environ.get("CALLHISTORY_MELTANO", "meltano")
        process = start([program, *arguments], environment, self.project)
        told = Told(process.stderr)
        try:
            with process.stdout or nullcontext(BytesIO()) as stdout:
                out = stdout.read().decode(errors="replace")
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            raise
        lines = told.last_lines()
        if code:
            raise ShardFailed(
                f"{shard.id}: meltano {arguments[0]} ended with {code}:\n{lines}{out[-4000:]}"
            )
        return out, told.metric


def _driven(uri: str) -> str:
    """A PostgreSQL's address as SQLAlchemy has to be told it: with the driver that is there."""
    return uri.replace("postgresql://", "postgresql+psycopg://", 1)


def _states_in(lines: Iterable[bytes | str]) -> Iterator[dict[str, Any]]:
    """The states in what a loader writes, the half of a line that a kill left behind aside."""
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        found = found.get("singer_state", found) if isinstance(found, dict) else None
        if found and "bookmarks" in found:
            yield found


def _tags(text: str) -> dict[str, Any]:
    """The tags of the tap's closing metric in a line; none without one."""
    if not text:
        return {}
    metric = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return {"records": metric["value"], **metric["tags"]}
