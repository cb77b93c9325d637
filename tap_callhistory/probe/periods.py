"""Which periods a vendor answers for: how near to now, since when, and what where nothing is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tap_callhistory.probe.findings import Finding, as_assumed, cannot_tell, judged
from tap_callhistory.probe.limits import HOUR, silent
from tap_callhistory.reading.windows import Window, floor
from tap_callhistory.words import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tap_callhistory.probe.gathering import Gathered

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
#: How far before now an end is tried, step by step.
STEPS_BACK: Final = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)
#: How many windows may be asked for to find where history begins.
MOST_SEARCHES: Final = 8


def nearest_end(gathered: Gathered) -> Iterator[Finding]:
    """Find how near to now a window may end."""
    name = "nearest end"
    assumed = "a window may end now; nothing that lies ahead is asked for"
    now, end = floor(gathered.now, MINUTE), gathered.opening.window.end
    if end > now or _may_end(gathered, now + HOUR):
        yield as_assumed(name, assumed, "even a window that ends later is accepted", "ahead")
        return
    if end == now or _may_end(gathered, now):
        seen = "a window that ends now is accepted; one that ends an hour ahead is refused"
        yield as_assumed(name, assumed, seen, "now")
        return
    nearer = (now - back for back in STEPS_BACK if now - back > end)
    nearest = next((instant for instant in nearer if _may_end(gathered, instant)), end)
    gathered.latest, behind = nearest, now - nearest
    yield judged(
        name,
        assumed,
        f"a window that ends now is refused; one that ends {in_words(behind)} before is accepted",
        reading=round(behind.total_seconds()),
        agrees=False,
        advice="Nothing: the tap moves the end back, and reads the newest calls with its next run.",
    )


def kept_history(gathered: Gathered) -> Iterator[Finding]:
    """Find since when the vendor gives calls, as far back as the tap would ask."""
    name, assumed = "kept history", "calls are given from start_date on"
    start = gathered.account.run.settings.start_date
    given = gathered.opening.window.start
    if start >= given or _is_given(gathered, start):
        seen = f"nothing is refused from {start:%Y-%m-%d} on, which is start_date"
        yield as_assumed(name, assumed, seen, "start_date")
        return
    refused = start
    for _ in range(MOST_SEARCHES):
        if given - refused <= DAY:
            break
        middle = floor(refused + (given - refused) / 2, MINUTE)
        if _is_given(gathered, middle):
            given = middle
        else:
            refused = middle
    gathered.given_since = given
    ages = [round((gathered.now - each) / DAY, 2) for each in (given, refused)]
    yield judged(
        name,
        assumed,
        f"calls of {given:%Y-%m-%d %H:%M}Z are given, those of {refused:%Y-%m-%d %H:%M}Z refused",
        reading=ages,
        agrees=False,
        advice=f"Move start_date to {given:%Y-%m-%d}, or later, if older calls cannot be had.",
    )


def no_calls(gathered: Gathered) -> Iterator[Finding]:
    """Tell what the vendor answers where there are no calls."""
    name, assumed = "no calls", "an empty page, or another way to say that there is nothing"
    first = gathered.opening.position
    empty = [each for each in gathered.account.log if each.nothing and each.position == first]
    if not empty and gathered.given_since is None:
        asked = gathered.account.ask(silent(gathered, min(HOUR, gathered.longest)))
        empty = [asked] if asked.nothing else []
    if not empty:
        needed = "a period without calls"
        yield cannot_tell(name, assumed, "no period without calls was found", needed)
        return
    yield as_assumed(name, assumed, empty[-1].nothing, empty[-1].nothing)


def _may_end(gathered: Gathered, end: datetime) -> bool:
    length = min(HOUR, gathered.longest)
    return gathered.account.ask(Window(end - length, end)).refusal is None


def _is_given(gathered: Gathered, start: datetime) -> bool:
    length = min(HOUR, gathered.longest)
    return gathered.account.ask(Window(start, start + length)).refusal is None
