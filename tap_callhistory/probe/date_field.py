"""Candidates for the parameter that chooses the filtered date, told apart by their effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tap_callhistory.probe.date_filter import FEW
from tap_callhistory.probe.findings import Finding, cannot_tell, judged
from tap_callhistory.probe.seen import CREATED, UPDATED, SeenCall
from tap_callhistory.reading.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_callhistory.probe.gathering import Gathered

#: The two dates of a call must lie so far apart for an effect to show.
APART: Final = timedelta(minutes=5)
REACH: Final = timedelta(minutes=1)
MOST_CALLS_TRIED: Final = 3
_NAME: Final = "date field parameter"


@dataclass(frozen=True, slots=True)
class _Trap:
    """A window that a call falls into by one date and not by another.

    Attributes:
        call: The call.
        window: Around its one date.
        value: The vendor's name of that date.
    """

    call: SeenCall
    window: Window
    value: str


def date_field_parameter(gathered: Gathered) -> Iterator[Finding]:
    """Try the setting, or each candidate once."""
    endpoint = gathered.endpoint
    if "date_field_parameter" not in endpoint.settings["properties"]:
        return
    given = endpoint.given.get("date_field_parameter")
    assumed = f"it is {given}" if given else "unknown, so calls are read by their creation"
    trap = _set_trap(gathered)
    if trap is None:
        needed = "a finished call whose two dates lie well apart, and a known date filter"
        yield cannot_tell(_NAME, assumed, "no call could show an effect", needed)
        return
    candidates = dict.fromkeys([*([given] if given else []), *endpoint.date_field_candidates])
    found = _first_with_effect(gathered, trap, list(candidates))
    if found is None:
        seen = f"none of {', '.join(candidates)} has an effect"
        yield cannot_tell(_NAME, assumed, seen, "the vendor's word")
        return
    yield judged(
        _NAME,
        assumed,
        f"{found}={trap.value} changes which calls come, as it should",
        reading=found,
        agrees=found == given,
        advice="With it, calls are read by their last change, and late results come by themselves.",
        settings={gathered.setting("date_field_parameter"): found},
    )


def _set_trap(gathered: Gathered) -> _Trap | None:
    """Find a window that brings no call now, and would bring one by the other date."""
    roles = gathered.filter.roles if gathered.filter and gathered.filter.settled else set()
    if len(roles) != 1 or not gathered.is_told("filtered timestamp"):
        return None
    usual = next(iter(roles))
    other = CREATED if usual == UPDATED else UPDATED
    apart = [call for call in gathered.sample if _lie_apart(call, usual, other)]
    for call in apart[:MOST_CALLS_TRIED]:
        moment = call.stamps[other]
        window = Window(moment - REACH, moment + REACH)
        asked = gathered.account.ask(window)
        if asked.records < FEW and call.key not in asked.keys:
            return _Trap(call, window, gathered.endpoint.stamps[other])
    return None


def _lie_apart(call: SeenCall, usual: str, other: str) -> bool:
    if call.unfinished or not {usual, other} <= set(call.stamps):
        return False
    return abs(call.stamps[other] - call.stamps[usual]) > APART


def _first_with_effect(gathered: Gathered, trap: _Trap, candidates: list[str]) -> str | None:
    for candidate in candidates:
        asked = gathered.account.ask(trap.window, extra={candidate: trap.value})
        if asked.refusal is None and trap.call.key in asked.keys:
            return candidate
    return None
