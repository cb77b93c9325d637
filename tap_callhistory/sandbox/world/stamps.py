"""How vendors write instants, and what of an instant they keep."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tap_callhistory.sandbox.world.behaviour import MICROSECONDS

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.behaviour import Resolution

UTC_OFFSET = "+00:00"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive wall times are counted from a naive epoch


def microseconds(wall: datetime, resolution: Resolution) -> int:
    """Count the microseconds from 1970 to a time, its offset left aside, truncated."""
    since = wall.replace(tzinfo=None) - _EPOCH
    whole = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return whole - whole % MICROSECONDS[resolution]


def truncated(instant: datetime, resolution: Resolution) -> datetime:
    """Drop what a vendor's stamps do not hold."""
    if resolution == "millisecond":
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    return instant.replace(microsecond=0)


def fixed_width(instant: datetime) -> str:
    """Write an instant as the warehouse holds it: `2026-01-13T12:54:36.000000Z`."""
    return instant.isoformat(timespec="microseconds")[: -len(UTC_OFFSET)] + "Z"


def milliseconds_utc(instant: datetime) -> str:
    """Write `2026-01-13T12:54:36.123Z`."""
    return instant.isoformat(timespec="milliseconds")[: -len(UTC_OFFSET)] + "Z"


def seconds_with_offset(instant: datetime) -> str:
    """Write `2026-01-13T12:54:36+00:00`."""
    return instant.isoformat(timespec="seconds")


class WallClock:
    """A vendor's naive clock.

    Args:
        zone: Its IANA zone.
        resolution: What its stamps hold.
    """

    def __init__(self, zone: str, resolution: Resolution) -> None:
        self._zone = ZoneInfo(zone)
        self._resolution = resolution

    def wall(self, instant: datetime) -> datetime:
        """Return the naive time that the clock shows, in full."""
        return instant.astimezone(self._zone).replace(tzinfo=None)

    def shown(self, instant: datetime | None) -> datetime | None:
        """Return the instant that a stamp of the clock tells: of two possible ones the earlier."""
        if instant is None:
            return None
        local = truncated(instant, self._resolution).astimezone(self._zone)
        return local.replace(fold=0).astimezone(UTC)
