"""The ledger: a row for every window that was read, and a mark per stream: up to where it has rows.

    {"entered_until": {"utel_call_history": "2026-01-13T12:00:00.000000Z"}}

A loader flushes each stream at its own time: it may give back the bookmark of a stream of calls
while rows of the ledger are still in its buffer. So the mark is not the bookmark: it lies in the
ledger's own part of the state, and a run begins at the earlier of the two. The windows whose rows a
kill has cost are read, and entered, again. All marks stand in a STATE before the first record,
since a loader may keep the first STATE for all that it has not flushed.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from datetime import datetime

    from tap_callhistory.reading.pages import ReadCall
    from tap_callhistory.reading.read_windows import ReadWindow

NAME: Final = "callhistory_windows"
KEY: Final = ("stream", "window_start", "read_at")
READ_AT: Final = "read_at"
ENTERED_UNTIL: Final = "entered_until"
TAP_VERSION: Final = version("tap-callhistory")


class Marks:
    """Up to where the ledger holds the windows of each stream, in its part of the Singer state.

    Args:
        state: The ledger's part of the state; written in place.
        kept: Whether the ledger is selected. If not, no stream has a mark: windows that no row
            tells of must not be claimed later.
    """

    def __init__(self, state: MutableMapping[str, Any], *, kept: bool) -> None:
        self._state = state
        self._kept = kept
        if not kept:
            state.pop(ENTERED_UNTIL, None)

    def open(self, stream: str, bookmark: object, start_date: datetime) -> None:
        """Let a stream have a mark before its first record.

        Args:
            stream: Its name.
            bookmark: The value in its state; None for none. Without a mark, as in the state of a
                version that kept no ledger, what it claims was read without one.
            start_date: Where a stream without a bookmark begins.
        """
        if not self._kept:
            return
        if bookmark is None:
            self._marks()[stream] = fixed_width(start_date)
        elif isinstance(bookmark, str):
            self._marks().setdefault(stream, bookmark)

    def of(self, stream: str) -> datetime | None:
        """Up to where a stream is entered; None where the ledger is not kept.

        Raises:
            StateError: The mark is nonsense.
        """
        mark = self._marks().get(stream) if self._kept else None
        try:
            return None if mark is None else parse_instant(mark)
        except (TypeError, ValueError):
            raise _nonsense(
                f"its mark of {stream} is not a date-time with an offset or Z"
            ) from None

    def move(self, stream: str, instant: datetime) -> None:
        """Note that a stream is entered up to an instant; a mark never moves back."""
        known = self.of(stream)
        if self._kept and (known is None or known < instant):
            self._marks()[stream] = fixed_width(instant)

    def _marks(self) -> dict[str, Any]:
        marks = self._state.setdefault(ENTERED_UNTIL, {})
        if not isinstance(marks, dict):
            raise _nonsense(f"its {ENTERED_UNTIL} is not an object")
        return marks


def _nonsense(fault: str) -> StateError:
    return StateError(
        f"the state of {NAME} cannot be trusted: {fault}. Nothing was read. Restore the last good "
        f"state, or take {NAME} out of it: history that was read before is then not in the ledger"
    )


@dataclass(frozen=True, slots=True)
class Entries:
    """Makes the rows of one stream's windows in one run.

    Attributes:
        facts: The columns that are the same for all windows of the run.
        born_since: Where the run's new history begins, fixed-width UTC, for a stream whose calls
            move; None for others.
    """

    facts: Mapping[str, Any]
    born_since: str | None = None

    def row(self, read: ReadWindow, purpose: str) -> dict[str, Any]:
        """The row of a window.

        Args:
            read: The window, its calls sorted by (bad or not, replication key, key).
            purpose: new or revisit.
        """
        start, end = fixed_width(read.window.start), fixed_width(read.window.end)
        calls = read.calls
        good = bisect_left(calls, True, key=lambda call: call.lines is None)  # noqa: FBT003 - sought
        first = bisect_left(calls, start, hi=good, key=lambda call: call.moment)
        last = bisect_left(calls, end, lo=first, hi=good, key=lambda call: call.moment)
        inside = calls[first:last]
        return {
            **self.facts,
            "window_start": start,
            "window_end": end,
            READ_AT: read.read_at,
            "purpose": purpose,
            "calls": len(inside),
            "calls_written": sum(call.own for call in inside),
            "calls_born": self._born(inside, purpose, end),
            "calls_elsewhere": good - len(inside),
            "bad_records": len(calls) - good,
            "vendor_total": read.total,
            "proof": read.proof or None,
            "complete": read.complete,
            "reason": read.reason or None,
            "requests": read.requests,
            "rereads": read.rereads,
        }

    def _born(self, calls: list[ReadCall], purpose: str, end: str) -> int | None:
        if self.born_since is None or purpose != "new":
            return None
        stamps = [_created_at(call.lines) for call in calls if call.own and call.lines]
        return sum(stamp is not None and self.born_since <= stamp < end for stamp in stamps)


class _Created(msgspec.Struct):
    created_at: str | None = None


class _Message(msgspec.Struct):
    record: _Created


_message = msgspec.json.Decoder(_Message)


def _created_at(lines: bytes) -> str | None:
    """When a written call was created; None where its line does not say so."""
    return _message.decode(lines.partition(b"\n")[0]).record.created_at


def scope_of(filters: Mapping[str, Any], timezone: str | None, maps: object) -> str:
    """A fingerprint of what decides which calls are read and written.

    Args:
        filters: The vendor's settings that choose calls.
        timezone: The zone of the vendor's clock, where a setting says it.
        maps: The user's map of the stream, if there is one; its filter counts.
    """
    chosen = maps.get("__filter__") if isinstance(maps, dict) else None
    text = msgspec.json.encode([dict(filters), timezone, chosen], order="deterministic")
    return hashlib.sha256(text).hexdigest()[:16]
