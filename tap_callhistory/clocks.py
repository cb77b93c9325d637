"""From a vendor's clock to UTC and back. Nothing here asks what time it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache, partial
from itertools import count, takewhile
from typing import TYPE_CHECKING, TypeVar

import pendulum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STAMPS_REMEMBERED = 1_024
"""Conversions that a clock keeps: parties and integrations repeat theirs from call to call."""
HOURS_REMEMBERED = 256
"""Hours whose minutes a clock keeps: calls come in the order of time."""
FRACTIONS_REMEMBERED = 8_192
BOUNDS_REMEMBERED = 256
"""Instants near which a clock has looked for changes: all pages of a window ask for the same."""

FIRST_YEAR, LAST_YEAR = 1990, 2200
"""A stamp of another year is of another calendar, or none at all: nobody called then."""

_Found = TypeVar("_Found")

_DAY = timedelta(days=1)
_LAST_SECOND = timedelta(minutes=59, seconds=59)

# datetime.fromisoformat reads more than vendors mean (weeks, bare dates, 24:00 on newer Pythons).
_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):\d\d(?::\d\d(?:[.,]\d{1,30})?)?"
    r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
#: What most stamps have behind the seconds.
_FRACTION = re.compile(r"(?:[.,](\d{1,30}))?Z?", re.ASCII)

# Go writes the first, MySQL the second, and PHP's Carbon reads the second as the third.
_ZERO_DATE = re.compile(
    r"(?:0001-01-01|0000-00-00|-0001-11-30)(?:[Tt ][\d:.,]{0,40}(?:[Zz]|[+-][\d:]{2,8})?)?",
    re.ASCII,
)

_MINUTES = tuple(f":{minute:02}" for minute in range(60))
_SECONDS = {second: second for second in (f":{second:02}" for second in range(60))}


def fixed_width(instant: datetime) -> str:
    """Write an aware instant as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, which sorts as text.

    Raises:
        ValueError: The instant is naive, or has no place in UTC's years 1 to 9999.
    """
    return _written(_naive_utc(instant, None))


def parse_instant(text: str) -> datetime:
    """Read a date-time with an offset or Z; the result is aware, in UTC.

    Raises:
        ValueError: The text is not a date-time, or says no offset.
    """
    return _naive_utc(_read(text), None).replace(tzinfo=UTC)


def rfc3339(instant: datetime) -> str:
    """Write an aware instant as vendors' date parameters take it: ``2022-11-07T00:00:00.000Z``."""
    return f"{_naive_utc(instant, None).isoformat(timespec='milliseconds')}Z"


class Clock:
    """The clock that a vendor's stamps are read by.

    Stamps with an offset speak for themselves. Naive ones are local times of ``zone``: an ambiguous
    one is the earlier instant, one that a forward change skipped is read by the clock before the
    change. Digits beyond microseconds are cut off. A year that is not one of ``FIRST_YEAR`` to
    ``LAST_YEAR`` in UTC is no date-time.

    Args:
        zone: IANA name of the zone of naive stamps; None takes them as UTC.

    Raises:
        ValueError: There is no such zone.

    Attributes:
        to_utc: Turns a stamp into fixed-width UTC, a zero date into None; remembers
            ``STAMPS_REMEMBERED`` conversions. Raises ValueError for what is not a date-time.
        shift_nearby: Tells by how much the zone's clock is changed from ``instant - within`` to
            ``instant + within``: never negative, zero where the clock is not changed.
    """

    def __init__(self, zone: str | None) -> None:
        self._zone: tzinfo = UTC if zone is None else pendulum.timezone(zone)
        self.to_utc: Callable[[str], str | None] = lru_cache(STAMPS_REMEMBERED)(self.fresh_to_utc)
        self._hours = _Known(partial(self._find_minutes_of, suffix=""), HOURS_REMEMBERED)
        self._hours_in_utc = _Known(partial(self._find_minutes_of, suffix="Z"), HOURS_REMEMBERED)
        self.shift_nearby: Callable[[datetime, timedelta], timedelta] = lru_cache(
            BOUNDS_REMEMBERED
        )(self._shift_nearby)

    def fresh_to_utc(self, stamp: str) -> str | None:
        """What `to_utc` does, without remembering it: for stamps that do not repeat."""
        hours = self._hours_in_utc if stamp.endswith("Z") else self._hours
        try:
            # Most stamps differ from one of the same hour in what stands behind it.
            minute = hours[stamp[:13]][stamp[13:16]]
            return f"{minute}{_SECONDS[stamp[16:19]]}{_FRACTIONS[stamp[19:]]}"
        except (KeyError, ValueError):
            return self._read_whole(stamp)

    def instant(self, stamp: str) -> datetime | None:
        """Read a vendor's stamp as an aware instant in UTC; a zero date is None.

        Raises:
            ValueError: The stamp is not a date-time.
        """
        moment = self._naive_utc(stamp)
        return None if moment is None else moment.replace(tzinfo=UTC)

    def wall(self, instant: datetime) -> datetime:
        """Show the naive local time that the vendor's wall clock shows at an aware instant."""
        return instant.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def _shift_nearby(self, instant: datetime, within: timedelta) -> timedelta:
        offsets = [self._offset(moment) for moment in _daily(instant - within, instant + within)]
        return max(offsets) - min(offsets)

    def _read_whole(self, stamp: str) -> str | None:
        moment = self._naive_utc(stamp)
        return None if moment is None else _written(moment)

    def _find_minutes_of(self, hour: str, *, suffix: str) -> Mapping[str, str]:
        """The minutes of an hour, in UTC; none of an hour in which the clock is changed."""
        first = self._naive_utc(f"{hour}:00:00{suffix}")
        last = self._naive_utc(f"{hour}:59:59{suffix}")
        if first is None or last is None or first.second or last - first != _LAST_SECOND:
            return {}
        begun, ended = (text[:13] for text in map(_written, (first, last)))
        shift = first.minute
        times = [begun + minute for minute in _MINUTES[shift:]]
        times += [ended + minute for minute in _MINUTES[:shift]]
        return dict(zip(_MINUTES, times, strict=True))

    def _naive_utc(self, stamp: str) -> datetime | None:
        if stamp[:1] in {"0", "-"} and _ZERO_DATE.fullmatch(stamp):
            return None
        moment = _naive_utc(_read(stamp), self._zone)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError("a date-time of a year before 1990 or after 2200")
        return moment

    def _offset(self, instant: datetime) -> timedelta:
        return instant.astimezone(self._zone).utcoffset() or timedelta()


class _Known(dict[str, _Found]):
    """What texts come to, each found when it is first asked for; empties itself when it is full.

    Args:
        find: Finds it; may raise ValueError.
        most: How many are kept.
    """

    def __init__(self, find: Callable[[str], _Found], most: int) -> None:
        super().__init__()
        self._find = find
        self._most = most

    def __missing__(self, text: str) -> _Found:
        found = self._find(text)
        if len(self) >= self._most:
            self.clear()
        self[text] = found
        return found


def _fraction(end: str) -> str:
    """What follows the seconds, in fixed width: ``.206`` -> ``.206000Z``.

    Raises:
        ValueError: It says more than a fraction, such as an offset.
    """
    found = _FRACTION.fullmatch(end)
    if found is None:
        raise ValueError("more than a fraction")
    return f".{(found[1] or '')[:6]:0<6}Z"


_FRACTIONS = _Known(_fraction, FRACTIONS_REMEMBERED)


def _read(text: str) -> datetime:
    if not _STAMP.fullmatch(text):
        raise ValueError("not a date-time")
    return datetime.fromisoformat(text.upper())


def _naive_utc(moment: datetime, zone: tzinfo | None) -> datetime:
    """Turn a moment into UTC, without saying so: naive datetimes count and print much faster."""
    if moment.tzinfo is not None:
        zone, moment = moment.tzinfo, moment.replace(tzinfo=None)
    offset = zone.utcoffset(moment) if zone is not None else None
    if offset is None:
        raise ValueError("a date-time without an offset")
    try:
        return moment - offset
    except OverflowError:
        raise ValueError("a date-time outside of the years 1 to 9999") from None


def _written(naive_utc: datetime) -> str:
    text = naive_utc.isoformat()
    return f"{text}Z" if naive_utc.microsecond else f"{text}.000000Z"


def _daily(start: datetime, end: datetime) -> Iterator[datetime]:
    """Step from start to end, both included; no zone changes its clock twice in a day."""
    yield from takewhile(lambda moment: moment < end, (start + day * _DAY for day in count()))
    yield end
