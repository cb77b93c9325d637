"""Counts and durations, as they are told to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pendulum

if TYPE_CHECKING:
    from datetime import timedelta


def counted(number: int, noun: str) -> str:
    """Tell how many there are: ``1 request``, ``1,200 requests``; the noun takes an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def in_words(length: timedelta) -> str:
    """Tell a duration that is not negative: ``37 minutes 12 seconds``.

    From a second on, it is told in whole seconds.
    """
    seconds = length.total_seconds()
    if not seconds:
        return "0 seconds"  # where pendulum says microseconds
    whole = round(seconds) if seconds >= 1 else seconds
    return pendulum.duration(seconds=whole).in_words(locale="en")
