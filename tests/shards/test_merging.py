"""Merging against a model: when each call was read, and what a state claims of that."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.reading.windows import Window
from tap_callhistory.shards.checking import examine
from tap_callhistory.shards.merging import merge
from tap_callhistory.shards.plan import PlanError, Shard
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

HOUR = timedelta(hours=1)
AGES = (24, 168)


def merged(shards: list[Shard], states: dict[str, Any], onto: object = None) -> dict[str, Any]:
    bookmarks: dict[str, Any] = merge(examine(shards, states), onto)["bookmarks"]
    return bookmarks


def test_the_shards_of_a_history_become_one_bookmark() -> None:
    states = whole(months(), entered=T, calls_per_day=7)
    states[months()[1].id] = state(
        FIRSTS[2], entered=FIRSTS[2], revisits={"24.0": FIRSTS[2], "168": FIRSTS[2] - 2 * DAY}
    )
    assert merged(months(), states) == {
        UTEL: {
            "replication_key": "date_time",
            "replication_key_value": fixed_width(T),
            "revisits": {"24": fixed_width(T), "168": fixed_width(FIRSTS[2] - 2 * DAY)},
            "calls_per_day": 7,
        },
        "callhistory_windows": {"entered_until": {UTEL: fixed_width(T)}},
    }


def test_a_ledger_that_one_shard_did_not_keep_has_no_mark() -> None:
    states = whole(months(), entered=T)
    states[months()[0].id] = state(FIRSTS[1])
    assert merged(months(), states)["callhistory_windows"] == {"entered_until": {}}


def test_what_check_refuses_is_not_merged() -> None:
    states = whole(months())
    del states[months()[2].id]
    with pytest.raises(PlanError) as refused:
        merged(months(), states)
    assert len(refused.value.lines) == 2


def test_a_state_is_of_one_account() -> None:
    shards = [*months(), *months(account="beta")]
    with pytest.raises(PlanError, match="2 accounts"):
        merged(shards, whole(shards))


def test_a_newer_state_stays_and_other_streams_stay_with_it() -> None:
    newer = state(T + 60 * DAY, revisits={"24": T + 59 * DAY, "168": T + 53 * DAY}, entered=T + DAY)
    newer["bookmarks"][TWIN] = {"replication_key": "created_at", "anything": 1}
    before = deepcopy(newer)
    assert merged(months(), whole(months()), newer) == before["bookmarks"]
    assert newer == before


def test_an_older_state_moves_forward() -> None:
    older = state(S + 3 * DAY, revisits={"24": S + DAY, "168": S - DAY})
    assert merged(months(), whole(months()), older)[UTEL] == {
        "replication_key": "date_time",
        "replication_key_value": fixed_width(T),
        # Nobody has read the day before S at 168 hours or later.
        "revisits": {"24": fixed_width(T), "168": fixed_width(S - DAY)},
    }


def test_windows_that_a_newer_state_could_not_read_whole_stay_named() -> None:
    newer = state(T + DAY, incomplete_windows=["2025-05-01"])
    assert merged(months(), whole(months()), newer)[UTEL]["incomplete_windows"] == ["2025-05-01"]


@pytest.mark.parametrize(
    ("onto", "words"),
    [
        (state(S - DAY), r"neither the state given with --onto nor a shard has read \[2024-12-31"),
        (state(T, key="updated_at"), "is read by updated_at, and the shards by date_time"),
        (state(T, epoch=1), "The file given with --onto: its state has epoch"),
        ({"bookmarks": 1}, "The file given with --onto: its state is not a Singer state"),
    ],
)
def test_a_state_that_does_not_adjoin_is_refused(onto: object, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        merged(months(), whole(months()), onto)


def test_history_read_too_young_is_not_hidden_behind_a_newer_mark() -> None:
    states = whole(months())
    states[months()[3].id] = state(T, revisits={"24": T, "168": T - 2 * DAY})
    newer = state(T + 60 * DAY, revisits={"24": T + 59 * DAY, "168": T + 53 * DAY})
    with pytest.raises(PlanError, match="before it was 168 hours old"):
        merged(months(), states, newer)


def test_ages_that_no_shard_speaks_of_stay() -> None:
    states = {each.id: state(each.window.end) for each in months()}
    newer = state(T + 60 * DAY, revisits={"24": T + 59 * DAY})
    assert merged(months(), states, newer)[UTEL]["revisits"] == {"24": fixed_width(T + 59 * DAY)}


# The model. A run reads its shard from its bookmark on, at an instant; a call is read whenever a
# run's window holds it. What a state may claim follows from that alone.


@dataclass
class Model:
    """Shards, their states, and what was read when."""

    shards: list[Shard]
    states: dict[str, Any]
    reads: list[tuple[Window, datetime]]

    def read_at(self, call: datetime) -> list[datetime]:
        return [at for window, at in self.reads if window.start <= call < window.end]


@st.composite
def models(draw: st.DrawFn, *, whole_ones: bool = False) -> Model:
    cuts = sorted(draw(st.sets(st.integers(0, 30 * 24), min_size=2, max_size=6)))
    edges = [S + cut * HOUR for cut in cuts]
    model = Model([], {}, [])
    for start, end in pairwise(edges):
        # Shards may overlap.
        stop = min(end + draw(st.sampled_from([0, 0, 30])) * HOUR, edges[-1])
        one = shard(start, stop)
        model.shards.append(one)
        reached, began = start, stop + draw(st.integers(0, 400)) * HOUR
        marks = dict.fromkeys(AGES, start)
        for last in [*draw(st.lists(st.just(False), max_size=1)), True]:  # noqa: FBT003
            part = 1.0 if last and whole_ones else draw(st.sampled_from([0.0, 0.5, 1.0, 1.0]))
            until = max(reached, start + round((stop - start) / HOUR * part) * HOUR)
            model.reads.append((Window(reached, until), began))
            for age in AGES:
                # A claim may be smaller than what is so, never larger.
                modest = draw(st.sampled_from([0, 0, 5])) * HOUR
                claim = min(until, began - age * HOUR - modest)
                marks[age] = max(marks[age], claim) if marks[age] == reached else marks[age]
            reached, began = until, began + draw(st.integers(0, 300)) * HOUR
        if reached > start or whole_ones:
            entered = [None, reached] if whole_ones else [None, reached, reached, reached - HOUR]
            revisits = {str(age): mark for age, mark in marks.items()}
            model.states[one.id] = state(
                reached, revisits=revisits, entered=draw(st.sampled_from(entered))
            )
    return model


def every_hour(start: datetime, end: datetime) -> list[datetime]:
    return [start + place * HOUR for place in range(int((end - start) / HOUR))]


@given(models())
def test_check_lets_no_instant_unread_pass(model: Model) -> None:
    (examined,) = examine(model.shards, model.states)
    calls = every_hour(examined.stretch.start, examined.stretch.end)
    unread = [call for call in calls if not model.read_at(call)]
    named = "\n".join(examined.faults)
    assert not unread or "not read: [" in named
    assert len(named.splitlines()) == len(examined.faults)


@given(models(whole_ones=True))
def test_check_passes_what_was_read_whole(model: Model) -> None:
    (examined,) = examine(model.shards, model.states)
    assert examined.faults == []


@given(st.one_of(models(), models(whole_ones=True)))
def test_a_merged_state_claims_nothing_that_is_not_so(model: Model) -> None:
    (examined,) = examine(model.shards, model.states)
    if examined.faults:
        with pytest.raises(PlanError):
            merge([examined])
        return
    bookmark = merge([examined])["bookmarks"][UTEL]
    assert bookmark["replication_key_value"] == fixed_width(examined.stretch.end)
    for age in AGES:
        mark = parse_instant(bookmark["revisits"][str(age)])
        assert examined.stretch.start <= mark <= examined.stretch.end
        for call in every_hour(examined.stretch.start, mark):
            assert any(at >= call + age * HOUR for at in model.read_at(call))


days = st.integers(-10, 60)


@given(models(whole_ones=True), days, st.tuples(days, days), st.one_of(st.none(), days))
def test_nothing_is_merged_backwards(
    model: Model, days: int, marks: tuple[int, int], entered: int | None
) -> None:
    (examined,) = examine(model.shards, model.states)
    bookmark = S + days * DAY
    before = {
        str(age): min(bookmark, S + place * DAY) for age, place in zip(AGES, marks, strict=True)
    }
    ledger = None if entered is None else min(bookmark, S + entered * DAY)
    try:
        found = merge([examined], state(bookmark, revisits=before, entered=ledger))["bookmarks"]
    except PlanError as refused:
        too_young = any("hours old" in line for line in refused.lines)
        assert too_young or bookmark < examined.stretch.start
        return
    value = parse_instant(found[UTEL]["replication_key_value"])
    assert value == max(bookmark, examined.stretch.end)
    for hours, mark_before in before.items():
        mark = parse_instant(found[UTEL]["revisits"][hours])
        assert mark >= mark_before
        # What a mark newly claims was read at its age, by the shards.
        for call in every_hour(mark_before, mark):
            assert any(at >= call + int(hours) * HOUR for at in model.read_at(call))
    marks_after = found.get("callhistory_windows", {}).get("entered_until", {})
    assert (UTEL in marks_after) == (ledger is not None)
    assert ledger is None or parse_instant(marks_after[UTEL]) >= ledger


@given(models(whole_ones=True), st.randoms())
def test_the_order_of_the_plan_does_not_matter(model: Model, shuffled: Any) -> None:
    examined = examine(model.shards, model.states)
    assume(not examined[0].faults)
    others = list(model.shards)
    shuffled.shuffle(others)
    assert merge(examine(others, model.states)) == merge(examined)
