"""The vendor's clock: its skew, and the zone of its timestamps."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from math import prod
from statistics import median
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

from tap_callhistory.probe.findings import (
    Finding,
    Outcome,
    Sureness,
    as_assumed,
    cannot_tell,
    judged,
)
from tap_callhistory.probe.seen import CREATED, FINISHED
from tap_callhistory.words import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_callhistory.probe.gathering import Gathered
    from tap_callhistory.probe.seen import SeenCall

#: More than this ahead of now is the future, whatever two clocks differ by.
TOLERANCE: Final = timedelta(minutes=2)
#: How improbable another zone must make what was seen, to be ruled out.
RULED_OUT: Final = 0.001
#: So many finished calls tell how long calls last.
ENOUGH_DURATIONS: Final = 30
ENOUGH_PAIRS: Final = 3
QUARTER: Final = timedelta(minutes=15)
FURTHEST_WEST, FURTHEST_EAST = timedelta(hours=-12), timedelta(hours=14)

_FAMILIAR_ZONES: Final = (
    *("UTC", "Asia/Tehran", "Asia/Tashkent", "Asia/Ho_Chi_Minh", "Europe/Moscow"),
    *("Asia/Hong_Kong", "Asia/Dubai", "Asia/Kabul", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Asia/Yangon", "Australia/Darwin", "America/Bogota", "America/St_Johns"),
)


def clock_skew(gathered: Gathered) -> Iterator[Finding]:
    """Compare the vendor's Date header with this machine's clock."""
    name, assumed = "clock skew", f"the two clocks agree within {in_words(TOLERANCE)}"
    skews = gathered.account.skews
    if not skews:
        yield cannot_tell(
            name,
            assumed,
            "no answer has a Date header",
            "a vendor that sends one; there is nothing to do",
        )
        return
    skew = round(median(each.total_seconds() for each in skews))
    where = "ahead of" if skew > 0 else "behind"
    apart = in_words(timedelta(seconds=abs(skew)))
    seen = f"the vendor's Date header is about {apart} {where} this machine's clock"
    yield judged(
        name,
        assumed,
        seen if abs(skew) > 1 else "the vendor's Date header and this machine's clock agree",
        reading=skew,
        agrees=timedelta(seconds=abs(skew)) <= TOLERANCE,
        advice=(
            "Set this machine's clock. If it is the vendor's that is wrong, let lookback_hours be "
            "longer than the difference."
        ),
    )


def time_zone(gathered: Gathered) -> Iterator[Finding]:
    """Find the offset of the vendor's timestamps from UTC."""
    if "timezone" not in gathered.endpoint.settings["properties"]:
        yield _stated_offsets(gathered)
        return
    zone = gathered.endpoint.given["timezone"]
    assumed = f"naive timestamps are local time of {zone}"
    beside = _offsets_beside(gathered)
    yield _named(gathered, assumed, beside) if beside else _by_the_clock(gathered, assumed)


def _stated_offsets(gathered: Gathered) -> Finding:
    """Where timestamps say their offset: whether all do, and none lies in the future."""
    name, assumed = "time zone", "timestamps say their offset from UTC"
    fields = gathered.endpoint.stamps.values()
    texts = [str(call.record[f]) for call in gathered.calls for f in fields if call.record.get(f)]
    if not texts:
        return cannot_tell(name, assumed, "no call was seen", "calls of the last days")
    naive = sum(_is_naive(text) for text in texts)
    if naive:
        seen = f"{naive} of {len(texts)} timestamps say no offset, and are read as UTC"
        return judged(name, assumed, seen, reading="naive", agrees=False, advice=_TELL_US)
    ahead = _latest(gathered.calls) - gathered.now
    if ahead > TOLERANCE:
        seen = f"the latest timestamp lies {in_words(ahead)} in the future"
        return judged(name, assumed, seen, reading="future", agrees=False, advice=_TELL_US)
    return as_assumed(name, assumed, f"all of {len(texts)} do; none lies in the future", "stated")


_TELL_US: Final = "The tap has no setting for this: please report it."


def _offsets_beside(gathered: Gathered) -> list[tuple[datetime, timedelta]]:
    """Where a record holds an instant in UTC beside its naive timestamp: their differences."""
    endpoint = gathered.endpoint
    pairs = [(call.created, endpoint.utc_stamp(call.record)) for call in gathered.calls]
    return [
        (utc, _rounded(endpoint.clock.wall(created) - utc.replace(tzinfo=None)))
        for created, utc in pairs
        if created is not None and utc is not None
    ]


def _named(gathered: Gathered, assumed: str, beside: list[tuple[datetime, timedelta]]) -> Finding:
    """Compare the offsets that records prove with those of the configured zone."""
    offsets = {offset for _, offset in beside}
    count = len(beside)
    if len(offsets) > 1 or count < ENOUGH_PAIRS:
        seen = f"{count} local and UTC stamps side by side, {len(offsets)} different offsets"
        return cannot_tell("time zone", assumed, seen, f"{ENOUGH_PAIRS} calls with both stamps")
    offset = offsets.pop()
    zone = ZoneInfo(gathered.endpoint.given["timezone"])
    agrees = all(utc.astimezone(zone).utcoffset() == offset for utc, _ in beside)
    return _offset_finding(
        gathered,
        assumed,
        f"local and UTC stamps side by side in {count} calls: UTC{_offset_text(offset)}",
        offset,
        agrees=agrees,
        sureness=Sureness.CERTAIN,
    )


def _by_the_clock(gathered: Gathered, assumed: str) -> Finding:
    """Compare the newest timestamps with the clock.

    No timestamp lies in the future: that bounds the offset on one side, surely. On the other side
    calls in progress do: with a smaller offset they began earlier, and would have lasted longer
    than calls do.
    """
    if any(abs(skew) > TOLERANCE for skew in gathered.account.skews):
        return cannot_tell("time zone", assumed, "the two clocks differ", "clocks that agree")
    if not gathered.newest:
        return cannot_tell("time zone", assumed, "no call was seen", "calls of the last days")
    offset = _offset_of(gathered)
    ahead = _latest(gathered.calls) - gathered.now
    possible = _offsets_in_use(gathered.now)
    least = next((o for o in possible if o >= offset + ahead - TOLERANCE), FURTHEST_EAST)
    weight = _weight_of_others(gathered, least - offset, _gap_above(possible, least))
    surely_wrong = least > offset
    if weight <= RULED_OUT:
        seen = f"the calls in progress began just now only by a clock of UTC{_offset_text(least)}"
        agrees = least == offset
        return _offset_finding(
            gathered, assumed, seen, least, agrees=agrees, sureness=Sureness.LIKELY
        )
    if surely_wrong:
        return Finding(
            assumption="time zone",
            assumed=assumed,
            seen=(
                f"the latest timestamp would lie {in_words(ahead)} in the future; "
                f"the clock is at UTC{_offset_text(least)} or further east"
            ),
            outcome=Outcome.DIFFERS,
            sureness=Sureness.CERTAIN,
            needed="several calls in progress while the probe runs",
            advice="Ask the vendor for its zone, or run the probe again in a busy hour.",
        )
    seen = f"the latest timestamp lies {in_words(max(-ahead, timedelta(0)))} before now"
    if least < offset:
        seen += f"; it would be newer by a clock of UTC{_offset_text(least)}"
    needed = "several calls in progress while the probe runs: run it again in a busy hour"
    return cannot_tell("time zone", assumed, seen, needed)


def _weight_of_others(gathered: Gathered, shift: timedelta, gap: timedelta) -> float:
    """How probable the next offset makes the calls in progress, set against this one.

    Every call in progress would have lasted longer by the gap; calls that have ended tell how many
    do.
    """
    lasted = sorted(
        call.stamps[FINISHED] - call.stamps[CREATED]
        for call in gathered.calls
        if {CREATED, FINISHED} <= set(call.stamps)
    )
    if len(lasted) < ENOUGH_DURATIONS or FINISHED not in gathered.endpoint.stamps:
        return 1.0

    def lasting(longer_than: timedelta) -> float:
        return (len(lasted) - bisect_right(lasted, longer_than) + 1) / (len(lasted) + 1)

    ages = [
        gathered.now + shift - call.stamps[CREATED]
        for call in gathered.newest
        if FINISHED not in call.stamps
    ]
    return prod(lasting(max(age, timedelta(0)) + gap) / lasting(age) for age in ages)


def _offset_finding(
    gathered: Gathered,
    assumed: str,
    seen: str,
    offset: timedelta,
    *,
    agrees: bool,
    sureness: Sureness,
) -> Finding:
    zone = _zone_at(offset, gathered.now)
    return judged(
        "time zone",
        assumed,
        seen,
        reading=_offset_text(offset),
        agrees=agrees,
        sureness=sureness,
        advice=f"Read the vendor's clock as {zone} (today at that offset, as others may be).",
        settings={gathered.setting("timezone"): zone},
    )


def _offset_of(gathered: Gathered) -> timedelta:
    return gathered.endpoint.clock.wall(gathered.now) - gathered.now.replace(tzinfo=None)


def _offsets_in_use(now: datetime) -> list[timedelta]:
    """Return all offsets that a clock of the world shows today, from west to east."""
    offsets = {now.astimezone(ZoneInfo(name)).utcoffset() for name in available_timezones()}
    return sorted(each for each in offsets if each is not None)


def _gap_above(offsets: Sequence[timedelta], offset: timedelta) -> timedelta:
    return next((each - offset for each in offsets if each > offset), QUARTER)


def _zone_at(offset: timedelta, now: datetime) -> str:
    for name in _FAMILIAR_ZONES:
        if now.astimezone(ZoneInfo(name)).utcoffset() == offset:
            return name
    names = sorted(available_timezones())
    fitting = (n for n in names if now.astimezone(ZoneInfo(n)).utcoffset() == offset and "/" in n)
    return next(fitting, "UTC")


def _latest(calls: Sequence[SeenCall]) -> datetime:
    return max(stamp for call in calls for stamp in call.stamps.values())


def _rounded(difference: timedelta) -> timedelta:
    """Round to a whole minute: the two stamps may be a moment apart."""
    return timedelta(minutes=round(difference / timedelta(minutes=1)))


def _is_naive(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def _offset_text(offset: timedelta) -> str:
    sign = "-" if offset < timedelta(0) else "+"
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def utc_text(instant: datetime) -> str:
    """Write an instant for the user."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}Z"
