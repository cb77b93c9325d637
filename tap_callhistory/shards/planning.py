"""How history is divided into shards: by months, as many calls as a run takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tap_callhistory.reading.windows import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CALLS_PER_SHARD = 250_000
"""A shard costs seconds of processor time before its first call; so many calls take minutes."""
DECEMBER = 12


def months_of(stretch: Window) -> list[Window]:
    """A stretch cut at the first of every month, in UTC."""
    months = []
    start = stretch.start
    while start < stretch.end:
        end = min(_next_month(start), stretch.end)
        months.append(Window(start, end))
        start = end
    return months


@dataclass(frozen=True, slots=True)
class Stretch:
    """Adjoining months that one shard reads.

    Attributes:
        window: From the first month's start to the last one's end.
        expected_calls: How many calls it is expected to hold.
    """

    window: Window
    expected_calls: int


def stretches(
    months: Sequence[Window], calls: Mapping[Window, float], calls_per_shard: int
) -> list[Stretch]:
    """Put adjoining months together until a shard holds about as many calls as it should.

    Args:
        months: In order, adjoining.
        calls: How many calls each of some months holds; others hold what lies between.
        calls_per_shard: No shard of several months is expected to hold more.
    """
    found: list[Stretch] = []
    for month, expected in zip(months, _estimates(months, calls), strict=True):
        if found and found[-1].expected_calls + expected <= calls_per_shard:
            last = found.pop()
            window = Window(last.window.start, month.end)
            found.append(Stretch(window, last.expected_calls + expected))
        else:
            found.append(Stretch(month, expected))
    return found


def spread(months: Sequence[Window], most: int) -> list[Window]:
    """At most so many of the months, evenly spread, the first and the last among them."""
    if len(months) <= most or most < 2:  # noqa: PLR2004 - two ends
        return list(months[: max(most, 1)] if len(months) > most else months)
    places = {round(place * (len(months) - 1) / (most - 1)) for place in range(most)}
    return [months[place] for place in sorted(places)]


def _estimates(months: Sequence[Window], calls: Mapping[Window, float]) -> list[int]:
    """Calls of every month: as counted, or by the density on the line between two counted ones."""
    counted = [
        (place, calls[month] / (month.length.total_seconds() or 1))
        for place, month in enumerate(months)
        if month in calls
    ]
    return [
        round(calls[month] if month in calls else _between(counted, place) * seconds)
        for place, month in enumerate(months)
        for seconds in [month.length.total_seconds()]
    ]


def _between(counted: Sequence[tuple[int, float]], place: int) -> float:
    before = [each for each in counted if each[0] < place][-1:]
    after = [each for each in counted if each[0] > place][:1]
    if not before or not after:
        return (before or after or [(0, 0.0)])[0][1]
    ((first, low), (last, high)) = (before[0], after[0])
    return low + (high - low) * (place - first) / (last - first)


def _next_month(instant: datetime) -> datetime:
    years, month = divmod(instant.month, DECEMBER)
    return datetime(instant.year + years, month + 1, 1, tzinfo=UTC)
