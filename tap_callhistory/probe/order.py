"""In which order calls come."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from tap_callhistory.probe.findings import Finding, cannot_tell, judged
from tap_callhistory.probe.seen import CREATED, STARTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tap_callhistory.probe.gathering import Gathered

#: Calls that came one after another, so that their order is no accident.
ENOUGH_CALLS: Final = 10
_ROLES: Final = (CREATED, STARTED)
_WORDS: Final = {"newest": "newest first", "oldest": "oldest first"}


class Sorting(NamedTuple):
    """An order that calls come in.

    Attributes:
        runs: "newest" or "oldest" first.
        role: The role of the timestamp that it is about.
    """

    runs: str
    role: str


def order(gathered: Gathered) -> Iterator[Finding]:
    """Tell the order of calls within pages."""
    found = sorting(gathered)
    asked_for = _asked_for(gathered)
    assumed = f"as asked: sort={asked_for}" if asked_for else "any; nothing rests on it"
    if found is None:
        seen, needed = "no page had enough calls in one order", f"{ENOUGH_CALLS} calls"
        yield cannot_tell("order", assumed, seen, needed)
        return
    runs, role = found
    seen = f"{_WORDS[runs]}, by {gathered.endpoint.stamps[role]}"
    agrees = not asked_for or runs == ("newest" if asked_for.startswith("-") else "oldest")
    yield judged("order", assumed, seen, reading=runs, agrees=agrees, advice="Please report it.")


def sorting(gathered: Gathered) -> Sorting | None:
    """Say in which order calls come; None where that cannot be said."""
    longest = max(gathered.account.log, key=lambda asked: asked.records)
    for role in _ROLES:
        dates = [call.stamps[role] for call in longest.calls if role in call.stamps]
        if len(set(dates)) < ENOUGH_CALLS:
            continue
        if _ascends(dates):
            return Sorting("oldest", role)
        if _ascends(dates[::-1]):
            return Sorting("newest", role)
    return None


def _ascends(instants: list[datetime]) -> bool:
    return all(one <= other for one, other in pairwise(instants))


def _asked_for(gathered: Gathered) -> str:
    position = gathered.opening.position
    params = dict(gathered.endpoint.page_request(gathered.opening.window, position).params)
    return str(params.get("sort", ""))
