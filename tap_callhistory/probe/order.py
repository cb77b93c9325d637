"""In which order calls come."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tap_callhistory.probe.findings import Finding, cannot_tell, judged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tap_callhistory.probe.gathering import Gathered

#: Calls that came one after another, so that their order is no accident.
ENOUGH_CALLS: Final = 10
_WORDS: Final = {"newest": "newest first", "oldest": "oldest first"}


def order(gathered: Gathered) -> Iterator[Finding]:
    """Tell the order of calls within pages."""
    runs = direction(gathered)
    asked_for = _asked_for(gathered)
    assumed = f"as asked: sort={asked_for}" if asked_for else "any; nothing rests on it"
    if runs is None:
        seen, needed = "no page had enough calls in one order", f"{ENOUGH_CALLS} calls"
        yield cannot_tell("order", assumed, seen, needed)
        return
    seen = f"{_WORDS[runs]}, by {gathered.endpoint.began_field}"
    agrees = not asked_for or runs == ("newest" if asked_for.startswith("-") else "oldest")
    yield judged("order", assumed, seen, reading=runs, agrees=agrees, advice="Please report it.")


def direction(gathered: Gathered) -> str | None:
    """Say whether calls come "newest" or "oldest" first; None where neither can be said."""
    longest = max(gathered.account.log, key=lambda asked: asked.records)
    begun = [call.created for call in longest.calls if call.created]
    if len(set(begun)) < ENOUGH_CALLS:
        return None
    if _ascends(begun):
        return "oldest"
    return "newest" if _ascends(begun[::-1]) else None


def _ascends(instants: list[datetime]) -> bool:
    return all(one <= other for one, other in pairwise(instants))


def _asked_for(gathered: Gathered) -> str:
    position = gathered.opening.position
    params = dict(gathered.endpoint.page_request(gathered.opening.window, position).params)
    return str(params.get("sort", ""))
