"""How many calls history holds: foretold by what was read last, and by the hour of the day. Pure.

A week of what was read tells how many calls a window should hold. Within a day they come by the
hour: windows shorter than that are foretold by how many calls each hour of the day has brought.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from tap_callhistory.reading.windows import A_DAY, HOUR, Window, floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Stretch of history whose calls per second foretell the next window: a week has every kind of day.
MEMORY: Final = timedelta(days=7)
#: Longer windows hold every hour of the day about as often.
LONGER_THAN_ITS_HOURS: Final = 2 * A_DAY
#: An hour of the day is taken for as dense as the others until it has brought more calls than this.
CALLS_OF_AN_UNKNOWN_HOUR: Final = 2.0
HOURS: Final = 24


class _Read(NamedTuple):
    """A window that was read: how many calls it held, and of which hours of the day."""

    window: Window
    calls: int
    hours: Counter[int]
    seconds: Counter[int]


class Density:
    """Learns from windows that were read how many calls others should hold.

    Attributes:
        calls_per_day: How dense the history was when it was read last; None if unknown.
    """

    def __init__(self, calls_per_day: float | None = None) -> None:
        self.calls_per_day = calls_per_day
        self._read: deque[_Read] = deque()
        self._newest: datetime | None = None
        self._calls = 0
        self._seconds = 0.0
        self._hours: Counter[int] = Counter()
        self._hour_seconds: Counter[int] = Counter()

    @property
    def knows(self) -> bool:
        """Whether any window has been learnt from."""
        return bool(self._read)

    @property
    def calls(self) -> int:
        """How many calls the windows held that are remembered."""
        return self._calls

    @property
    def per_day(self) -> float | None:
        """How many calls a day the windows held that are remembered; None where none are."""
        return self._calls / (self._seconds / A_DAY.total_seconds()) if self._seconds else None

    @property
    def seconds(self) -> float:
        """How long these windows are together."""
        return self._seconds

    @property
    def longest(self) -> timedelta:
        """The longest of these windows."""
        return max((each.window.length for each in self._read), default=timedelta(0))

    def learn(self, window: Window, calls: int, moments: Iterable[str] = ()) -> None:
        """Note how many calls a window turned out to hold.

        Args:
            window: The window.
            calls: How many.
            moments: When they began, in fixed-width UTC; none where that is not known.
        """
        # There may be many calls: their hours are counted as text.
        texts = Counter(moment[11:13] for moment in moments)
        hours = Counter({int(text): times for text, times in texts.items()})
        seconds = _seconds_by_hour(window) if hours or not calls else Counter[int]()
        self._read.append(_Read(window, calls, hours, seconds))
        self._newest = max(self._newest or window.end, window.end)
        self._count(self._read[-1], 1)
        while len(self._read) > 1 and self._read[0].window.end < self._newest - MEMORY:
            self._count(self._read.popleft(), -1)

    def _count(self, read: _Read, sign: int) -> None:
        self._calls += sign * read.calls
        self._seconds += sign * read.window.length.total_seconds()
        for hour, calls in read.hours.items():
            self._hours[hour] += sign * calls
        for hour, seconds in read.seconds.items():
            self._hour_seconds[hour] += sign * seconds

    def expected(self, window: Window) -> float | None:
        """How many calls a window should hold by those read before; None where none were."""
        if self._read:
            if window.length >= LONGER_THAN_ITS_HOURS:
                return self._calls * (window.length.total_seconds() / self._seconds)
            paces = self._paces()
            return sum(paces[hour] * length for hour, length in _seconds_by_hour(window).items())
        if self.calls_per_day is None:
            return None
        return self.calls_per_day * (window.length / A_DAY)

    def length_of(self, calls: int, start: datetime) -> timedelta | None:
        """How long a window is that should hold so many calls; None where none are expected."""
        if not self._calls:
            return None
        even = timedelta(seconds=self._seconds * calls / self._calls)
        if even >= LONGER_THAN_ITS_HOURS:
            return even
        paces, left, end = self._paces(), float(calls), start
        for hour in _hours(Window(start, start + 2 * LONGER_THAN_ITS_HOURS)):
            pace, seconds = paces[hour.start.hour], hour.length.total_seconds()
            if pace * seconds >= left:
                return hour.start + timedelta(seconds=left / pace) - start
            left, end = left - pace * seconds, hour.end
        return end - start

    def _paces(self) -> list[float]:
        """How many calls a second of each hour of the day should hold."""
        even = self._calls / self._seconds
        calls, seconds = self._hours.total(), self._hour_seconds.total()
        if not calls or not seconds:
            return [even] * HOURS
        usual = calls / seconds
        unknown = CALLS_OF_AN_UNKNOWN_HOUR
        return [
            even * (self._hours[hour] + unknown) / (self._hour_seconds[hour] * usual + unknown)
            for hour in range(HOURS)
        ]


def _hours(window: Window) -> Iterator[Window]:
    """A window's hours of the day, in order, the first and the last of them cut."""
    first = floor(window.start, HOUR)
    count = -(-(window.end - first) // HOUR)
    edges = [window.start, *(first + n * HOUR for n in range(1, count)), window.end]
    return (Window(a, b) for a, b in pairwise(edges))


def _seconds_by_hour(window: Window) -> Counter[int]:
    """How many seconds of each hour of the day lie in a window."""
    days = window.length // A_DAY
    rest = Window(window.start + days * A_DAY, window.end)
    seconds = Counter(dict.fromkeys(range(HOURS), days * int(HOUR.total_seconds())))
    for hour in _hours(rest) if rest else ():
        seconds[hour.start.hour] += int(hour.length.total_seconds())
    return seconds
