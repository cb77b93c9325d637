"""PostgreSQL through three runs, a day apart: calls come late, change, and get a new field.

The server's zone is not UTC: times are UTC all the same, for the loader runs with PGTZ=UTC.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import tap_callhistory
from tap_callhistory.sandbox.vendors.registry import make_calls, make_world
from tests.support.in_process import NAMES, STREAMS, Clock, run_tap
from tests.support.postgres import new_database
from tests.support.warehouses import PostgreSQL

from .test_calls import differences, told

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.call import Call
    from tap_callhistory.sandbox.world.world import World

CALLS: Final = 400
SPAN_DAYS: Final = 20
A_DAY: Final = timedelta(days=1)
FIRST_RUN: Final = datetime(2026, 9, 14, 9, 30, tzinfo=UTC)
RUNS: Final = 3
SCHEMA: Final = "three_runs"
MODELS: Final = "three_runs_models"
LATE_BY: Final = timedelta(minutes=40)
"""Within the lookback of an hour."""

LATE_RECORDING: Final = timedelta(hours=3)

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


def made_world(vendor: str, clock: Clock) -> World:
    calls = make_calls(vendor, 3, CALLS, clock(), days=SPAN_DAYS, ahead=RUNS * A_DAY)
    return make_world(vendor, calls, clock)


def published_late(world: World, ran_at: datetime) -> Any:
    """Publish a call that began before the last run and that the vendor shows only after it."""
    model = next(call for call in world.calls() if call.line and not call.in_progress(ran_at))
    shift = ran_at - LATE_BY - model.created_at
    late = replace(shifted(model, shift), published_at=ran_at + LATE_BY)
    world.add(late)
    return world.api.call_id(late)


def recorded_late(world: World, ran_at: datetime) -> Any:
    """Let a recording of a call come three hours after a run that had read the call."""
    call = next(
        call
        for call in reversed(world.calls())
        if call.answered_at and not call.recording_ready_at and not call.in_progress(ran_at)
    )
    world.replace(replace(call, recording_ready_at=ran_at + LATE_RECORDING))
    return world.api.call_id(call)


def shifted(call: Call, shift: timedelta) -> Call:
    """The same call at another time."""
    return replace(
        call,
        sequence=call.sequence + 5_000_000,
        created_at=call.created_at + shift,
        started_at=call.started_at + shift,
        answered_at=call.answered_at and call.answered_at + shift,
        ended_at=call.ended_at + shift,
        recording_ready_at=None,
        rated_at=None,
        synced_at=None,
        inserted_at=None,
        imported_at=None,
    )


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
