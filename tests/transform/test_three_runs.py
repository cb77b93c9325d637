"""PostgreSQL through three runs, a day apart: calls come late, change, and get a new field.

The server's zone is not UTC: times are UTC all the same, for the loader runs with PGTZ=UTC.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import tap_callhistory
from tests.support.in_process import NAMES, STREAMS, Clock, run_tap
from tests.support.postgres import new_database
from tests.support.transform.changing_worlds import (
    A_DAY,
    FIRST_RUN,
    RUNS,
    made_world,
    published_late,
    recorded_late,
)
from tests.support.transform.true_calls import differences, told
from tests.support.warehouses import PostgreSQL

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.world import World

SCHEMA: Final = "three_runs"
MODELS: Final = "three_runs_models"


NEW_FIELD: Final = ("moodScore", 7)
TYPES: Final = {
    "string": "text",
    "integer": "bigint",
    "number": "numeric",
    "boolean": "boolean",
    "object": "jsonb",
    "array": "ARRAY",
}

Table = dict[Any, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class AfterRun:
    """The tables after a run, and the truth at that moment, by vendor."""

    tables: dict[str, Table]
    truths: dict[str, Table]


@dataclass(frozen=True, slots=True)
class ThreeRuns:
    """All three runs, and the database that they left."""

    warehouse: PostgreSQL
    worlds: dict[str, World]
    late: dict[str, Any]
    changed: dict[str, Any]
    after: list[AfterRun]


@pytest.fixture(scope="module")
def three_runs(postgres_uri: str, tmp_path_factory: pytest.TempPathFactory) -> ThreeRuns:
    folder = tmp_path_factory.mktemp("three_runs")
    clock = Clock(FIRST_RUN)
    warehouse = PostgreSQL(new_database(postgres_uri, SCHEMA, "Asia/Tehran"), folder)
    runs = ThreeRuns(
        warehouse,
        {vendor: made_world(vendor, clock) for vendor in NAMES},
        late={},
        changed={},
        after=[],
    )
    states: dict[str, Any] = {}
    for number in range(1, RUNS + 1):
        messages = []
        for vendor, world in runs.worlds.items():
            run = run_tap(world, began=clock(), state=states.get(vendor))
            assert run.failure is None
            states[vendor] = run.states()[-1]
            messages += run.lines
        file = folder / f"{number}.jsonl"
        file.write_text("\n".join(map(json.dumps, messages)), encoding="utf-8")
        warehouse.load(SCHEMA, file)
        runs.after.append(AfterRun(*seen(warehouse, runs.worlds)))
        if number == 1:
            for vendor, world in runs.worlds.items():
                runs.late[vendor] = published_late(world, clock())
                runs.changed[vendor] = recorded_late(world, clock())
        if number == RUNS - 1:
            for world in runs.worlds.values():
                world.behaviour = replace(world.behaviour, extra_fields=(NEW_FIELD,))
        clock.advance(A_DAY)
    clock.advance(-A_DAY)
    return runs


def seen(
    warehouse: PostgreSQL, worlds: dict[str, World]
) -> tuple[dict[str, Table], dict[str, Table]]:
    tables = {
        vendor: {
            row["id"]: declared(row)
            for row in warehouse.rows(f"select * from {SCHEMA}.{STREAMS[vendor]}")  # noqa: S608
        }
        for vendor in worlds
    }
    truths = {vendor: {row["id"]: row for row in world.truth()} for vendor, world in worlds.items()}
    return tables, truths


def declared(row: dict[str, Any]) -> dict[str, Any]:
    """A loaded row as the tap declares it."""
    return {
        name: value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value
        for name, value in row.items()
        if not name.startswith("_sdc_")
    }


def known(table: Table) -> Table:
    """A table without what its vendor does not document."""
    return {
        key: {name: value for name, value in row.items() if name != "_extra"}
        for key, row in table.items()
    }


@pytest.mark.parametrize("vendor", NAMES)
@pytest.mark.parametrize("run", range(RUNS))
def test_after_each_run_the_table_is_the_truth(
    vendor: str, run: int, three_runs: ThreeRuns
) -> None:
    after = three_runs.after[run]
    assert known(after.tables[vendor]) == known(after.truths[vendor])


@pytest.mark.parametrize("vendor", NAMES)
def test_rows_came_and_changed_between_the_runs(vendor: str, three_runs: ThreeRuns) -> None:
    first, second = (known(after.tables[vendor]) for after in three_runs.after[:2])
    assert first.keys() < second.keys()
    late, changed = three_runs.late[vendor], three_runs.changed[vendor]
    assert late in second
    assert late not in first
    assert first[changed] != second[changed]


@pytest.mark.parametrize("vendor", NAMES)
def test_a_field_that_appears_between_runs_is_kept_in_extra(
    vendor: str, three_runs: ThreeRuns
) -> None:
    second, third = (after.tables[vendor] for after in three_runs.after[1:])
    new = third.keys() - second.keys()
    assert {third[key]["_extra"] for key in new} == {'{"moodScore":7}'}
    assert {row["_extra"] for row in second.values()} == {None}


@pytest.mark.parametrize("vendor", NAMES)
def test_columns_have_the_types_that_the_schema_says(vendor: str, three_runs: ThreeRuns) -> None:
    stream = STREAMS[vendor]
    file = Path(tap_callhistory.__file__).parent / "schemas" / f"{stream}.json"
    properties = json.loads(file.read_text(encoding="utf-8"))["properties"]
    columns = three_runs.warehouse.rows(f"""
        select column_name, data_type from information_schema.columns
        where table_schema = '{SCHEMA}' and table_name = '{stream}'
    """)  # noqa: S608 - our own words
    found = {
        row["column_name"]: row["data_type"]
        for row in columns
        if not row["column_name"].startswith("_sdc_")
    }
    assert found == {name: column_type(schema) for name, schema in properties.items()}


def column_type(schema: dict[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return "timestamp without time zone"
    (kind,) = set(schema["type"]) - {"null"}
    return TYPES[kind]


def test_after_the_last_run_calls_are_as_they_truly_were(three_runs: ThreeRuns) -> None:
    settings = {**three_runs.warehouse.dbt.settings, "CALLHISTORY_ANALYTICS_SCHEMA": MODELS}
    dbt = replace(three_runs.warehouse.dbt, settings=settings)
    made = dbt.run("run", {"callhistory_schemas": [SCHEMA]}, "--select", "calls")
    assert made.returncode == 0, made.stdout[-8000:]
    calls = {
        row["call_key"]: row
        for row in three_runs.warehouse.rows(f"select * from {MODELS}.calls")  # noqa: S608
    }
    truths = {
        f"{vendor}/{SCHEMA}/{truth['call_id']}": truth | {"account": SCHEMA}
        for vendor, world in three_runs.worlds.items()
        for truth in world.calls_truth()
    }
    assert calls.keys() == truths.keys()
    compared = [
        f"{key}: {difference}"
        for key, truth in truths.items()
        for difference in differences(told(truth), calls[key])
    ]
    assert compared[:9] == []
