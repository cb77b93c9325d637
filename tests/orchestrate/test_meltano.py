"""Meltano as the runner (CALLHISTORY_RUNNER=meltano): two sources at once, in one project."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from callhistory_dagster.accounts import Source
from callhistory_dagster.proof import prove
from callhistory_dagster.runners import Meltano, runner
from callhistory_dagster.shards import Shard
from callhistory_dagster.states import States
from tap_callhistory.sandbox.server import Sandbox
from tests.support.end_to_end.project import Project
from tests.support.end_to_end.warehouses import PostgreSQL
from tests.support.orchestrate.deployment import DAYS, NOW, S, T, deployed, wrong_rows
from tests.support.orchestrate.environments import programs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PIN: Final = Path(__file__).parents[2] / ".github" / "pins" / "meltano.txt"
PLUGINS: Final = ("tap-callhistory", "target-postgres")
VENDORS: Final = ("utel", "kavenegar")
DATABASE: Final = "meltano_of_many_machines"


@pytest.fixture(scope="module")
def database(postgres: str) -> str:
    """Meltano's system database."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'create database "{DATABASE}"'.encode())
    return postgres.replace("/postgres?", f"/{DATABASE}?")


@pytest.fixture(scope="module")
def machine(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project on the machine that runs shards."""
    return Project.copied_to(tmp_path_factory.mktemp("machine"), plugins_of=project)


@pytest.fixture(scope="module")
def meltano(machine: Project, database: str) -> Path:
    """Meltano's program, the project installed and the database made, as the page says."""
    (pin,) = [line for line in PIN.read_text().splitlines() if not line.startswith("#")]
    program = programs_of("--from", pin.replace("meltano", "meltano[postgres]")) / "meltano"
    uri = database.replace("postgresql://", "postgresql+psycopg://")
    for arguments in (
        ("install", "--plugin-type", "extractors", "tap-callhistory"),
        ("install", "--plugin-type", "loaders", "target-postgres"),
        ("state", "list"),
    ):
        subprocess.run(  # noqa: S603
            [program, *arguments],
            check=True,
            cwd=machine.folder,
            env={**os.environ, "MELTANO_DATABASE_URI": uri},
            capture_output=True,
        )
    return program


class Loaded:
    """What two runs at once have told and loaded, and what one of them, run again, has."""

    def __init__(self, sources: list[Source], sandbox: Sandbox, uri: str, machine: Project) -> None:
        self.sources = sources
        self.sandbox = sandbox
        self.warehouses = [PostgreSQL(uri, source.schema) for source in sources]
        self.states = States(uri)
        runs = runner(self.states)
        assert isinstance(runs, Meltano)
        shards = [Shard(source, S, T) for source in sources]
        self.files_before = files_of_runs(machine)
        with ThreadPoolExecutor(len(shards)) as workers:
            self.told: list[dict[str, Any]] = list(workers.map(runs.run, shards, [1000, 1000]))
        self.again = runs.run(shards[0], None)
        self.files_after = files_of_runs(machine)


def files_of_runs(machine: Project) -> set[Path]:
    """What runs of the plugins have left in the project."""
    folder = machine.folder / ".meltano" / "run"
    return {file for name in PLUGINS for file in (folder / name).rglob("*")}


@pytest.fixture(scope="module")
def loaded(
    postgres: str,
    database: str,
    meltano: Path,
    machine: Project,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("machine")
    sandbox = Sandbox(vendors=VENDORS, calls=1500, days=DAYS, now=NOW)
    with sandbox.serve() as url, pytest.MonkeyPatch.context() as environment:
        for name, value in {
            **{
                name: value
                for vendor, settings in sandbox.settings(url).items()
                for name, value in deployed(
                    folder, f"by_{vendor}", {vendor: settings}, postgres
                ).items()
            },
            "CALLHISTORY_RUNNER": "meltano",
            "CALLHISTORY_MELTANO": str(meltano),
            "CALLHISTORY_MELTANO_PROJECT": str(machine.folder),
            "CALLHISTORY_MELTANO_DATABASE": database,
        }.items():
            environment.setenv(name, value)
        # An account each: two loaders that both make an account's ledger would meet.
        sources = [Source(f"by_{vendor}", vendor, S, T) for vendor in VENDORS]
        yield Loaded(sources, sandbox, postgres, machine)


def test_the_tables_are_the_truth(loaded: Loaded) -> None:
    for vendor, warehouse in zip(VENDORS, loaded.warehouses, strict=True):
        assert wrong_rows(loaded.sandbox, vendor, S, T, warehouse)[:9] == []


def test_what_is_told_is_the_taps_own_count_not_the_loaders(loaded: Loaded) -> None:
    for source, told, warehouse in zip(loaded.sources, loaded.told, loaded.warehouses, strict=True):
        labels = (source.stream, Shard(source, S, T).id, source.account)
        assert (told["stream"], told["shard"], told["account"]) == labels
        assert told["records"] == len(warehouse.rows(source.stream))


def test_the_history_of_both_is_proved(loaded: Loaded, postgres: str) -> None:
    for source in loaded.sources:
        proof = prove(source, loaded.states, postgres)
        assert (proof.faults, proof.shards) == ([], 1)


def test_a_shard_that_is_run_again_goes_on_from_meltanos_state(loaded: Loaded) -> None:
    assert loaded.again["records"] == 0


def test_nothing_of_a_run_is_left_in_the_project(loaded: Loaded) -> None:
    assert loaded.told
    assert loaded.files_after <= loaded.files_before
