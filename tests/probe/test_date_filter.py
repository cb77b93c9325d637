"""The date filter's meaning is found by elimination, and nothing is claimed beyond it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tap_callhistory.probe.date_filter import BOUNDS, DateFilter, Meaning
from tap_callhistory.probe.seen import SeenCall

if TYPE_CHECKING:
    from tap_callhistory.reading.windows import Window

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(milliseconds=1)
SIZES = {
    "millisecond": STEP,
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
}


def calls(starts: list[int], lasting: int = 1) -> list[SeenCall]:
    """Calls that begin at the given milliseconds, each with an end some minutes later."""
    made = []
    for place, start in enumerate(sorted(starts)):
        began = START + start * STEP
        ended = began + timedelta(seconds=lasting * (60 + 37 * place), milliseconds=11 * place)
        stamps = {"created": began, "finished": ended}
        made.append(SeenCall(str(place), stamps, {"id": place}, unfinished=False))
    return made


def wall(instant: datetime) -> datetime:
    return instant.replace(tzinfo=None)


def cut(instant: datetime, size: timedelta) -> datetime:
    return instant - (instant - START) % size


def answer(all_calls: list[SeenCall], meaning: Meaning, window: Window) -> list[str]:
    """What a vendor with this meaning brings: written apart from the code under test."""
    size = SIZES[meaning.resolution]
    start, end = cut(window.start, size), cut(window.end, size)
    found = []
    for call in all_calls:
        stamp = call.stamps[meaning.role]
        after = stamp >= start if meaning.bounds[0] == "[" else stamp > start
        before = stamp <= end if meaning.bounds[1] == "]" else stamp < end
        if after and before:
            found.append(call.key)
    return found


def studied(all_calls: list[SeenCall], meaning: Meaning) -> DateFilter:
    about = DateFilter(all_calls, wall, STEP)
    while (choice := about.next_window()) is not None:
        keys = answer(all_calls, meaning, choice[1])
        about.learn(*choice, keys, len(keys))
    return about


meanings = st.sampled_from([
    Meaning(*each) for each in product(("created", "finished"), BOUNDS, SIZES)
])
some_starts = st.lists(st.integers(0, 5 * 86_400_000), min_size=1, max_size=60, unique=True)


@settings(max_examples=60)
@given(meaning=meanings, starts=some_starts)
def test_the_meaning_is_never_ruled_out(meaning: Meaning, starts: list[int]) -> None:
    assert meaning in studied(calls(starts), meaning).left


def test_enough_calls_name_every_meaning() -> None:
    # Among them calls on whole seconds and whole minutes, where alone the bounds show.
    starts = [place * 7_260_000 + (place % 5) * 17_123 for place in range(50)]
    made = calls(starts)
    for meaning in [Meaning(*each) for each in product(("created",), BOUNDS, SIZES)]:
        about = studied(made, meaning)
        assert about.settled
        assert about.left == [meaning]
        assert about.answers <= 15


def test_a_timestamp_that_is_not_shown_is_not_mistaken_for_one_that_is() -> None:
    made = calls([place * 7_000_123 for place in range(40)])
    lag = timedelta(seconds=0.4)
    hidden = [replace(call, stamps={"hidden": call.stamps["created"] + lag}) for call in made]
    about = DateFilter(made, wall, STEP)
    while (choice := about.next_window()) is not None:
        keys = answer(hidden, Meaning("hidden", "[]", "millisecond"), choice[1])
        about.learn(*choice, keys, len(keys))
    assert not about.settled
