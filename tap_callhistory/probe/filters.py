"""What the date filter turned out to mean."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tap_callhistory.probe.date_filter import RESOLUTIONS
from tap_callhistory.probe.findings import Finding, Sureness, cannot_tell, judged
from tap_callhistory.probe.seen import CREATED, FINISHED, UPDATED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_callhistory.probe.date_filter import DateFilter
    from tap_callhistory.probe.gathering import Gathered

#: With fewer calls, too little contradicts a wrong reading.
ENOUGH_SETTLED: Final = 25
LONGER_THAN_CALLS: Final = timedelta(hours=8)
_LATER: Final = (
    "Calls enter the history only when that timestamp is set. Let lookback_hours be longer than "
    "the longest call."
)


def date_filter(gathered: Gathered) -> Iterator[Finding]:
    """Tell which timestamp is filtered, with which bounds, to which resolution."""
    studied = gathered.filter
    if studied is None or len(studied.calls) < ENOUGH_SETTLED:
        count = len(studied.calls) if studied else 0
        reason = f"{count} finished calls with all their timestamps were seen"
        needed = f"{ENOUGH_SETTLED} such calls"
    elif not studied.left:
        reason = "the answers contradict every reading of the date filter that the probe knows"
        needed = "the vendor's word; perhaps it filters by a timestamp that it does not show"
    elif not studied.settled:
        reason = f"{len(studied.confirmed)} windows brought just what was foretold, too few"
        needed = "more calls, well apart from each other"
    else:
        yield _timestamp(gathered, studied)
        yield _bounds(studied)
        yield _resolution(gathered, studied)
        return
    for name, assumed in _assumed(gathered):
        yield cannot_tell(name, assumed, reason, needed)


def _assumed(gathered: Gathered) -> list[tuple[str, str]]:
    fields = gathered.endpoint.stamps
    return [
        ("filtered timestamp", f"the date filter means {fields[CREATED]}"),
        ("window bounds", "either; windows are widened at both ends"),
        ("date resolution", f"{_named(gathered.endpoint.resolution)} or finer"),
    ]


def _timestamp(gathered: Gathered, studied: DateFilter) -> Finding:
    name, assumed = _assumed(gathered)[0]
    fields = gathered.endpoint.stamps
    roles = studied.roles
    texts = " or ".join(sorted(fields[role] for role in roles))
    if len(roles) > 1:
        seen, needed = f"{texts}", "calls whose timestamps lie further apart"
        return cannot_tell(name, assumed, f"it is {seen}", needed)
    role = next(iter(roles))
    if role == FINISHED and UPDATED not in fields:
        # The last change follows the end within moments, and this vendor does not show it.
        seen = f"it is {texts}, or a timestamp soon after it that is not shown"
        return judged(name, assumed, seen, reading="finished or later", agrees=False, advice=_LATER)
    if role == UPDATED and FINISHED not in fields and not _changed_late(studied):
        # Nothing but the end of the call may have changed it, and this vendor does not show that.
        seen = f"it is {texts}, or the end of the call, which is not shown"
        reading = "updated or finished"
        return judged(name, assumed, seen, reading=reading, agrees=False, advice=_LATER)
    coarsest = max(studied.resolutions, key=RESOLUTIONS.__getitem__)
    within = "" if coarsest in {"millisecond", "second"} else f" to within a {coarsest}"
    return judged(
        name,
        assumed,
        f"{texts}{within}, in {studied.answers} windows",
        reading=role,
        agrees=role == CREATED,
        advice=_LATER,
    )


def _changed_late(studied: DateFilter) -> bool:
    """Whether a call was told apart that changed longer after its beginning than calls last."""
    return any(
        call.stamps[UPDATED] - call.stamps[CREATED] > LONGER_THAN_CALLS
        for call in studied.calls
        if call.key in studied.confirmed
    )


def _bounds(studied: DateFilter) -> Finding:
    name, assumed = "window bounds", "either; windows are widened at both ends"
    ends = [_end(studied, place, word) for place, word in ((0, "start"), (1, "end"))]
    seen = ", ".join(ends)
    if len(studied.bounds) > 1:
        needed = "a call whose timestamp is a round number of the date resolution"
        return cannot_tell(name, assumed, seen, needed)
    return judged(name, assumed, seen, reading=next(iter(studied.bounds)), agrees=True)


def _end(studied: DateFilter, place: int, word: str) -> str:
    marks = {bounds[place] for bounds in studied.bounds}
    if len(marks) > 1:
        return f"the {word} cannot be told"
    return f"the {word} {'is included' if marks & set('[]') else 'is excluded'}"


def _resolution(gathered: Gathered, studied: DateFilter) -> Finding:
    name, assumed = _assumed(gathered)[2]
    found = sorted(studied.resolutions, key=RESOLUTIONS.__getitem__)
    allowed = gathered.endpoint.resolution
    seen = f"dates are cut to the {found[-1]}"
    if RESOLUTIONS[found[0]] == studied.step and len(found) == 1:
        seen = f"dates count to the {found[0]}, the finest that is sent"
    if len(found) > 1:
        return cannot_tell(
            name, assumed, f"{' or '.join(found)}", "calls at other fractions of a minute"
        )
    return judged(
        name,
        assumed,
        seen,
        reading=found[0],
        agrees=RESOLUTIONS[found[0]] <= allowed,
        sureness=Sureness.CERTAIN,
        advice=(
            "Adjoining windows are cut alike, so that nothing falls between them; the end of a run "
            f"may miss up to a {found[0]}, which lookback_hours must cover."
        ),
    )


def _named(step: timedelta) -> str:
    return next(name for name, each in RESOLUTIONS.items() if each >= step)
