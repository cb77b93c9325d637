"""Calls sorted by one of their dates, as they stand at an instant that moves on."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from tap_callhistory.sandbox.world.call import Call


class Standing(NamedTuple):
    """Where a call stands in an index at some instant.

    Attributes:
        key: Its date in microseconds; None while the vendor does not show the call.
        until: When that changes; None if it never does.
    """

    key: int | None
    until: datetime | None


class DateIndex:
    """The visible calls in order of one date, ties in order of their sequence numbers.

    Args:
        calls: All calls, visible or not yet.
        now: The instant at which they stand.
        stand: Says where a call stands at an instant.
    """

    def __init__(
        self, calls: Iterable[Call], now: datetime, stand: Callable[[Call, datetime], Standing]
    ) -> None:
        self._stand = stand
        self._moving: dict[int, tuple[Call, int | None]] = {}
        self._turns: list[tuple[datetime, int]] = []
        placed = []
        for call in calls:
            key = self._follow(call, now)
            if key is not None:
                placed.append((key, call.sequence, call))
        placed.sort(key=lambda entry: entry[:2])
        self._keys = array("q", [key for key, _, _ in placed])
        self._calls = [call for _, _, call in placed]

    def __len__(self) -> int:
        return len(self._calls)

    def between(
        self, since: int | None, until: int | None, *, with_since: bool, with_until: bool
    ) -> list[Call]:
        """Return the calls of a window, in order; a bound of None is open."""
        first, last = 0, len(self._keys)
        if since is not None:
            first = (bisect_left if with_since else bisect_right)(self._keys, since)
        if until is not None:
            last = (bisect_right if with_until else bisect_left)(self._keys, until)
        return self._calls[first:last]

    def advance(self, now: datetime) -> bool:
        """Move on to `now`; return whether any call appeared or changed its place."""
        moved = False
        while self._turns and self._turns[0][0] <= now:
            _, sequence = heapq.heappop(self._turns)
            call, key = self._moving.pop(sequence, (None, None))
            if call is None:
                continue
            self._take_out(call, key)
            self._put_in(call, self._follow(call, now))
            moved = True
        return moved

    def add(self, call: Call, now: datetime) -> None:
        """Take in a call, as it stands at `now`."""
        self._put_in(call, self._follow(call, now))

    def remove(self, call: Call, now: datetime) -> None:
        """Take out a call that stands as it does at `now`."""
        _, key = self._moving.pop(call.sequence, (call, self._stand(call, now).key))
        self._take_out(call, key)

    def _follow(self, call: Call, now: datetime) -> int | None:
        key, until = self._stand(call, now)
        if until is not None:
            self._moving[call.sequence] = (call, key)
            heapq.heappush(self._turns, (until, call.sequence))
        return key

    def _put_in(self, call: Call, key: int | None) -> None:
        if key is not None:
            place = self._place(key, call.sequence)
            self._keys.insert(place, key)
            self._calls.insert(place, call)

    def _take_out(self, call: Call, key: int | None) -> None:
        if key is not None:
            place = self._place(key, call.sequence)
            del self._keys[place]
            del self._calls[place]

    def _place(self, key: int, sequence: int) -> int:
        first, last = bisect_left(self._keys, key), bisect_right(self._keys, key)
        return bisect_left(self._calls, sequence, first, last, key=lambda call: call.sequence)
