"""History read in shards by the tap itself, with kills, merged, and gone on from."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.reading.windows import Window
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.shards.checking import examine
from tap_callhistory.shards.merging import merge
from tap_callhistory.shards.plan import Shard
from tests.support.in_process import (
    NAMES,
    STREAMS,
    Clock,
    Run,
    made_call,
    made_world,
    run_tap,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_callhistory.sandbox.world.call import Call
    from tap_callhistory.sandbox.world.world import World

DAY = timedelta(days=1)
S = datetime(2026, 1, 1, tzinfo=UTC)
T = datetime(2026, 2, 1, tzinfo=UTC)
TODAY = datetime(2026, 3, 17, 12, tzinfo=UTC)
AGES = (24, 168)


def calls(days: float = 75) -> list[Call]:
    drawn = random.Random(7)
    moments = sorted(S + drawn.random() * days * DAY for _ in range(400))
    return [
        made_call(place, moment.replace(microsecond=0)) for place, moment in enumerate(moments, 1)
    ]


def world_of(vendor: str, clock: Callable[[], datetime]) -> World:
    return made_world(vendor, calls(), clock, Behaviour())


def shards_of(vendor: str, parts: int) -> list[Shard]:
    edges = [S + (T - S) * part // parts for part in range(parts + 1)]
    days = [edge.replace(hour=0) for edge in edges]
    return [
        Shard.of("acme", vendor, STREAMS[vendor], Window(start, end), None)
        for start, end in pairwise(days)
    ]


def read_shard(world: World, shard: Shard, state: Any = None, **given: Any) -> Run:
    start, end = fixed_width(shard.window.start), fixed_width(shard.window.end)
    return run_tap(world, began=TODAY, state=state, start_date=start, end_date=end, **given)


@pytest.mark.parametrize("vendor", NAMES)
def test_shards_some_of_them_killed_and_an_ordinary_run_give_the_whole_truth(vendor: str) -> None:
    clock = Clock(TODAY)
    world = world_of(vendor, clock)
    shards = shards_of(vendor, 4)
    table: dict[Any, Any] = {}
    states: dict[str, Any] = {}
    for place, shard in enumerate(shards):
        if place % 2:
            killed = read_shard(world, shard, kill_after_lines=40)
            assert killed.killed
            table |= killed.table()
            states[shard.id] = killed.states()[-1] if killed.states() else None
        run = read_shard(world, shard, states.get(shard.id))
        assert run.failure is None
        table |= run.table()
        states[shard.id] = run.states()[-1]

    (examined,) = examine(shards, states)
    assert examined.faults == []
    merged = merge([examined])
    bookmark = merged["bookmarks"][STREAMS[vendor]]
    assert bookmark["replication_key_value"] == fixed_width(T)
    for age in AGES:
        # Read six weeks later, all of it was older than any age.
        assert parse_instant(bookmark["revisits"][str(age)]) == T

    run = run_tap(world, began=TODAY, state=merged, start_date=fixed_width(S))
    assert run.failure is None
    table |= run.table()
    assert table == truth(world)
    moments = [call[bookmark["replication_key"]] for call in run.records()]
    # It read what is new, and the lookback: nothing of the shards' months again.
    assert min(moments) > fixed_width(T - 2 * timedelta(hours=1))


@pytest.mark.parametrize("vendor", NAMES)
def test_a_killed_shard_is_no_proof(vendor: str) -> None:
    world = world_of(vendor, Clock(TODAY))
    shards = shards_of(vendor, 2)
    states: dict[str, Any] = {shards[0].id: read_shard(world, shards[0]).states()[-1]}
    killed = read_shard(world, shards[1], kill_after_lines=30)
    states[shards[1].id] = killed.states()[-1] if killed.states() else None
    (examined,) = examine(shards, states)
    assert len(examined.faults) == 2
    assert "not read: [" in examined.faults[1]
