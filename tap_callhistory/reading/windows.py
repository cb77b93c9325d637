"""Windows of call history: cut, widened and merged. Pure: no I/O, no clock.

A span of history is half-open, ``[start, end)``, and is read in windows, in order::

    start                                                            end
      |--- window ---|--- window ---|-------- window --------|- window -|
     <| widened by the vendor's resolution, as nobody says what its bounds include
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)
#: Some vendors cut a longer period to this without a word.
MONTH = timedelta(days=31)
#: In so many slightly different shapes a window is asked for in turn.
SHAPES = 3
#: The most parts a window is cut into at once.
MOST_PARTS = 64


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of history, ``[start, end)``, in aware UTC instants."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"[{_short(self.start)}, {_short(self.end)})"

    def __bool__(self) -> bool:
        return self.start < self.end

    @property
    def length(self) -> timedelta:
        """The time from start to end."""
        return self.end - self.start

    def encloses(self, other: Window) -> bool:
        """Whether another window lies within this one."""
        return self.start <= other.start and other.end <= self.end

    def can_split(self, resolution: timedelta) -> bool:
        """Whether two windows of at least the vendor's resolution fit in."""
        return self.length >= 2 * resolution

    def split(self, parts: int, resolution: timedelta) -> list[Window]:
        """Cut into adjoining windows of about equal length, at instants the vendor can express.

        Args:
            parts: How many are wanted; fewer come where the resolution allows no more.
            resolution: The smallest step of the vendor's date parameters.

        Returns:
            At least two windows if `can_split`, else the window itself.
        """
        parts = max(2, min(parts, MOST_PARTS, self.length // resolution))
        cuts = {floor(self.start + self.length * i / parts, resolution) for i in range(1, parts)}
        edges = [self.start, *sorted(c for c in cuts if self.start < c < self.end), self.end]
        return [Window(a, b) for a, b in pairwise(edges)]


def _short(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def floor(instant: datetime, resolution: timedelta) -> datetime:
    """The last multiple of the resolution at or before the instant."""
    return instant - (instant - EPOCH) % resolution


def ceiling(instant: datetime, resolution: timedelta) -> datetime:
    """The first multiple of the resolution at or after the instant."""
    return floor(instant + resolution - timedelta(microseconds=1), resolution)


def shaped(window: Window, repeats: int, resolution: timedelta) -> Window:
    """A window as it is asked for when it was read so often before: it begins some steps earlier.

    One of its shapes is in no cache of empty answers, and the first one comes back once what was
    not ready may be.
    """
    return Window(window.start - repeats % SHAPES * resolution, window.end)


def widened(
    window: Window, resolution: timedelta, shifts: tuple[timedelta, timedelta] | None = None
) -> Window:
    """The bounds to ask a vendor for, so that its reading of them cannot lose a call.

    The start goes back by one step of the resolution (for exclusive bounds and for parameters
    that the vendor cuts), the end up to a step. Adjoining windows so always overlap or touch.

    Args:
        window: What is to be read.
        resolution: The smallest step of the vendor's date parameters.
        shifts: How far the vendor's clock changes near the start and near the end.
    """
    before, after = shifts or (timedelta(0), timedelta(0))
    return Window(
        floor(window.start, resolution) - resolution - before,
        ceiling(window.end, resolution) + after,
    )


def without(windows: Iterable[Window], hole: Window) -> list[Window]:
    """What of some windows lies outside of another."""
    return [
        part
        for each in windows
        for part in (
            Window(each.start, min(each.end, hole.start)),
            Window(max(each.start, hole.end), each.end),
        )
        if part
    ]


def merged(windows: Iterable[Window]) -> list[Window]:
    """Windows in order, overlapping and adjoining ones made one, empty ones left out."""
    result: list[Window] = []
    for window in sorted(w for w in windows if w):
        if result and window.start <= result[-1].end:
            result[-1] = Window(result[-1].start, max(result[-1].end, window.end))
        else:
            result.append(window)
    return result
