"""Vendors whose calls come late and change, from one daily run to the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tap_callhistory.sandbox.vendors.registry import make_calls, make_world

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.call import Call
    from tap_callhistory.sandbox.world.world import World
    from tests.support.in_process import Clock


CALLS: Final = 400
SPAN_DAYS: Final = 20
A_DAY: Final = timedelta(days=1)
FIRST_RUN: Final = datetime(2026, 9, 14, 9, 30, tzinfo=UTC)
RUNS: Final = 3
LATE_BY: Final = timedelta(minutes=40)
"""Within the lookback of an hour."""
LATE_RECORDING: Final = timedelta(hours=3)


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
