"""What the vendor's total counts, and where its results stop."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from tap_callhistory.probe.account import EMPTY_PAGE
from tap_callhistory.probe.date_filter import FEW
from tap_callhistory.probe.findings import Finding, Sureness, as_assumed, cannot_tell, judged
from tap_callhistory.probe.limits import WIDE_DAYS
from tap_callhistory.probe.order import sorting
from tap_callhistory.reading.cursors import CursorPages
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.windows import Window, floor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_callhistory.probe.account import Asked
    from tap_callhistory.probe.gathering import Gathered

#: Answers with different numbers of calls that a total has to be right for.
ENOUGH_ANSWERS: Final = 3
#: The most pages that are walked to find where results stop.
MOST_PAGES: Final = 4
MILLISECOND: Final = timedelta(milliseconds=1)


def total(gathered: Gathered) -> Iterator[Finding]:
    """Compare the totals of all answers so far with what came, and those of a window's halves."""
    name, assumed = "total", "the total counts the window's calls"
    answers = [a for a in gathered.account.log if a.refusal is None]
    pages = [a for a in answers if a.records or a.nothing == EMPTY_PAGE]
    if pages and all(a.total is None for a in answers):
        yield _no_total(pages)
        return
    few = [a for a in answers if a.total is not None and _is_whole(a)]
    pairs = [(a.records, a.total or 0) for a in few]
    if len(pairs) < ENOUGH_ANSWERS or len({rows for rows, _ in pairs}) < ENOUGH_ANSWERS - 1:
        yield cannot_tell(name, assumed, "too few windows with few calls", "more calls")
        return
    if all(rows == counted for rows, counted in pairs):
        yield _compared_with_halves(gathered, len(pairs))
        return
    reading, seen = _other_total(pairs)
    yield judged(
        name,
        assumed,
        seen,
        reading=reading,
        agrees=False,
        advice="The tap would refuse to call a window complete. Please report it.",
    )


def _no_total(answers: list[Asked]) -> Finding:
    bodies = f"{len(answers)} answers have none"
    return as_assumed("total", "a total may be missing", bodies, "none")


def _is_whole(asked: Asked) -> bool:
    """Whether an answer surely holds all calls of its window."""
    first = not asked.position.cursor and not asked.page_number
    return first and asked.records < min(FEW, asked.page_size)


def _other_total(pairs: list[tuple[int, int]]) -> tuple[str, str]:
    rows = [came for came, _ in pairs]
    counted = [count for _, count in pairs]
    differences = {count - came for came, count in pairs}
    if len(differences) == 1:
        return "wrong", f"it is off by {differences.pop()} in every one of {len(pairs)} windows"
    if counted == sorted(counted) and min(counted) > max(rows):
        return "all", f"windows of {min(rows)} to {max(rows)} calls all have {counted[-1]:,}"
    return "wrong", f"it is not what came, in {len(pairs)} windows of few calls"


def _compared_with_halves(gathered: Gathered, windows: int) -> Finding:
    """A total that is right for few calls may still be capped: compare a month with its halves."""
    name, assumed = "total", "the total counts the window's calls"
    whole = gathered.recent(WIDE_DAYS, until_days=1)
    middle = floor(whole.start + whole.length / 2, timedelta(minutes=1))
    parts = (whole, Window(whole.start, middle), Window(middle, whole.end))
    totals = [gathered.account.ask(each, page_size=FEW).total for each in parts]
    counts = [each for each in totals if each is not None]
    small = f"right for {windows} windows of few calls"
    if len(counts) < len(parts):
        return cannot_tell(name, assumed, f"{small}; longer ones are refused", "a quieter account")
    count, halves = counts[0], sum(counts[1:])
    if count == halves:
        gathered.total = (whole, count)
        return as_assumed(name, assumed, f"{small}, and for one of {count:,}", "window")
    if count < halves - FEW:
        seen = f"{small}; but a window has {count:,} and its halves {halves:,}"
        advice = "The tap splits such windows; nothing is lost."
        return judged(name, assumed, seen, reading="capped", agrees=False, advice=advice)
    seen = f"{small}; a window has {count:,} and its halves {halves:,}"
    return cannot_tell(name, assumed, seen, "a moment in which no call changes")


class _End(NamedTuple):
    """Where results stop.

    Attributes:
        rows: How many there are; at least, if `is_open`.
        last: The last page with calls.
        is_open: Whether more may follow.
    """

    rows: int
    last: Asked | None
    is_open: bool


def results_cap(gathered: Gathered) -> Iterator[Finding]:
    """Look whether results stop before the window's last call."""
    cap = gathered.endpoint.cap
    name = "results cap"
    assumed = f"results stop at {cap:,} or later" if cap else "results do not stop early"
    if _is_cursor(gathered) and not gathered.is_as_assumed("cursor"):
        yield cannot_tell(name, assumed, "the cursor was not seen to work", "a cursor that works")
        return
    window = gathered.total[0] if gathered.total else gathered.recent(WIDE_DAYS, until_days=1)
    end = _end_by_total(gathered) if gathered.total else _end_by_walking(gathered, window)
    if end is None or end.last is None:
        yield cannot_tell(name, assumed, "no page of a longer window was given", "more calls")
    elif end.is_open:
        seen = f"not within the first {end.rows:,} calls of a window"
        yield as_assumed(name, assumed, seen, _none(end.rows), Sureness.LIKELY)
    elif gathered.total:
        yield _against_total(name, assumed, end.rows, gathered.total[1])
    else:
        yield _against_order(gathered, window, name, assumed, end)


def _against_total(name: str, assumed: str, rows: int, count: int) -> Finding:
    if rows == count:
        seen = f"all {rows:,} calls of one window can be had"
        return as_assumed(name, assumed, seen, _none(rows))
    seen = f"a window's total is {count:,}, but only {rows:,} can be had"
    advice = "The tap notices and splits such windows; nothing is lost."
    return judged(name, assumed, seen, reading=_cap(rows), agrees=False, advice=advice)


def _against_order(
    gathered: Gathered, window: Window, name: str, assumed: str, end: _End
) -> Finding:
    """Without a total: ask for calls beyond the last one, in the order in which they came."""
    found = sorting(gathered)
    last = end.last.calls[-1].stamps.get(found.role) if end.last and found else None
    if last is None or found is None:
        needed = "answers in an order that can be recognised"
        return cannot_tell(name, assumed, f"results end at {end.rows:,}", needed)
    runs, role = found
    rest = (
        Window(window.start, last - MILLISECOND)
        if runs == "newest"
        else Window(last + MILLISECOND, window.end)
    )
    if not rest:
        seen = f"all {end.rows:,} calls of one window came"
        return as_assumed(name, assumed, seen, _none(end.rows))
    asked = gathered.account.ask(rest)
    dates = [call.stamps[role] for call in asked.calls if role in call.stamps]
    beyond = [date for date in dates if (date < last if runs == "newest" else date > last)]
    margin = timedelta(minutes=2)
    clear = [date for date in beyond if abs(date - last) > margin]
    if clear:
        seen = f"results end at {end.rows:,}, though more calls follow"
        advice = "The tap notices and splits such windows; nothing is lost."
        return judged(name, assumed, seen, reading=_cap(end.rows), agrees=False, advice=advice)
    if asked.refusal is not None or beyond:
        return cannot_tell(name, assumed, f"results end at {end.rows:,}", "more calls")
    seen = f"all {end.rows:,} calls of one window came"
    return as_assumed(name, assumed, seen, _none(end.rows), Sureness.LIKELY)


def _none(rows: int) -> dict[str, int | None]:
    return {"cap": None, "had": rows}


def _cap(rows: int) -> dict[str, int | None]:
    return {"cap": rows, "had": rows}


def _end_by_total(gathered: Gathered) -> _End | None:
    """Jump to the page that must be the last by the total; step back where it is empty."""
    assert gathered.total is not None  # noqa: S101 - the caller looked
    window, count = gathered.total
    size = gathered.account.page_size
    if not count or _is_cursor(gathered):
        return None
    good, empty, last = -1, -(-count // size), None
    page = empty - 1
    while good < empty - 1:
        asked = gathered.account.ask(window, page=page)
        if asked.records and not _is_repeated(gathered, window, asked):
            good, last = page, asked
        else:
            empty = page
        page = (good + empty) // 2
    return _End(good * size + last.records, last, is_open=False) if last else None


def _is_repeated(gathered: Gathered, window: Window, asked: Asked) -> bool:
    """Whether a page is another one again, where pages beyond the end may be the last one."""
    endings = {"empty", "refused"}
    readings = {f.reading for f in gathered.findings if f.assumption == "end of pages"}
    if not asked.page_number or readings <= endings:
        return False
    before = gathered.account.ask(window, page=asked.page_number - 1)
    return set(before.keys) == set(asked.keys)


def _end_by_walking(gathered: Gathered, window: Window) -> _End | None:
    """Walk a few pages; one that brings nothing new is beyond the end."""
    account = gathered.account
    size = account.page_size
    last, cursor = None, gathered.opening_cursor
    came: set[str] = set()
    for page in range(MOST_PAGES):
        asked = account.ask(window, page=page, cursor=cursor, page_size=size)
        if asked.refusal is not None:
            return None
        if asked.records and _is_cursor(gathered) and not set(asked.keys) - came:
            return None  # the cursor leads nowhere
        if not set(asked.keys) - came:
            return _End(len(came), last, is_open=False)
        came |= set(asked.keys)
        last, cursor = asked, asked.next
        if not page and asked.records < size and not asked.records % FEW:
            size = asked.records  # perhaps cut; go on in steps that are given
        if _is_cursor(gathered) and not cursor:
            return _End(len(came), last, is_open=False)
    return _End(len(came), last, is_open=True)


def _is_cursor(gathered: Gathered) -> bool:
    endpoint = gathered.endpoint
    return isinstance(endpoint.new_pass(endpoint.limits, Knowledge()), CursorPages)
