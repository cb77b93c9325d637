from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.shards.checking import examine
from tap_callhistory.shards.states import BadState
from tests.support.shards.stretches import (
    DAY,
    FIRSTS,
    TWIN,
    UTEL,
    S,
    T,
    months,
    shard,
    state,
    whole,
)

if TYPE_CHECKING:
    from datetime import datetime

    from tap_callhistory.shards.plan import Shard

JANUARY, FEBRUARY, MARCH, APRIL = months()


def faults(
    shards: list[Shard],
    states: dict[str, Any],
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[str]:
    return [line for each in examine(shards, states, start=start, end=end) for line in each.faults]


def test_shards_that_have_read_all_have_no_fault() -> None:
    assert faults(months(), whole(months())) == []


def test_every_gap_is_named() -> None:
    states = whole([FEBRUARY, APRIL])
    assert faults(months(), states) == [
        "acme-utel_call_history-2025-01-01_2025-02-01: never read: no state came out of its loader",
        "acme-utel_call_history-2025-03-01_2025-04-01: never read: no state came out of its loader",
        "acme utel_call_history: not read: [2025-01-01T00:00:00Z, 2025-02-01T00:00:00Z)",
        "acme utel_call_history: not read: [2025-03-01T00:00:00Z, 2025-04-01T00:00:00Z)",
    ]


def test_a_hole_in_the_plan_is_a_gap() -> None:
    shards = [JANUARY, MARCH]
    assert faults(shards, whole(shards), S - DAY, T) == [
        "acme utel_call_history: not read: [2024-12-31T00:00:00Z, 2025-01-01T00:00:00Z)",
        "acme utel_call_history: not read: [2025-02-01T00:00:00Z, 2025-03-01T00:00:00Z)",
        "acme utel_call_history: not read: [2025-04-01T00:00:00Z, 2025-05-01T00:00:00Z)",
    ]


def test_a_half_read_shard_proves_what_it_has_read() -> None:
    states = {**whole(months()), FEBRUARY.id: state(FIRSTS[1] + 3 * DAY)}
    assert faults(months(), states) == [
        (
            "acme-utel_call_history-2025-02-01_2025-03-01: half read: "
            "[2025-02-04T00:00:00Z, 2025-03-01T00:00:00Z) is missing"
        ),
        "acme utel_call_history: not read: [2025-02-04T00:00:00Z, 2025-03-01T00:00:00Z)",
    ]


def test_a_call_that_held_the_bookmark_before_the_shard_leaves_all_of_it_missing() -> None:
    states = {**whole(months()), FEBRUARY.id: state(FIRSTS[1] - timedelta(seconds=1))}
    assert faults(months(), states)[0].endswith(
        "half read: [2025-02-01T00:00:00Z, 2025-03-01T00:00:00Z) is missing"
    )


def test_what_the_ledger_lacks_is_not_proved() -> None:
    states = {**whole(months(), entered=T), APRIL.id: state(T, entered=FIRSTS[3] + DAY)}
    assert faults(months(), states) == [
        (
            "acme-utel_call_history-2025-04-01_2025-05-01: half entered: the ledger lacks the "
            "windows of [2025-04-02T00:00:00Z, 2025-05-01T00:00:00Z)"
        ),
        "acme utel_call_history: not read: [2025-04-02T00:00:00Z, 2025-05-01T00:00:00Z)",
    ]


def test_a_window_that_could_not_be_read_whole_is_a_fault_by_itself() -> None:
    left_out = [{"start": "2025-01-03T00:00:00Z", "end": "2025-01-03T00:01:00Z"}]
    states = {**whole(months()), JANUARY.id: state(FIRSTS[1], incomplete_windows=left_out)}
    (line,) = faults(months(), states)
    assert line.startswith("acme-utel_call_history-2025-01-01_2025-02-01: incomplete: ")
    assert "on_incomplete_window" in line


def test_what_a_state_holds_besides_is_no_fault() -> None:
    none_left = state(FIRSTS[1], incomplete_windows=[], calls_per_day=12)
    assert faults(months(), {**whole(months()), JANUARY.id: none_left}) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (state(FIRSTS[1], key="created_at"), "wrong key: it is read by created_at"),
        (state(FIRSTS[1], stream=TWIN), f"foreign scope: its state is of {TWIN}, not of {UTEL}"),
        (state(FIRSTS[2]), "foreign scope: its bookmark lies beyond the shard's end"),
        ({"bookmarks": {}}, "never read: its state has no bookmark"),
        ({"bookmarks": {UTEL: {}}}, "never read: its state has no bookmark"),
        ({"bookmarks": []}, "its state is not a Singer state"),
        ([], "its state is not a Singer state"),
        (state(FIRSTS[1], epoch=3), "its state has epoch, which this version does not know"),
        ({"bookmarks": {UTEL: {"replication_key": "date_time"}}}, "its replication_key_value is"),
        (BadState("its state is not JSON"), "its state is not JSON. It proves nothing"),
    ],
)
def test_a_state_that_proves_nothing_is_named_and_leaves_a_gap(wrong: object, words: str) -> None:
    first, second = faults(months(), {**whole(months()), JANUARY.id: wrong})
    assert first.startswith("acme-utel_call_history-2025-01-01_2025-02-01: ")
    assert words in first
    gap = "[2025-01-01T00:00:00Z, 2025-02-01T00:00:00Z)"
    assert second == f"acme utel_call_history: not read: {gap}"


def test_a_state_of_several_streams_is_of_another_run() -> None:
    both = {"bookmarks": {**state(FIRSTS[1])["bookmarks"], **state(S, stream=TWIN)["bookmarks"]}}
    assert "foreign scope" in faults([JANUARY], {JANUARY.id: both})[0]


def test_what_meltano_writes_down_is_a_state_too() -> None:
    states = {each: {"singer_state": given} for each, given in whole(months()).items()}
    assert faults(months(), states) == []


def test_shards_of_one_source_are_read_by_one_key() -> None:
    shards = months(stream=TWIN)
    states = whole(shards, key="updated_at")
    assert faults(shards, states) == []
    states[shards[2].id] = state(FIRSTS[3], key="created_at", stream=TWIN)
    assert faults(shards, states) == [
        (
            "acme-twin_call_sessions-2025-03-01_2025-04-01: wrong key: it is read by created_at, "
            "and most others by updated_at"
        ),
        "acme twin_call_sessions: not read: [2025-03-01T00:00:00Z, 2025-04-01T00:00:00Z)",
    ]


def test_every_source_is_proved_by_itself() -> None:
    shards = [*months(), *months(account="beta")]
    states = whole(shards)
    del states[shards[5].id]
    found = faults(shards, states)
    assert len(found) == 2
    assert all(line.startswith("beta") for line in found)


def test_overlapping_shards_prove_together_what_each_has_read() -> None:
    shards = [shard(S, FIRSTS[2]), shard(FIRSTS[1], T)]
    assert faults(shards, whole(shards)) == []
