"""Windows that were read, as they leave. Pure data."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from tap_callhistory.clocks import fixed_width
from tap_callhistory.reading.windows import A_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_callhistory.reading.pages import ReadCall
    from tap_callhistory.reading.windows import Window


class ReadWindow(NamedTuple):
    """A window that was read, and what the reading of it came to.

    Attributes:
        window: The window.
        calls: All its calls, sorted by (bad or not, replication key, key).
        total: How many calls the vendor itself counted; None where it does not count.
        read_at: When the pass began that proved itself; fixed-width UTC.
        requests: How many pages were asked for.
        rereads: How many passes did not prove themselves.
        proof: How it was proved to be whole.
        complete: Whether it was read whole.
        reason: Why not, if it was not.
        doubles: Keys under which one answer held rows that differ; the last one is in `calls`.
        strays: How many calls are dated more than a day outside of it.
    """

    window: Window
    calls: list[ReadCall]
    total: int | None = None
    read_at: str = ""
    requests: int = 0
    rereads: int = 0
    proof: str = ""
    complete: bool = True
    reason: str = ""
    doubles: frozenset[str | int] = frozenset()
    strays: int = 0


def in_order(calls: Iterable[ReadCall]) -> list[ReadCall]:
    """Calls as they leave: bad ones last, else by replication key and key."""
    return sorted(calls, key=lambda call: (call.lines is None, call.moment, call.key))


def strays(calls: Sequence[ReadCall], window: Window) -> int:
    """How many calls, in order, are dated more than a day before or after a window."""

    def place(call: ReadCall) -> tuple[bool, str]:
        return call.lines is None, call.moment

    first = bisect_left(calls, (False, fixed_width(window.start - A_DAY)), key=place)
    behind = bisect_left(calls, (False, fixed_width(window.end + A_DAY)), key=place)
    return first + bisect_left(calls, (True, ""), key=place) - behind
