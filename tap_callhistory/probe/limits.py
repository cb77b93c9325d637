"""How much a vendor gives at once: the longest window, the largest page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from tap_callhistory.errors import VendorUnavailable
from tap_callhistory.probe.findings import (
    Finding,
    Outcome,
    Sureness,
    as_assumed,
    cannot_tell,
    judged,
)
from tap_callhistory.reading.planner import LONGEST
from tap_callhistory.reading.windows import Window, floor
from tap_callhistory.words import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tap_callhistory.probe.account import Asked
    from tap_callhistory.probe.gathering import Gathered

#: An hour less, so that a change of the clock does not make them longer.
HOUR: Final = timedelta(hours=1)
USUAL_SPANS_DAYS: Final = (1, 3, 7, 14, 30, 31, 60, 90, 93)
USUAL_PAGES: Final = (10, 20, 25, 50, 100, 200, 250, 300, 500, 1000)
#: A stretch of history in which no calls are expected.
SILENT_YEARS: Final = timedelta(days=4 * 365)
WIDE_DAYS: Final = 30


def longest_window(gathered: Gathered) -> Iterator[Finding]:
    """Find the longest window that is accepted."""
    name = "longest window"
    assumed = f"windows of up to {LONGEST.days} days are accepted"
    asked = gathered.account.ask(_long(gathered, LONGEST), may_fail=True)
    if asked.refusal is None:
        gathered.longest = LONGEST - HOUR
        yield as_assumed(name, assumed, f"{LONGEST.days} days were accepted", LONGEST.days)
        return
    if isinstance(asked.refusal, VendorUnavailable):
        _shorten(gathered)
        seen = f"the vendor failed under a window of {LONGEST.days} days"
        needed = "nothing: the tap asks for less where that happens"
        yield cannot_tell(name, assumed, seen, needed)
        return
    if gathered.given_since is not None:
        yield _within_what_is_given(gathered, gathered.given_since, name, assumed)
        return
    empty = gathered.account.ask(silent(gathered, LONGEST))
    if empty.refusal is None:
        _shorten(gathered)
        yield Finding(
            assumption=name,
            assumed=assumed,
            seen=f"{LONGEST.days} days are accepted where there are few calls, and refused now",
            outcome=Outcome.AS_ASSUMED,
            sureness=Sureness.LIKELY,
            reading="refused when too many calls",
        )
        return
    control = gathered.account.ask(silent(gathered, min(gathered.longest, timedelta(days=1))))
    if control.refusal is not None:
        seen = f"{LONGEST.days} days were refused, and so is history of some years ago"
        yield cannot_tell(name, assumed, seen, "the vendor's word")
        return
    yield _bisected(gathered, name, assumed)


def _within_what_is_given(gathered: Gathered, since: datetime, name: str, assumed: str) -> Finding:
    """Narrow down the longest window in the history that the vendor gives."""
    kept = gathered.now - since
    if kept < LONGEST and gathered.account.ask(_long(gathered, kept)).refusal is None:
        gathered.longest = kept - HOUR
        seen = f"{in_words(gathered.longest)}, the whole history that is given, were accepted"
        return cannot_tell(name, assumed, seen, "a vendor that keeps a longer history")
    found = _bisected(gathered, name, assumed, min(kept, LONGEST), _long)
    if not gathered.calls:
        return found
    # No stretch without calls is given in which only the length would count.
    seen = f"{found.seen}: for their length, or for the calls in them"
    return cannot_tell(name, assumed, seen, "the vendor's word")


def _bisected(
    gathered: Gathered,
    name: str,
    assumed: str,
    refused: timedelta = LONGEST,
    window: Callable[[Gathered, timedelta], Window] | None = None,
) -> Finding:
    """Narrow down the longest window, in a stretch without calls if there is one."""
    accepted, window = gathered.longest, window or silent
    spans = [timedelta(days=days) for days in USUAL_SPANS_DAYS]
    while between := [span for span in spans if accepted < span - HOUR and span < refused]:
        middle = between[len(between) // 2]
        if gathered.account.ask(window(gathered, middle)).refusal is None:
            accepted = middle - HOUR
        else:
            refused = middle
    gathered.longest = accepted
    seen = f"{in_words(accepted)} are accepted, {in_words(refused)} are refused"
    hours = [accepted / HOUR, refused / HOUR]
    advice = "Nothing: the tap finds out by itself and asks for shorter windows."
    return judged(name, assumed, seen, reading=hours, agrees=False, advice=advice)


def _shorten(gathered: Gathered) -> None:
    """Find a window of the last days that the vendor does not refuse."""
    for days in (WIDE_DAYS, 14, 7, 3):
        span = timedelta(days=days)
        if span <= gathered.longest:
            return
        if gathered.account.ask(_long(gathered, span), may_fail=True).refusal is None:
            gathered.longest = span - HOUR
            return


def _long(gathered: Gathered, span: timedelta) -> Window:
    end = floor(gathered.latest or gathered.now, timedelta(minutes=1))
    return Window(end - span + HOUR, end)


def silent(gathered: Gathered, span: timedelta) -> Window:
    """A window of some years ago, in which no calls are expected."""
    end = floor(gathered.now - SILENT_YEARS, timedelta(minutes=1))
    return Window(end - span + min(HOUR, span / 2), end)


class _Trial(NamedTuple):
    """What came when a page size was asked for.

    Attributes:
        asked: The answer.
        largest: The size that the page was cut to; None where it was not, or nobody can tell.
        proved: Whether a page of the size that was asked for was given.
    """

    asked: Asked
    largest: int | None = None
    proved: bool = False

    @property
    def refused(self) -> bool:
        return self.asked.refusal is not None


def page_size(gathered: Gathered) -> Iterator[Finding]:
    """Find the largest page, and what happens to a request for a larger one."""
    most = gathered.endpoint.settings["properties"]["page_size"]["maximum"]
    name, assumed = "page size", f"up to {most} calls come per page"
    wide = gathered.recent(WIDE_DAYS)
    at_most = _try(gathered, wide, most)
    if at_most.refused:
        if gathered.account.ask(wide).refusal is not None:
            seen = f"a window of {in_words(wide.length)} is refused with any page size"
            yield cannot_tell(name, assumed, seen, "a quieter account")
            return
        yield _smaller(gathered, wide, name, assumed, refused=most)
    elif at_most.largest is not None:
        yield _cut(gathered, name, assumed, at_most.largest, most)
    elif not at_most.proved:
        yield _unproved(gathered, wide, name, assumed, at_most)
    else:
        yield _larger(gathered, wide, name, assumed)


def _larger(gathered: Gathered, wide: Window, name: str, assumed: str) -> Finding:
    """Ask for more than the tap would."""
    most = gathered.endpoint.settings["properties"]["page_size"]["maximum"]
    trial = _try(gathered, wide, 2 * most)
    if trial.refused:
        beyond = "refused"
    elif trial.largest is not None:
        beyond = "cut"
    elif trial.proved or trial.asked.records > most:
        beyond = "accepted"
    else:
        beyond = "unknown"
    words = {
        "refused": "a larger page is refused",
        "cut": f"a larger page is silently cut to {trial.largest}",
        "accepted": "a larger page is given too",
        "unknown": "whether a larger one would be cannot be told with so few calls",
    }
    reading = {"largest": trial.largest or most, "beyond": beyond}
    seen = f"a page of {most} was given; {words[beyond]}"
    return judged(name, assumed, seen, reading=reading, agrees=True)


def _smaller(gathered: Gathered, wide: Window, name: str, assumed: str, refused: int) -> Finding:
    """Narrow down the largest page between one that was accepted and one that was refused."""
    accepted = gathered.account.page_size
    refused = min([refused, *gathered.refused_sizes])
    while between := [size for size in USUAL_PAGES if accepted < size < refused]:
        middle = between[len(between) // 2]
        trial = _try(gathered, wide, middle)
        if trial.largest is not None:
            return _cut(gathered, name, assumed, trial.largest, middle)
        accepted, refused = (accepted, middle) if trial.refused else (middle, refused)
    gathered.account.page_size = accepted
    return judged(
        name,
        assumed,
        f"a page of {accepted} was accepted, one of {refused} refused",
        reading={"largest": [accepted, refused - 1], "beyond": "refused"},
        agrees=False,
        advice="Ask for pages that are given.",
        settings={gathered.setting("page_size"): accepted},
    )


def _cut(gathered: Gathered, name: str, assumed: str, largest: int, size: int) -> Finding:
    gathered.account.page_size = largest
    return judged(
        name,
        assumed,
        f"a page of {size} was asked for, and silently cut to {largest}",
        reading={"largest": largest, "beyond": "cut"},
        agrees=False,
        advice="The tap copes; a page size that is given saves requests.",
        settings={gathered.setting("page_size"): largest},
    )


def _unproved(
    gathered: Gathered, wide: Window, name: str, assumed: str, at_most: _Trial
) -> Finding:
    """Where there are too few calls to fill a page: a refusal of a larger one still tells."""
    most = at_most.asked.page_size
    refused = _try(gathered, wide, 2 * most).refused
    more = f"; {2 * most} were refused" if refused else ""
    seen = f"a page of {most} was accepted, {at_most.asked.records} calls came{more}"
    needed = f"a window of {in_words(wide.length)} with more than {most} calls"
    return cannot_tell(name, assumed, seen, needed)


def _try(gathered: Gathered, wide: Window, size: int) -> _Trial:
    """Ask for a page of some size, and look whether it was cut."""
    asked = gathered.account.ask(wide, page_size=size)
    if asked.refusal is not None or asked.records >= size:
        return _Trial(asked, proved=asked.refusal is None)
    if asked.size is not None and asked.size < size:
        return _Trial(asked, largest=asked.size)
    if asked.records and _goes_on(gathered, wide, asked):
        return _Trial(asked, largest=asked.records)
    return _Trial(asked)


def _goes_on(gathered: Gathered, wide: Window, asked: Asked) -> bool:
    """Whether calls follow a page that was not full."""
    if asked.records % USUAL_PAGES[0] and asked.records not in USUAL_PAGES:
        return False
    account, size = gathered.account, asked.records
    if asked.next:
        following = account.ask(wide, page_size=size, cursor=asked.next)
    else:
        following = account.ask(wide, page_size=size, page=1)
    return bool(following.records and set(following.keys) - set(asked.keys))
