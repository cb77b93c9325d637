"""eTelecom, read every few minutes while calls are imported after their end.

Nobody says whether the vendor filters `created_at`, when a record is made, or `started_at`. Either
way every call is loaded, and a record that a client made is loaded once more when its call is over.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pytest

from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import NOON, Clock, made_world, run_tap, truth

EVERY = timedelta(minutes=5)
RUNS = 36
OF_THE_IMPORT = ("started_at", "ended_at", "duration", "call_state", "call_status")


pytestmark = pytest.mark.usefixtures("no_logs")


@pytest.mark.parametrize(
    ("filtered", "lookback_hours"),
    [
        # An import is news however long its call was.
        ("created", 0.1),
        # It lies as far back as its call was long: at most two hours, and the time to the import.
        ("started", 2.2),
    ],
)
def test_each_run_loads_all_that_was_imported_since_the_last(
    filtered: Literal["created", "started"], lookback_hours: float
) -> None:
    clock = Clock(NOON - RUNS * EVERY)
    # Without lines held open for hours, which would hold the bookmark all the time.
    calls = make_calls("etelecom", 1, 500, clock(), days=5, ahead=RUNS * EVERY, standing=0)
    world = made_world("etelecom", calls, clock, Behaviour(filter_field=filtered))
    table: dict[Any, dict[str, Any]] = {}
    state: dict[str, Any] | None = None
    overwritten = 0
    for _ in range(RUNS):
        run = run_tap(
            world,
            began=clock(),
            state=state,
            start_date=(NOON - timedelta(days=9)).isoformat(),
            lookback_hours=lookback_hours,
            revisit_hours=[],
        )
        assert run.failure is None
        state = run.states()[-1]
        new = run.table()
        overwritten += sum(
            table[key]["ended_at"] is None and row["ended_at"] is not None
            for key, row in new.items()
            if key in table
        )
        table |= new
        assert {key: facts(row) for key, row in table.items()} == {
            key: facts(row) for key, row in truth(world).items()
        }
        clock.advance(EVERY)
    assert len(table) > 510
    assert overwritten > 3


def facts(row: dict[str, Any]) -> tuple[Any, ...]:
    """What an import tells of a call; recordings come later, with the revisits."""
    return tuple(row[name] for name in OF_THE_IMPORT)
