"""How late calls are shown, and how long they go on changing."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from tap_callhistory.probe.clocks import TOLERANCE
from tap_callhistory.probe.findings import Finding, Sureness, as_assumed, cannot_tell, judged
from tap_callhistory.probe.seen import CREATED, FINISHED, UPDATED
from tap_callhistory.reading.windows import Window, floor
from tap_callhistory.words import counted, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tap_callhistory.probe.gathering import Gathered
    from tap_callhistory.probe.seen import SeenCall

#: Calls of this age have come through all that changes them, as a rule.
OLD_ENOUGH: Final = timedelta(days=21)
ENOUGH_OLD_CALLS: Final = 30
_LATE: Final = "late publishing"
_CHANGES: Final = "late changes"


def late_publishing(gathered: Gathered) -> Iterator[Finding]:
    """The age of the newest call bounds the delay with which it was shown."""
    lookback = gathered.account.run.settings.lookback
    assumed = f"calls are shown within lookback_hours ({lookback / timedelta(hours=1):g} h)"
    if not gathered.newest:
        yield cannot_tell(_LATE, assumed, "no call was seen", "calls of the last days")
        return
    if not _clock_is_known(gathered):
        seen, needed = "the vendor's clock is not known well enough", "the time zone, see above"
        yield cannot_tell(_LATE, assumed, seen, needed)
        return
    age = gathered.now - gathered.newest[0].stamps[CREATED]
    seen = f"the newest call is {in_words(max(age, timedelta(0)))} old"
    if age <= lookback and not _running(gathered):
        seen += "; but calls may be shown only once they are over, and the longest last longer"
        yield cannot_tell(_LATE, assumed, seen, "a call in progress while the probe runs")
    elif age <= lookback:
        yield as_assumed(_LATE, assumed, f"{seen}, so it was shown sooner", round(_seconds(age)))
    else:
        gap = _usual_gap(gathered.newest)
        seen += f"; calls come {in_words(gap)} apart" if gap else ""
        needed = "a call within the last hour or so: run it again in a busy hour"
        yield cannot_tell(_LATE, assumed, seen, needed)


def calls_in_progress(gathered: Gathered) -> Iterator[Finding]:
    """Say whether calls in progress are shown, and how long calls last."""
    name, assumed = "calls in progress", "calls are shown from their beginning"
    running = _running(gathered)
    lasted = [
        call.stamps[FINISHED] - call.began
        for call in gathered.calls
        if call.began is not None and FINISHED in call.stamps
    ]
    longest = f"; the longest call took {in_words(max(lasted))}" if lasted else ""
    if running:
        verb = "was" if len(running) == 1 else "were"
        seen = f"{counted(len(running), 'unfinished call')} {verb} seen{longest}"
        yield as_assumed(name, assumed, seen, "shown")
        return
    needed = (
        "a call in progress while the probe runs. If calls are shown only once they are over, "
        "lookback_hours must be longer than the longest call"
    )
    yield cannot_tell(name, assumed, f"no unfinished call was seen{longest}", needed)


def late_changes(gathered: Gathered) -> Iterator[Finding]:
    """Tell from the records' own stamps how long after a call they changed."""
    ages = gathered.account.run.settings.revisit_ages
    assumed = f"changes come within the last of revisit_hours ({_hours(ages)})"
    _look_at_old_calls(gathered)
    lags = [
        changed - call.created
        for call in gathered.calls
        for changed in [_changed(gathered, call)]
        if changed is not None and call.created is not None
    ]
    if not lags:
        seen = "records do not say when they last changed"
        yield cannot_tell(_CHANGES, assumed, seen, "the vendor's word")
        return
    if not _clock_is_known(gathered):
        seen, needed = "the vendor's clock is not known well enough", "the time zone, see above"
        yield cannot_tell(_CHANGES, assumed, seen, needed)
        return
    longest = max(lags)
    seen = f"{len(lags)} calls last changed up to {in_words(longest)} after they began"
    last = max(ages, default=timedelta(0))
    if longest <= last and not _has_old_calls(gathered):
        needed = f"{ENOUGH_OLD_CALLS} calls more than {OLD_ENOUGH.days} days old"
        yield cannot_tell(_CHANGES, assumed, f"{seen}; too few are old enough", needed)
        return
    yield judged(
        _CHANGES,
        assumed,
        seen,
        reading=round(_seconds(longest)),
        agrees=longest <= last,
        sureness=Sureness.LIKELY,
        advice="Let the last of revisit_hours be longer.",
        settings={"revisit_hours": _with(ages, longest)},
    )


def _running(gathered: Gathered) -> list[SeenCall]:
    """Give the calls in progress; a recording that is pending is none."""
    knows_end = FINISHED in gathered.endpoint.stamps
    return [
        call
        for call in gathered.newest
        if call.unfinished and not (knows_end and FINISHED in call.stamps)
    ]


def _look_at_old_calls(gathered: Gathered) -> None:
    """Ask for calls that have had time to change, where records say when they did."""
    endpoint = gathered.endpoint
    if UPDATED not in endpoint.stamps and not endpoint.tells_changes:
        return
    end = floor(gathered.now - OLD_ENOUGH, timedelta(minutes=1))
    gathered.account.ask(Window(end - min(timedelta(days=9), gathered.longest), end))


def _has_old_calls(gathered: Gathered) -> bool:
    begun = [call.created for call in gathered.calls if call.created]
    old = sum(gathered.now - instant > OLD_ENOUGH for instant in begun)
    return old >= ENOUGH_OLD_CALLS


def _clock_is_known(gathered: Gathered) -> bool:
    """Whether ages can be trusted."""
    agree = all(abs(skew) <= TOLERANCE for skew in gathered.account.skews)
    return agree and gathered.is_as_assumed("time zone")


def _changed(gathered: Gathered, call: SeenCall) -> datetime | None:
    """When a call last changed, by its own stamps."""
    if UPDATED in gathered.endpoint.stamps:
        return call.stamps.get(UPDATED)
    return gathered.endpoint.change_stamp(call.record)


def _usual_gap(newest: list[SeenCall]) -> timedelta | None:
    begun = [call.stamps[CREATED] for call in newest]
    gaps = [(one - other).total_seconds() for one, other in pairwise(begun)]
    return timedelta(seconds=median(gaps)) if gaps else None


def _with(ages: tuple[timedelta, ...], longest: timedelta) -> list[float]:
    needed = timedelta(days=longest.days + 1)
    return [each / timedelta(hours=1) for each in (*ages, needed)]


def _hours(ages: tuple[timedelta, ...]) -> str:
    return ", ".join(f"{each / timedelta(hours=1):g}" for each in ages) or "none"


def _seconds(span: timedelta) -> float:
    return span.total_seconds()
