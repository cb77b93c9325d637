"""Runs every ten minutes over a vendor that imports its calls every five, after their end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour, FilterField
from tests.support.in_process import NOON, Clock, made_world, run_tap, truth

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.world import World

EVERY = timedelta(minutes=10)
RUNS = 40
SECOND = timedelta(seconds=1)


pytestmark = pytest.mark.usefixtures("no_logs")


def loaded_by_runs(
    world: World, clock: Clock, **settings: Any
) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """The table after all runs, and the state."""
    table: dict[Any, dict[str, Any]] = {}
    state: dict[str, Any] = {}
    for _ in range(RUNS):
        run = run_tap(world, began=clock(), state=state, **settings)
        assert run.failure is None
        table |= run.table()
        state = run.states()[-1]
        clock.advance(EVERY)
    clock.advance(-EVERY)
    return table, state


@pytest.mark.parametrize(
    ("field", "lookback_hours"),
    [
        # A record's own date lies in the window of the first run after its import.
        ("created", 0),
        # The date of the call lies as far back as the longest call is long.
        ("started", 5),
    ],
)
def test_no_imported_record_is_missed_and_none_stays_unfinished(
    field: FilterField, lookback_hours: float
) -> None:
    start = NOON - timedelta(days=2)
    clock = Clock(NOON)
    calls = make_calls("etelecom", 3, 600, NOON, days=3, ahead=timedelta(days=1))
    world = made_world("etelecom", calls, clock, Behaviour(filter_field=field))
    table, state = loaded_by_runs(
        world,
        clock,
        start_date=start.isoformat(),
        lookback_hours=lookback_hours,
        unfinished_call_hours=6,
        revisit_hours=[],
    )
    expected = {
        key: row
        for key, row in truth(world).items()
        if start.isoformat() <= row["created_at"] < (clock() - SECOND).isoformat()
    }
    assert {key: table.get(key) for key in expected} == expected
    assert state


def test_a_clients_record_that_no_import_overwrites_holds_the_bookmark_no_longer_than_it_may() -> (
    None
):
    clock = Clock(NOON)
    calls = make_calls("etelecom", 3, 60, NOON - timedelta(hours=8), days=3)
    world = made_world("etelecom", calls, clock, Behaviour())
    client = next(call for call in reversed(calls) if call.leg == "out" and not call.inserted_at)
    world.replace(replace(client, imported_at=NOON + timedelta(days=9)))
    _, state = loaded_by_runs(world, clock, unfinished_call_hours=1, revisit_hours=[])
    bookmark = state["bookmarks"]["etelecom_call_logs"]["replication_key_value"]
    assert bookmark == f"{clock():%Y-%m-%dT%H:%M:%S.%fZ}"
