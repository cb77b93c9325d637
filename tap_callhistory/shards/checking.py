"""Whether shards have read a whole history: every fault, one line each. Pure.

A shard proves ``[start, min(bookmark, end))`` by the state that came out of its loader; what the
ledger does not hold yet counts as not read, as the tap itself would read it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.reading.windows import Window
from tap_callhistory.shards.coverage import gaps
from tap_callhistory.shards.plan import by_source
from tap_callhistory.shards.states import (
    BadState,
    bookmarks_in,
    incomplete_in,
    keys_of,
    proof_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from tap_callhistory.shards.plan import Shard, Source
    from tap_callhistory.shards.states import Proof


@dataclass(slots=True)
class Examined:
    """What is proved of one source's history.

    Attributes:
        source: The account and the stream.
        stretch: What is to be proved, ``[S, T)``.
        proofs: The shards that prove something, in order of time, each with its proof.
        faults: A line for everything that is wrong.
    """

    source: Source
    stretch: Window
    proofs: list[tuple[Shard, Proof]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def examine(
    shards: Iterable[Shard],
    states: Mapping[str, object],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Examined]:
    """Hold the states of shards against their plan.

    Args:
        shards: The plan.
        states: By shard id: the state, None where there is none, or the `BadState` found in its
            place.
        start: From where on history is to be proved; the first start of the plan by default.
        end: To where; the last end of the plan by default.
    """
    shards = list(shards)
    start = start or min(shard.window.start for shard in shards)
    end = end or max(shard.window.end for shard in shards)
    examined = []
    for source, members in by_source(shards).items():
        found = Examined(source, Window(start, end))
        for shard in members:
            _look_at(shard, states.get(shard.id), found)
        _require_one_key(found)
        proved = [
            Window(shard.window.start, min(proof.proved_until, shard.window.end))
            for shard, proof in found.proofs
        ]
        found.faults += [f"{source}: not read: {gap}" for gap in gaps(found.stretch, proved)]
        examined.append(found)
    return examined


def _look_at(shard: Shard, state: object, found: Examined) -> None:
    """Note what a shard's state proves, and every fault of it."""
    try:
        if isinstance(state, BadState):
            raise state
        bookmarks = {} if state is None else bookmarks_in(state)
        proof = proof_in(bookmarks, shard.stream)
    except BadState as fault:
        found.faults.append(f"{shard.id}: {fault}. It proves nothing")
        return
    foreign = sorted(set(bookmarks) - {shard.stream, LEDGER})
    if foreign:
        found.faults.append(
            f"{shard.id}: foreign scope: its state is of {', '.join(foreign)}"
            f"{' as well' if proof else ''}, not of {shard.stream} alone. It proves nothing"
        )
        return
    if proof is None:
        reason = "no state came out of its loader" if state is None else "its state has no bookmark"
        found.faults.append(f"{shard.id}: never read: {reason}")
        return
    if proof.read_by not in keys_of(shard.stream):
        found.faults.append(
            f"{shard.id}: wrong key: it is read by {proof.read_by}, and {shard.stream} is read by "
            f"{' or '.join(keys_of(shard.stream))}. It proves nothing"
        )
        return
    if proof.bookmark > shard.window.end:
        found.faults.append(
            f"{shard.id}: foreign scope: its bookmark lies beyond the shard's end, so the state is "
            "of another run. It proves nothing"
        )
        return
    found.faults += _unfinished(shard, proof, bookmarks[shard.stream])
    found.proofs.append((shard, proof))


def _unfinished(shard: Shard, proof: Proof, bookmark: Mapping[str, object]) -> Iterable[str]:
    rest = Window(proof.bookmark, shard.window.end)
    if rest:
        yield f"{shard.id}: half read: {max(rest, Window(shard.window.start, rest.end))} is missing"
    elif proof.proved_until < shard.window.end:
        rest = Window(max(proof.proved_until, shard.window.start), shard.window.end)
        yield f"{shard.id}: half entered: the ledger lacks the windows of {rest}"
    for name in incomplete_in(bookmark):
        yield (
            f"{shard.id}: incomplete: its state names windows that could not be read whole "
            f"({name}). Run it again, or see on_incomplete_window"
        )


def _require_one_key(found: Examined) -> None:
    """Refuse shards of one source that are read by different keys: no instant divides those."""
    by_key: dict[str, list[str]] = {}
    for shard, proof in found.proofs:
        by_key.setdefault(proof.read_by, []).append(shard.id)
    if len(by_key) > 1:
        usual = max(by_key, key=lambda key: len(by_key[key]))
        found.faults += [
            f"{name}: wrong key: it is read by {key}, and most others by {usual}"
            for key, names in by_key.items()
            if key != usual
            for name in names
        ]
        found.proofs = [(s, p) for s, p in found.proofs if p.read_by == usual]
