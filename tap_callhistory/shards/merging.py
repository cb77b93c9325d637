"""One state from the states of shards: what an ordinary run goes on from. Pure.

    shard 1 |=========|                      the value: where the sweep over all ends
    shard 2           |=======|              an age's mark: the first instant that no shard has
    shard 3                   |=====|        read at that age

Nothing moves back: where a newer state is given, each of its instants stays or moves forward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_callhistory.clocks import fixed_width
from tap_callhistory.output.bookmarks import CALLS_PER_DAY, KEY, REVISITS, VALUE
from tap_callhistory.output.ledger import ENTERED_UNTIL
from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.reading.windows import Window
from tap_callhistory.shards.coverage import covered_until
from tap_callhistory.shards.plan import PlanError
from tap_callhistory.shards.states import (
    BadState,
    Proof,
    bookmarks_in,
    incomplete_in,
    proof_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tap_callhistory.shards.checking import Examined


def merge(examined: Sequence[Examined], onto: object = None) -> dict[str, Any]:
    """The state of all shards together.

    Args:
        examined: The sources, each proved whole.
        onto: A state that the shards' history is put before; None for none.

    Raises:
        PlanError: The shards are not proved whole, are of several accounts, or do not adjoin the
            state given.
    """
    faults = [line for each in examined for line in each.faults]
    accounts = {each.source.account for each in examined}
    if not faults and len(accounts) > 1:
        faults = [
            f"The plan is of {len(accounts)} accounts, and a state is of one: merge each by itself."
        ]
    if faults:
        raise PlanError(faults)
    bookmarks = {name: dict(each) for name, each in _bookmarks(onto).items()}
    for each in examined:
        _put(each, bookmarks)
    return {"bookmarks": bookmarks}


def _bookmarks(onto: object) -> Mapping[str, Any]:
    try:
        return {} if onto is None else bookmarks_in(onto)
    except BadState as fault:
        raise _unusable(fault) from None


def _put(examined: Examined, bookmarks: dict[str, Any]) -> None:
    """Put a source's merged bookmark into a state's bookmarks."""
    stream = examined.source.stream
    try:
        newer = proof_in(bookmarks, stream)
    except BadState as fault:
        raise _unusable(fault) from None
    shards = _merged(examined)
    if newer is not None:
        _require_adjoining(examined, shards, newer)
    result = shards if newer is None else _forward(examined.stretch, shards, newer)
    given = bookmarks.get(stream, {})
    bookmarks[stream] = {
        KEY: result.read_by,
        VALUE: fixed_width(result.bookmark),
        REVISITS: {hours: fixed_width(mark) for hours, mark in _by_age(result.revisits)},
        **({CALLS_PER_DAY: result.calls_per_day} if result.calls_per_day is not None else {}),
        **{name: given[name] for name in incomplete_in(given)},
    }
    ledger = {**result.ledger, **bookmarks.get(LEDGER, {})}
    marks = dict(ledger.get(ENTERED_UNTIL) or {})
    if result.entered_until is None:
        marks.pop(stream, None)
    else:
        marks[stream] = fixed_width(result.entered_until)
    if ledger or marks:
        bookmarks[LEDGER] = {**ledger, ENTERED_UNTIL: marks}


def _merged(examined: Examined) -> Proof:
    """What all shards of a source prove together."""
    start = examined.stretch.start
    proofs = examined.proofs
    latest = max(proofs, key=lambda each: each[0].window.end)[1]
    ages = {hours for _, proof in proofs for hours in proof.revisits}
    entered = [
        None if proof.entered_until is None else Window(shard.window.start, proof.entered_until)
        for shard, proof in proofs
    ]
    return Proof(
        read_by=latest.read_by,
        bookmark=covered_until(start, (Window(s.window.start, p.bookmark) for s, p in proofs)),
        revisits={
            hours: covered_until(
                start,
                (
                    Window(
                        shard.window.start,
                        min(proof.bookmark, proof.revisits.get(hours, shard.window.start)),
                    )
                    for shard, proof in proofs
                ),
            )
            for hours in ages
        },
        # Without the marks of all, the ledger is not kept: a run would read from the mark on.
        entered_until=None if None in entered else covered_until(start, filter(None, entered)),
        calls_per_day=latest.calls_per_day,
        ledger=latest.ledger,
    )


def _require_adjoining(examined: Examined, shards: Proof, newer: Proof) -> None:
    """Refuse a state whose history and the shards' are not one.

    Raises:
        PlanError: The keys differ, or there is a stretch that neither has read.
    """
    source, stretch = examined.source, examined.stretch
    if newer.read_by != shards.read_by:
        raise PlanError(
            f"{source}: the state given with --onto is read by {newer.read_by}, and the shards by "
            f"{shards.read_by}"
        )
    if newer.bookmark < stretch.start:
        gap = Window(newer.bookmark, stretch.start)
        raise PlanError(f"{source}: neither the state given with --onto nor a shard has read {gap}")
    too_young = [
        f"{source}: {Window(mark, stretch.end)} was read before it was {hours} hours old, and the "
        "state given with --onto says that later history was read at that age. Run its shards "
        "again"
        for hours, mark in _by_age(shards.revisits)
        if mark < stretch.end <= newer.revisits.get(hours, stretch.start)
    ]
    if too_young:
        raise PlanError(too_young)


def _forward(stretch: Window, shards: Proof, newer: Proof) -> Proof:
    """A newer state with the shards' history put before it: nothing of it moves back."""
    ahead = newer if newer.bookmark >= shards.bookmark else shards
    return Proof(
        read_by=newer.read_by,
        bookmark=ahead.bookmark,
        revisits={
            hours: _mark(stretch, newer.revisits.get(hours), shards.revisits.get(hours))
            for hours in {*shards.revisits, *newer.revisits}
        },
        entered_until=newer.entered_until
        and _mark(stretch, newer.entered_until, shards.entered_until),
        calls_per_day=ahead.calls_per_day,
        ledger=newer.ledger,
    )


def _mark(stretch: Window, newer: datetime | None, shards: datetime | None) -> datetime:
    """How far both reach without a gap; at least to where the newer state's mark is."""
    marks = [mark for mark in (newer, shards) if mark is not None]
    if newer is not None and newer < stretch.start:
        return newer
    return max(marks)


def _by_age(revisits: Mapping[str, datetime]) -> Iterable[tuple[str, datetime]]:
    return sorted(revisits.items(), key=lambda each: float(each[0]))


def _unusable(fault: BadState) -> PlanError:
    return PlanError(f"The file given with --onto: {fault}.")
