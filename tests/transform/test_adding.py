"""Builds that add to `calls`: as a full build would have it, by what is new alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from shutil import copytree
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pytest

from tests.support.in_process import NAMES, STREAMS, Clock, run_tap
from tests.support.programs import PROJECT
from tests.support.transform.changing_worlds import (
    A_DAY,
    FIRST_RUN,
    RUNS,
    made_world,
    published_late,
    recorded_late,
)
from tests.support.warehouses import PostgreSQL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.warehouses import Warehouse

SCHEMA: Final = "added"
OTHER_SCHEMA: Final = "added_later"
ADDED: Final = "added_models"
AFRESH: Final = "afresh_models"
BUILT: Final = ("calls", "calls_by_day", "calls_by_week", "calls_by_month")
NONE_DIFFER: Final = dict.fromkeys(BUILT, 0)
ANALYST: Final = f"analyst_{uuid4().hex}"
"""A server's databases have their users in common."""


@dataclass(slots=True)
class Growth:
    """A warehouse whose models are built again and again.

    Attributes:
        warehouse: The database.
        raw: Rows of the raw tables after each run, by key and batch.
        kept: How many rows of `calls` each build left as they were, the first excepted.
    """

    warehouse: Warehouse
    raw: list[set[tuple[Any, ...]]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    def build(self, models: str, *arguments: str, project: Path = PROJECT, **variables: Any) -> str:
        """Builds `calls` and what is counted by day, week and month into a schema."""
        # In a folder of its own dbt need not read all models anew.
        folders = {
            "DBT_PROJECT_DIR": str(project),
            "DBT_TARGET_PATH": str(self.warehouse.dbt.folder / models),
        }
        settings = {"CALLHISTORY_ANALYTICS_SCHEMA": models, **folders}
        dbt = replace(self.warehouse.dbt, settings={**self.warehouse.dbt.settings, **settings})
        asked = {"callhistory_schemas": [SCHEMA], **variables}
        finished = dbt.run("run", asked, "--select", *BUILT, *arguments)
        assert finished.returncode == 0, finished.stdout[-8000:]
        return finished.stdout

    def add(self, **variables: Any) -> str:
        """Builds once more, and counts which rows of `calls` stay."""
        self.warehouse.execute(f"alter table {ADDED}.calls add column seen integer")
        self.warehouse.execute(f"update {ADDED}.calls set seen = 1")  # noqa: S608 - our own words
        told = self.build(ADDED, **variables)
        self.kept.append(self.number(f"select sum(seen) from {ADDED}.calls"))  # noqa: S608
        self.warehouse.execute(f"alter table {ADDED}.calls drop column seen")
        return told

    def built_afresh(self, **variables: Any) -> None:
        """Builds all from nothing, into another schema."""
        self.build(AFRESH, "--full-refresh", **variables)

    def differences(self) -> dict[str, int]:
        """How many rows of each model are otherwise than built from nothing."""
        return {
            model: self.number(f"""
                select count(*) from (
                    (select {columns} from {ADDED}.{model} except all
                     select {columns} from {AFRESH}.{model})
                    union all
                    (select {columns} from {AFRESH}.{model} except all
                     select {columns} from {ADDED}.{model})
                ) as differing
            """)  # noqa: S608 - our own words
            for model in BUILT
            for columns in [self.columns(model)]
        }

    def columns(self, model: str) -> str:
        """A model's columns in one order; a sum of fractions depends on that of its rows."""
        rows = self.warehouse.rows(f"""
            select column_name, data_type from information_schema.columns
            where table_schema = '{AFRESH}' and table_name = '{model}' order by column_name
        """)  # noqa: S608 - our own words
        return ", ".join(
            f"round(cast({row['column_name']} as numeric), 3)"
            if row["data_type"].lower().startswith("double")
            else str(row["column_name"])
            for row in rows
        )

    def number(self, query: str) -> int:
        """The one number that a query answers."""
        ((number,),) = (row.values() for row in self.warehouse.rows(query))
        return int(number or 0)

    def batches(self) -> set[tuple[Any, ...]]:
        """The loaded calls, each with the batch that it came in."""
        return {
            (stream, str(row["id"]), row["_sdc_batched_at"])
            for stream in STREAMS.values()
            for row in self.warehouse.rows(f"select id, _sdc_batched_at from {SCHEMA}.{stream}")  # noqa: S608
        }

    def as_analyst(self, statement: str) -> None:
        """Does something as a user of PostgreSQL who owns neither tables nor models."""
        self.warehouse.execute(f"set role {ANALYST}; {statement}")


@pytest.fixture(scope="module")
def grown(database: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Growth:
    """Three runs, a day apart, with calls that come late and change, and a build after each."""
    folder = tmp_path_factory.mktemp("added")
    growth = Growth(database)
    clock = Clock(FIRST_RUN)
    worlds = {vendor: made_world(vendor, clock) for vendor in NAMES}
    states: dict[str, Any] = {}
    for number in range(1, RUNS + 1):
        lines = []
        for vendor, world in worlds.items():
            run = run_tap(world, began=clock(), state=states.get(vendor))
            assert run.failure is None
            states[vendor] = run.states()[-1]
            lines += [json.dumps(line) for line in run.lines]
        load(database, SCHEMA, folder / f"{number}.jsonl", lines)
        growth.raw.append(growth.batches())
        if number > 1:
            growth.add()
        else:
            growth.build(ADDED)
            if isinstance(database, PostgreSQL):
                let_an_analyst_look(growth)
        for world in worlds.values() if number == 1 else ():
            published_late(world, clock())
            recorded_late(world, clock())
        clock.advance(A_DAY)
    return growth


def load(database: Warehouse, schema: str, file: Path, lines: list[str]) -> None:
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    database.load(schema, file)


def let_an_analyst_look(growth: Growth) -> None:
    growth.warehouse.execute(f"""
        create role {ANALYST};
        grant usage on schema {ADDED} to {ANALYST};
        grant select on {ADDED}.calls to {ANALYST};
        create schema authorization {ANALYST}
    """)
    growth.as_analyst(f"""
        create view {ANALYST}.answered as
        select call_key, created_at from {ADDED}.calls where status = 'answered'
    """)  # noqa: S608 - our own words


def test_after_three_runs_the_models_are_what_a_full_build_makes(grown: Growth) -> None:
    grown.built_afresh()
    assert grown.differences() == NONE_DIFFER


def test_a_build_touches_what_is_new_or_goes_together_with_it(grown: Growth) -> None:
    for number, kept in enumerate(grown.kept[: RUNS - 1]):
        before, after = grown.raw[number : number + 2]
        changed_or_new = len(after - before)
        assert 0 < changed_or_new < len(after) / 2
        partners = len(after) - changed_or_new - kept
        assert 0 <= partners <= changed_or_new


def test_a_view_and_a_grant_of_an_analyst_live_through_builds(grown: Growth) -> None:
    if not isinstance(grown.warehouse, PostgreSQL):
        pytest.skip("DuckDB has no users, and its views hold to names")
    answered = grown.number(f"select count(*) from {ADDED}.calls where status = 'answered'")  # noqa: S608
    grown.as_analyst(f"create table {ANALYST}.counted as select count(*) from {ANALYST}.answered")  # noqa: S608
    assert grown.number(f"select * from {ANALYST}.counted") == answered > 0  # noqa: S608
    with pytest.raises(Exception, match="permission denied"):
        grown.as_analyst(f"select * from {SCHEMA}.{STREAMS['utel']}")  # noqa: S608
    indexes = grown.number(f"""
        select count(*) from pg_indexes where schemaname = '{ADDED}' and tablename = 'calls'
    """)  # noqa: S608 - our own words
    assert indexes == 3


def test_grants_of_the_project_are_made_by_each_build(grown: Growth, tmp_path: Path) -> None:
    if not isinstance(grown.warehouse, PostgreSQL):
        pytest.skip("DuckDB has no users")
    with pytest.raises(Exception, match="permission denied"):
        grown.as_analyst(f"select * from {ADDED}.calls_by_day")  # noqa: S608 - our own words
    project = tmp_path / "transform"
    copytree(PROJECT, project)
    file = project / "dbt_project.yml"
    text = file.read_text("utf-8")
    shown = "# +grants: {select: [analyst]}"
    assert shown in text
    granted = shown.removeprefix("# ").replace("analyst", ANALYST)
    file.write_text(text.replace(shown, granted), "utf-8")
    grown.warehouse.execute(f"revoke all on {ADDED}.calls from {ANALYST}")
    for _ in range(2):
        grown.build(ADDED, project=project)
        for model in BUILT:
            grown.as_analyst(f"select * from {ADDED}.{model}")  # noqa: S608 - our own words


def test_erased_calls_go_their_partners_count_and_another_account_comes(grown: Growth) -> None:
    etelecom = f"{SCHEMA}.{STREAMS['etelecom']}"
    twofold = grown.warehouse.rows(f"""
        select call_id, conversation_id from {ADDED}.calls
        where vendor = 'etelecom' and counts_as_call and conversation_id in (
            select conversation_id from {ADDED}.calls
            where vendor = 'etelecom' and not counts_as_call
        )
        order by call_id limit 2
    """)  # noqa: S608 - our own words
    erased, parted = twofold
    partner = f"""
        select counts_as_call from {ADDED}.calls
        where conversation_id = '{erased["conversation_id"]}' and vendor = 'etelecom'
    """  # noqa: S608 - our own words
    assert sorted(row["counts_as_call"] for row in grown.warehouse.rows(partner)) == [False, True]
    before = grown.number(f"select count(*) from {ADDED}.calls")  # noqa: S608
    utel, twin = STREAMS["utel"], STREAMS["twin"]
    without_batches = ", ".join(
        row["column_name"]
        for row in grown.warehouse.rows(f"""
            select column_name from information_schema.columns
            where table_schema = '{SCHEMA}' and table_name = '{twin}'
            and column_name <> '_sdc_batched_at'
        """)  # noqa: S608 - our own words
    )
    grown.warehouse.execute(f"""
        delete from {etelecom} where id = '{erased["call_id"]}';
        update {etelecom} set external_id = 'alone', _sdc_batched_at = '2030-01-01'
            where id = '{parted["call_id"]}';
        delete from {SCHEMA}.{STREAMS["cinnox"]};
        create table {SCHEMA}.without as select {without_batches} from {SCHEMA}.{twin};
        drop table {SCHEMA}.{twin};
        alter table {SCHEMA}.without rename to {twin};
        create schema {OTHER_SCHEMA};
        create table {OTHER_SCHEMA}.{utel} as select * from {SCHEMA}.{utel}
    """)  # noqa: S608 - our own words
    both = {"callhistory_schemas": [SCHEMA, OTHER_SCHEMA]}
    told = grown.add(**both)
    grown.built_afresh(**both)
    assert grown.differences() == NONE_DIFFER
    assert [row["counts_as_call"] for row in grown.warehouse.rows(partner)] == [True]
    left, others, read_whole = (
        grown.number(f"select count(*) from {ADDED}.calls {which}")  # noqa: S608
        for which in ("", f"where account = '{OTHER_SCHEMA}'", "where vendor = 'twin'")
    )
    assert left < before + others - 100
    assert left - grown.kept[-1] == 3 + others + read_whole
    assert f"{twin}" in told
    assert "has no column _sdc_batched_at: all its calls are read at every build" in told


def test_another_zone_an_account_less_and_a_new_column_are_as_if_built_afresh(
    grown: Growth,
) -> None:
    zone = {"callhistory_timezone": "Pacific/Auckland"}
    grown.add(**zone)
    grown.built_afresh(**zone)
    assert grown.differences() == NONE_DIFFER
    assert grown.kept[-1] == 0
    grown.warehouse.execute(f"alter table {ADDED}.calls drop column raw_direction")
    grown.add(**zone)
    assert grown.differences() == NONE_DIFFER
