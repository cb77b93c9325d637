"""Whether pages fit together, and what comes at their end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tap_callhistory.probe.date_filter import FEW
from tap_callhistory.probe.findings import Finding, Outcome, as_assumed, cannot_tell, judged
from tap_callhistory.reading.cursors import CursorPages
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_callhistory.probe.account import Asked
    from tap_callhistory.probe.gathering import Gathered

FEWEST: Final = 4
MOST_TRIES: Final = 4
FAR_PAGES: Final = 7
OTHER_OPENING: Final = CursorPages.other_opening
_NEEDED: Final = f"{FEWEST} to {FEW - 1} calls close to each other, with a pause around them"


def paging(gathered: Gathered) -> Iterator[Finding]:
    """Read a window of a few calls once whole and once in pages, and look beyond its end."""
    endpoint = gathered.endpoint
    whole = _few_calls(gathered)
    if isinstance(endpoint.new_pass(endpoint.limits, Knowledge()), CursorPages):
        yield from _cursor(gathered, whole)
        return
    name, assumed = "pages", "the pages of a window are its calls, each once"
    ending, empty = "end of pages", "beyond the last page comes none, or an empty one"
    if whole is None:
        seen = "no window of a few calls was found"
        yield cannot_tell(name, assumed, seen, _NEEDED)
        yield cannot_tell(ending, empty, seen, _NEEDED)
        return
    size = -(-whole.records // 2)
    pages = [gathered.account.ask(whole.window, page_size=size, page=page) for page in (0, 1)]
    keys = [key for page in pages for key in page.keys]
    agrees = sorted(keys) == sorted(whole.keys)
    count = f"{len(keys)} of {whole.records} calls, {len(set(keys))} different ones, came"
    yield judged(
        name,
        assumed,
        f"{count} in two pages",
        reading=agrees,
        agrees=agrees,
        advice="The tap reads such windows again and fails rather than lose calls. Report it.",
    )
    beyond = gathered.account.ask(whole.window, page_size=size, page=FAR_PAGES)
    yield _ending(ending, empty, beyond)


def _ending(name: str, assumed: str, beyond: Asked) -> Finding:
    if beyond.refusal is not None:
        return as_assumed(name, assumed, "a page beyond the end is refused", "refused")
    if not beyond.records:
        return as_assumed(name, assumed, "a page beyond the end is empty", "empty")
    return judged(
        name,
        assumed,
        "a page beyond the end brings calls again",
        reading="clamped",
        agrees=False,
        advice="Nothing: the tap stops when nothing new comes.",
    )


def _few_calls(gathered: Gathered) -> Asked | None:
    """An answer with a few calls, neither too many nor too few, of a window of its own."""
    known = [asked for asked in gathered.account.log if _fits(asked)]
    if known:
        return max(known, key=lambda asked: asked.records)
    begun = sorted(call.created for call in gathered.sample if call.created)
    minute = timedelta(minutes=1)
    for place in range(0, min(len(begun) - FEWEST, MOST_TRIES * FEWEST), FEWEST):
        window = Window(begun[place] - minute, begun[place + FEWEST] + minute)
        asked = gathered.account.ask(window)
        if _fits(asked):
            return asked
    return None


def _fits(asked: Asked) -> bool:
    first = not asked.page_number and not asked.position.cursor
    room = asked.records < min(FEW, asked.page_size)
    return asked.refusal is None and first and asked.records >= FEWEST and room


def _cursor(gathered: Gathered, whole: Asked | None) -> Iterator[Finding]:
    """Tell the cursor's dialect, and what it does at its end."""
    name, assumed = "cursor", 'an empty cursor opens it, or "." does; each page names the next'
    ending, last = "end of pages", "the last page names no next one, or an empty one follows"
    if whole is None:
        seen = "no window of a few calls was found"
        yield cannot_tell(name, assumed, seen, _NEEDED)
        yield cannot_tell(ending, last, seen, _NEEDED)
        return
    account, size = gathered.account, -(-whole.records // 2)
    first, dialect = account.ask(whole.window, page_size=size), "plain"
    if not first.next:
        first = account.ask(whole.window, page_size=size, cursor=OTHER_OPENING)
        gathered.opening_cursor, dialect = OTHER_OPENING, "dot"
    if not first.next:
        gathered.opening_cursor = ""
        yield judged(name, assumed, "no cursor is ever named", reading="none", agrees=False)
        yield cannot_tell(ending, last, "there is no cursor", "a cursor")
        return
    second = account.ask(whole.window, page_size=size, cursor=first.next)
    found = _dialect(name, assumed, dialect, [first, second], whole)
    yield found
    if found.outcome is Outcome.AS_ASSUMED:
        yield _cursor_end(gathered, ending, last, second)
    else:
        yield cannot_tell(ending, last, found.seen, "pages that fit together")


def _dialect(name: str, assumed: str, dialect: str, pages: list[Asked], whole: Asked) -> Finding:
    first, second = pages
    keys = [key for page in pages for key in page.keys]
    if second.next == first.next:
        seen = "the cursor comes back to where it was"
        return judged(name, assumed, seen, reading="loop", agrees=False, advice=_LOOP)
    agrees = sorted(keys) == sorted(whole.keys)
    opening = {"plain": "an empty cursor", "dot": 'only "."'}[dialect]
    seen = f"{opening} opens it; {len(set(keys))} of {whole.records} calls came in two pages"
    reading = dialect if agrees else "pages do not fit"
    return judged(name, assumed, seen, reading=reading, agrees=agrees, advice=_LOOP)


_LOOP: Final = "The tap notices, reads such windows again and fails rather than lose calls."


def _cursor_end(gathered: Gathered, name: str, assumed: str, second: Asked) -> Finding:
    if not second.next:
        return as_assumed(name, assumed, "the last page names no next one", "no next")
    window, size = second.window, second.page_size
    beyond = gathered.account.ask(window, page_size=size, cursor=second.next)
    if not beyond.records:
        seen = "the last page names a next one, which is empty"
        return as_assumed(name, assumed, seen, "empty")
    seen = "the page after the last one brings calls again"
    return judged(name, assumed, seen, reading="again", agrees=False, advice=_LOOP)
