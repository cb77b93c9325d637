"""The ledger: a row for every window, what it claims, and the marks that a loader gives back."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from tap_callhistory.clocks import fixed_width
from tap_callhistory.output.ledger import ENTERED_UNTIL, KEY, NAME, Entries, Marks, scope_of
from tap_callhistory.reading.pages import ReadCall
from tap_callhistory.reading.read_windows import ReadWindow
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.windows import Window
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import (
    NAMES,
    NOON,
    STREAMS,
    Clock,
    Run,
    made_call,
    made_world,
    run_tap,
)

if TYPE_CHECKING:
    from datetime import datetime

    from tap_callhistory.sandbox.world.call import Call
    from tap_callhistory.sandbox.world.world import World

HOUR, DAY, MICROSECOND = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
START = (NOON - 3 * DAY).isoformat()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


def world_with(vendor: str, clock: Clock, count: int = 30, **changed: Any) -> World:
    """A call every two hours, the last one an hour before noon."""
    calls = [made_call(n, NOON - n * 2 * HOUR + HOUR, **changed) for n in range(1, count + 1)]
    return made_world(vendor, calls, clock, Behaviour())


def read(world: World, clock: Clock, **settings: Any) -> Run:
    run = run_tap(world, began=clock(), start_date=START, **settings)
    assert run.failure is None
    return run


def claimed(run: Run, column: str = "calls_written") -> int:
    return sum(row[column] or 0 for row in run.windows())


def assert_claims_hold(run: Run, table: dict[Any, dict[str, Any]]) -> None:
    for row in run.windows():
        moments = [each[row["read_by"]] for each in table.values()]
        inside = sum(row["window_start"] <= at < row["window_end"] for at in moments)
        assert inside >= row["calls_written"], row


@pytest.mark.parametrize("vendor", NAMES)
def test_the_windows_tile_history_and_claim_every_call(vendor: str, clock: Clock) -> None:
    run = read(world_with(vendor, clock), clock)
    new = [row for row in run.windows() if row["purpose"] == "new"]
    assert new[0]["window_start"] == "2026-03-14T12:00:00.000000Z"
    assert all(one["window_end"] == two["window_start"] for one, two in pairwise(new))
    assert new[-1]["window_end"] == "2026-03-17T12:00:00.000000Z"
    assert sum(row["calls_written"] for row in new) == len(run.table()) == 30
    assert_claims_hold(run, run.table())
    for row in new:
        assert row["stream"] == STREAMS[vendor]
        assert row["complete"] is True
        assert row["reason"] is None
        assert row["continues_from"] is None
        assert row["calls"] == row["calls_written"]
        assert row["requests"] >= 1
        assert row["run_began"] == "2026-03-17T12:00:00.000000Z"


@pytest.mark.parametrize("vendor", NAMES)
def test_a_row_leaves_behind_its_calls_and_before_the_state_that_covers_it(
    vendor: str, clock: Clock
) -> None:
    run = read(world_with(vendor, clock), clock, revisit_hours=[])
    kinds = [(line["type"], line.get("stream")) for line in run.lines]
    first_state = kinds.index(("STATE", None))
    first_call = kinds.index(("RECORD", STREAMS[vendor]))
    assert first_state < first_call
    marks = run.lines[first_state]["value"]["bookmarks"][NAME][ENTERED_UNTIL]
    assert marks == {STREAMS[vendor]: "2026-03-14T12:00:00.000000Z"}
    entered = kinds.index(("RECORD", NAME))
    assert first_call < entered
    assert ("STATE", None) not in kinds[first_call:entered]
    assert kinds[-1] == ("STATE", None)
    bookmark = run.states()[-1]["bookmarks"]
    assert (
        bookmark[NAME][ENTERED_UNTIL][STREAMS[vendor]]
        == (bookmark[STREAMS[vendor]]["replication_key_value"])
    )


def test_keys_are_unique_over_runs_and_revisits(clock: Clock) -> None:
    world = world_with("utel", clock)
    state: dict[str, Any] = {}
    keys = []
    for _ in range(4):
        run = read(world, clock, state=state, revisit_hours=[3])
        state = run.states()[-1]
        keys += [tuple(row[name] for name in KEY) for row in run.windows()]
        clock.advance(5 * HOUR)
    assert len(set(keys)) == len(keys)
    assert run.windows()[0]["continues_from"] == "2026-03-17T22:00:00.000000Z"
    assert {row["purpose"] for row in run.windows()} == {"new", "revisit"}


@pytest.mark.parametrize("vendor", NAMES)
def test_what_a_loader_lost_of_the_ledger_is_read_again(vendor: str, clock: Clock) -> None:
    world = world_with(vendor, clock)
    first = read(world, clock, revisit_hours=[])
    state = first.states()[-1]
    lost = "2026-03-15T12:00:00.000000Z"
    state["bookmarks"][NAME][ENTERED_UNTIL][STREAMS[vendor]] = lost
    clock.advance(HOUR)
    again = read(world, clock, state=state, revisit_hours=[])
    assert again.windows()[0]["window_start"] == "2026-03-15T11:00:00.000000Z"
    assert again.windows()[0]["continues_from"] == lost
    bookmarks = [each["bookmarks"][STREAMS[vendor]] for each in again.states()]
    values = [each["replication_key_value"] for each in bookmarks]
    assert values == sorted(values)
    assert values[0] == "2026-03-17T12:00:00.000000Z"
    marks = [each["bookmarks"][NAME][ENTERED_UNTIL][STREAMS[vendor]] for each in again.states()]
    assert marks == sorted(marks)
    assert marks[-1] == "2026-03-17T13:00:00.000000Z"


def test_while_rows_are_entered_again_the_mark_follows_them_and_not_the_bookmark(
    clock: Clock,
) -> None:
    """Were the run killed between two of them, the rest would never be entered."""
    world = world_with("utel", clock)
    state = read(world, clock, revisit_hours=[]).states()[-1]
    stream, entered = STREAMS["utel"], "2026-03-15T12:00:00.000000Z"
    state["bookmarks"][NAME][ENTERED_UNTIL][stream] = entered
    small = Sizes(fewest_comfortable_calls=4, most_comfortable_calls=4, most_calls=12)
    given = {"revisit_hours": [], "lookback_hours": 20}
    again = read(world, clock, state=state, sizes=small, **given)
    assert again.windows()[0]["window_end"] < entered
    assert len(again.windows()) > 3
    for line in again.lines:
        if line["type"] == "RECORD" and line["stream"] == NAME:
            entered = max(entered, line["record"]["window_end"])
        elif line["type"] == "STATE":
            bookmarks = line["value"]["bookmarks"]
            assert bookmarks[NAME][ENTERED_UNTIL][stream] == entered
            assert bookmarks[stream]["replication_key_value"] == "2026-03-17T12:00:00.000000Z"


def test_a_state_of_a_version_without_a_ledger_goes_on_from_its_bookmark(clock: Clock) -> None:
    world = world_with("utel", clock)
    state = read(world, clock, revisit_hours=[]).states()[-1]
    del state["bookmarks"][NAME]
    clock.advance(HOUR)
    run = read(world, clock, state=state, revisit_hours=[])
    assert run.windows()[0]["window_start"] == "2026-03-17T11:00:00.000000Z"
    assert run.windows()[0]["continues_from"] == "2026-03-17T12:00:00.000000Z"


def test_a_mark_that_is_nonsense_fails_and_says_what_to_do(clock: Clock) -> None:
    world = world_with("utel", clock)
    state = read(world, clock).states()[-1]
    state["bookmarks"][NAME][ENTERED_UNTIL] = {"utel_call_history": "yesterday"}
    run = run_tap(world, began=clock(), start_date=START, state=state)
    assert "its mark of utel_call_history is not a date-time" in str(run.failure)
    assert run.records() == []


FILTERED = {"utel_call_history": {"__filter__": "id % 2 == 0"}}
NAMED = {"utel_call_history": {"__alias__": "calls", "src": "src"}}
MOVED = {"utel_call_history": {"date_time": "'2020-01-01T00:00:00.000000Z'"}}
RENUMBERED = {"utel_call_history": {"id": "id + 1"}}


@pytest.mark.parametrize(
    ("maps", "written"), [(FILTERED, 15), (NAMED, 0), (MOVED, 0), (RENUMBERED, 0)]
)
def test_only_calls_that_leave_under_their_own_id_and_time_are_claimed(
    clock: Clock, maps: dict[str, Any], written: int
) -> None:
    run = read(world_with("utel", clock), clock, stream_maps=maps, revisit_hours=[])
    assert claimed(run) == written
    assert claimed(run, "calls") == 30


@pytest.mark.parametrize(
    "settings",
    [
        {"phone_numbers": "hash", "hash_key": "a-key-of-nobody-at-all"},
        {"flattening_enabled": True, "flattening_max_depth": 3},
        {"stream_maps": {"utel_call_history": {"src": "md5(src or '')"}}},
        {"account": "acme", "shard": "acme-2026-03"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_the_counts_mean_the_same_whatever_becomes_of_the_columns(
    clock: Clock, settings: dict[str, Any]
) -> None:
    run = read(world_with("utel", clock), clock, revisit_hours=[], **settings)
    assert claimed(run) == claimed(run, "calls") == 30
    row = run.windows()[0]
    assert row["account"] == settings.get("account")
    assert row["shard"] == settings.get("shard")
    assert row["stream"] == "utel_call_history"


def test_a_bad_record_is_counted_apart(clock: Clock) -> None:
    world = world_with("utel", clock)
    api: Any = world.api
    good = api.record

    def spoiled(call: Call, now: datetime) -> Any:
        record = good(call, now)
        return {**record, "id": None} if call.sequence == 3 else record

    with patch.object(api, "record", spoiled):
        run = read(world, clock, on_bad_record="skip", revisit_hours=[])
    assert claimed(run, "bad_records") == 1
    assert claimed(run) == 29


def test_calls_that_move_are_claimed_where_they_were_created(clock: Clock) -> None:
    world = world_with("twin", clock)
    own = {"date_field_parameter": "dateField"}
    run = read(world, clock, vendor=own, revisit_hours=[])
    assert {row["moving"] for row in run.windows()} == {True}
    assert claimed(run, "calls_born") == 30
    state = run.states()[-1]
    clock.advance(HOUR)
    world.add(made_call(99, clock() - 20 * timedelta(minutes=1)))
    later = read(world, clock, vendor=own, state=state, revisit_hours=[])
    assert claimed(later, "calls_born") >= 1
    born = [each for each in later.table().values() if each["created_at"] >= START[:19]]
    assert claimed(later, "calls_born") <= len(born)


def test_without_the_ledger_no_mark_is_kept_and_the_run_says_so(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    state: dict[str, Any] = {ENTERED_UNTIL: {"utel_call_history": "2026-03-15T12:00:00Z"}}
    marks = Marks(state, kept=False)
    marks.open("utel_call_history", None, NOON)
    assert marks.of("utel_call_history") is None
    assert state == {}, "selected again, it must not claim what no row tells of"
    world = world_with("utel", clock)
    with caplog.at_level(logging.WARNING):
        run = read(world, clock, catalog_without=NAME)
    assert "callhistory_windows is not selected" in caplog.text
    assert run.windows() == []
    assert len(run.table()) == 30
    assert not run.states()[-1]["bookmarks"].get(NAME)


def test_a_scope_is_told_apart_by_what_chooses_calls_alone() -> None:
    plain = scope_of({}, None, None)
    assert scope_of({}, None, {"src": "md5(src)"}) == plain
    others = [
        scope_of({"company_id": 7}, None, None),
        scope_of({}, "Asia/Tehran", None),
        scope_of({}, None, {"__filter__": "id > 3"}),
    ]
    assert len({plain, *others}) == 4


def call_at(moment: str, number: int, created: str = "") -> ReadCall:
    line = {"type": "RECORD", "record": {"id": number, "created_at": created or moment}}
    return ReadCall(number, moment, json.dumps(line).encode() + b"\n", number)


def test_a_window_holds_its_first_moment_and_not_its_end() -> None:
    start, end = fixed_width(NOON), fixed_width(NOON + HOUR)
    before, within = fixed_width(NOON - MICROSECOND), fixed_width(NOON + HOUR - MICROSECOND)
    calls = [call_at(at, number) for number, at in enumerate((before, start, within, end))]
    row = Entries({}).row(ReadWindow(Window(NOON, NOON + HOUR), calls), "new")
    assert (row["calls"], row["calls_written"], row["calls_elsewhere"]) == (2, 2, 2)
    assert row["calls_born"] is None


def test_born_are_the_calls_that_were_created_from_the_runs_start_up_to_the_windows_end() -> None:
    """By when they were updated, they may have been created before or, as the clock goes, after."""
    start, end = fixed_width(NOON), fixed_width(NOON + HOUR)
    long_ago, later = fixed_width(NOON - DAY), fixed_width(NOON + DAY)
    stamps = (long_ago, start, end, later)
    calls = [call_at(start, number, created) for number, created in enumerate(stamps)]
    read_window = ReadWindow(Window(NOON, NOON + HOUR), calls)
    entries = Entries({}, born_since=start)
    assert entries.row(read_window, "new")["calls_born"] == 1
    assert entries.row(read_window, "revisit")["calls_born"] is None
