"""Which part of a stretch is covered by others, and which is not. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_callhistory.reading.windows import Window, merged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


def gaps(stretch: Window, covered: Iterable[Window]) -> list[Window]:
    """What of a stretch nothing covers, in order."""
    found = []
    reached = stretch.start
    for window in merged(covered):
        found.append(Window(reached, min(window.start, stretch.end)))
        reached = max(reached, window.end)
    found.append(Window(reached, stretch.end))
    return [gap for gap in found if gap]


def covered_until(start: datetime, covered: Iterable[Window]) -> datetime:
    """How far windows reach from an instant on without a gap."""
    reached = start
    for window in merged(covered):
        if window.start > reached:
            break
        reached = max(reached, window.end)
    return reached
