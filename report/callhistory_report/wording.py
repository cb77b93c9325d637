"""Numbers, times and lengths of time in words, for the page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3600
MANY_HOURS = 100
NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def number(value: float | None) -> str:
    """Write a count with its thousands apart."""
    return NOTHING if value is None else f"{value:,.0f}"


def counted(value: int, one: str, many: str) -> str:
    """Write a count with its noun."""
    return f"{value:,} {one if value == 1 else many}"


def percent(value: float | None) -> str:
    """Write a share as a percentage."""
    return NOTHING if value is None else f"{value:.0%}"


def duration(seconds: float | None) -> str:
    """Write a length of time in hours and minutes."""
    if seconds is None:
        return NOTHING
    hours, rest = divmod(int(seconds), SECONDS_PER_HOUR)
    minutes = rest // SECONDS_PER_MINUTE
    if hours >= MANY_HOURS:
        return f"{hours:,} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def seconds(value: float | None, *, approximate: bool = False) -> str:
    """Write a short length of time to the second; one that is approximate with a sign for it."""
    if value is None:
        return "not told"
    minutes, rest = divmod(round(value), SECONDS_PER_MINUTE)
    shown = f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    return f"≈ {shown}" if approximate else shown


def age(passed: timedelta) -> str:
    """Write how long ago something was, in the largest whole unit: hours below two days."""
    hours = int(passed.total_seconds()) // SECONDS_PER_HOUR
    return counted(hours, "hour", "hours") if hours < 48 else f"{hours // 24:,} days"  # noqa: PLR2004


def day(value: date) -> str:
    """Write a day."""
    return f"{value.day} {value:%b}"


def in_zone(instant: datetime, timezone: str) -> datetime:
    """Return an instant, naive and in UTC, as the clock of a zone showed it."""
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone))


def local(instant: datetime, timezone: str) -> str:
    """Write an instant, naive and in UTC, as the clock of a zone showed it."""
    shown = in_zone(instant, timezone)
    return f"{day(shown)}, {shown:%H:%M}"


def moment(instant: datetime | None, timezone: str) -> str:
    """Write an instant, naive and in UTC, as the clock of a zone showed it, with its year."""
    if instant is None:
        return NOTHING
    shown = in_zone(instant, timezone)
    return f"{day(shown)} {shown.year}, {shown:%H:%M}"


def span(since: datetime, until: datetime, timezone: str) -> str:
    """Write a stretch of time, by whole days where it begins and ends with a day."""
    first, last = in_zone(since, timezone), in_zone(until, timezone)
    if (first.hour, first.minute, last.hour, last.minute) == (0, 0, 0, 0):
        days = (last - timedelta(days=1)).date()
        if days <= first.date():
            return f"{day(first)} {first.year}"
        return f"{day(first)} {first.year} {NOTHING} {day(days)} {days.year}"
    clock = "%H:%M:%S" if first.second or last.second else "%H:%M"
    end = f"{last:{clock}}"
    if first.date() != last.date():
        end = f"{day(last)} {last.year}, {end}"
    return f"{day(first)} {first.year}, {first:{clock}} {NOTHING} {end}"


def change(now: float | None, before: float | None) -> str:
    """Write by how much a count has grown or shrunk."""
    if not before or now is None:
        return ""
    grown = round((now - before) / before * 100)
    return f"{'+' if grown > 0 else MINUS if grown < 0 else '±'}{abs(grown)}%"
