"""The ledger through the real loaders: what is lost on the way is found, and a kill passes over."""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tap_callhistory.sandbox.vendors.registry import make_calls, make_world
from tests.support.in_process import STREAMS, Clock, Run, run_tap
from tests.support.transform.ledger_story import make_tables
from tests.support.transform.ledger_texts import LedgerTexts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tap_callhistory.sandbox.world.world import World
    from tests.support.warehouses import Warehouse

NOW: Final = datetime(2026, 9, 16, 9, 30, tzinfo=UTC)
START: Final = datetime(2026, 6, 1, tzinfo=UTC)
SHARDS: Final = ((START, datetime(2026, 7, 1, tzinfo=UTC)), (datetime(2026, 8, 1, tzinfo=UTC), NOW))
"""July is left out."""

VENDORS: Final = ("utel", "twin")
CALLS: Final = 300
MANY_CALLS: Final = 2_500
KILLS: Final = int(os.environ.get("CALLHISTORY_TEST_KILLS", "1"))
"""How often each loader is killed, per vendor."""

AN_HOUR: Final = timedelta(hours=1)


@pytest.fixture(scope="module")
def texts(database: Warehouse) -> LedgerTexts:
    return LedgerTexts.compiled(database)


def made_world(vendor: str, clock: Clock, calls: int) -> World:
    return make_world(vendor, make_calls(vendor, 7, calls, NOW, days=105, ahead=AN_HOUR), clock)


def read(world: World, **settings: Any) -> Run:
    run = run_tap(world, **settings)
    assert run.failure is None
    return run


def written(folder: Path, runs: Iterable[Run]) -> Path:
    file = folder / "messages.jsonl"
    lines = (json.dumps(line) for run in runs for line in run.lines)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def names_of(warehouse: Warehouse, table: str) -> set[str]:
    return {str(row["id"]) for row in warehouse.rows(f"select id from {table}")}  # noqa: S608


def test_a_lost_row_and_a_month_left_out_are_found_by_dbt(
    database: Warehouse, tmp_path: Path
) -> None:
    clock = Clock(NOW)
    runs = []
    for vendor in VENDORS:
        world = made_world(vendor, clock, CALLS)
        for since, until in SHARDS:
            shard = {"start_date": since.isoformat(), "end_date": until.isoformat()}
            runs.append(read(world, began=NOW, **shard))
    schema = "left_out"
    database.load(schema, written(tmp_path, runs))
    variables = {"callhistory_schemas": [schema]}
    of_the_ledger = ("--select", "missing_calls", "coverage_gaps", "coverage")
    database.dbt.build(*of_the_ledger, **variables)
    gaps = database.rows("select * from analytics.coverage_gaps order by stream")
    assert [(gap["stream"], gap["kind"], gap["gap_start"], gap["gap_end"]) for gap in gaps] == [
        (STREAMS[vendor], "never read", datetime(2026, 7, 1), datetime(2026, 8, 1))  # noqa: DTZ001
        for vendor in sorted(VENDORS)
    ]
    for vendor in VENDORS:
        table = f"{schema}.{STREAMS[vendor]}"
        lost = sorted(names_of(database, table))[len(vendor)]
        database.execute(f"delete from {table} where cast(id as varchar) = '{lost}'")  # noqa: S608
    again = database.dbt.run("build", variables, *of_the_ledger)
    assert again.returncode == 1
    assert "no_call_is_missing" in again.stdout
    short = database.rows("select * from analytics.missing_calls where verdict = 'error'")
    assert {row["stream"] for row in short} == {STREAMS[vendor] for vendor in VENDORS}
    assert {row["wanted"] - row["found"] for row in short} == {1}


@pytest.mark.parametrize("kill", range(KILLS))
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_kill_of_the_loader_leaves_no_lasting_alarm_and_nothing_missing(
    vendor: str, kill: int, database: Warehouse, texts: LedgerTexts, tmp_path: Path
) -> None:
    chance = random.Random(f"{vendor}{kill}")
    clock = Clock(NOW)
    world = made_world(vendor, clock, MANY_CALLS)
    first = read(world, began=NOW, start_date=START.isoformat())
    messages = written(tmp_path, [first])
    schema = f"killed_{vendor}_{kill}"
    states = database.load_until_killed(
        schema,
        messages,
        taken=chance.randrange(messages.stat().st_size // 10, messages.stat().st_size),
        seconds=chance.random() * 2,
    )
    clock.advance(AN_HOUR)
    state = json.loads(states[-1]) if states else None
    second = read(world, began=clock(), start_date=START.isoformat(), state=state)
    database.load(schema, written(tmp_path, [second]))
    assert names_of(database, f"{schema}.{STREAMS[vendor]}") == {
        str(row["id"]) for row in world.truth()
    }
    make_tables(database, schema)
    assert texts.ask("missing_calls", schema) == []
    assert texts.gaps(schema) == []
    (covered,) = [row for row in texts.ask("coverage", schema) if row["stream"] == STREAMS[vendor]]
    assert covered["state"] == "whole"
    assert covered["whole_from"] == START.replace(tzinfo=None)
    assert covered["whole_until"] >= (NOW + AN_HOUR - timedelta(minutes=1)).replace(tzinfo=None)
    print(f"{vendor} {kill}: {len(states)} states before the kill")  # noqa: T201
