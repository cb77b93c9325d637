"""One vendor's world: its calls, its clock, and what is true of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_callhistory.sandbox.vendors.registry import vendor_named
from tap_callhistory.sandbox.world.behaviour import FilterField, Readings
from tap_callhistory.sandbox.world.call import Call, as_of
from tap_callhistory.sandbox.world.index import DateIndex, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from tap_callhistory.sandbox.vendors.base import Query

REMEMBERED_QUERIES = 24


def real_clock() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


class World:
    """What one vendor knows; it changes as its clock runs on and as tests say.

    Safe to use from several threads.

    Args:
        vendor: The vendor's name.
        calls: Its calls, past and to come.
        clock: Gives the present instant, aware; may stand still.
        readings: How the vendor reads its own documentation.

    Attributes:
        api: The vendor's API over this world.
    """

    def __init__(
        self,
        vendor: str,
        calls: Iterable[Call],
        clock: Callable[[], datetime] = real_clock,
        readings: Readings | None = None,
    ) -> None:
        made = vendor_named(vendor)
        self.vendor = vendor
        self.clock = clock
        self.readings = (readings or Readings()).over(made.usual)
        self.lock = threading.RLock()
        self.api = made(self)
        self._calls = {call.sequence: call for call in map(self._delayed, calls)}
        self._indexes: dict[FilterField, DateIndex] = {}
        self._queries: OrderedDict[Hashable, list[Call]] = OrderedDict()
        self._now = clock()

    def now(self) -> datetime:
        """Return the vendor's present instant, having moved everything on to it."""
        with self.lock:
            now = self.clock()
            if now < self._now:
                self._indexes.clear()
                self._queries.clear()
            self._now = now
            moved = [index.advance(now) for index in self._indexes.values()]
            if any(moved):
                self._queries.clear()
            return now

    def add(self, call: Call) -> None:
        """Publish one more call; it shows from its `published_at` on.

        Raises:
            ValueError: There is one with its sequence number.
        """
        with self.lock:
            if call.sequence in self._calls:
                raise ValueError(f"there is a call {call.sequence} already; replace it")
            self._enter(self._delayed(call))

    publish = add

    def replace(self, call: Call) -> None:
        """Put a changed call in the place of the one with its sequence number.

        Raises:
            KeyError: There is none.
        """
        with self.lock:
            self.delete(call.sequence)
            self._enter(self._delayed(call))

    def delete(self, sequence: int) -> None:
        """Forget a call.

        Raises:
            KeyError: There is none of this number.
        """
        with self.lock:
            self.now()
            call = self._calls.pop(sequence)
            for index in self._indexes.values():
                index.remove(call, self._now)
            self._queries.clear()

    def calls(self) -> list[Call]:
        """Return the calls that the vendor shows now, in order of creation."""
        with self.lock:
            return self._index("created", self.now()).between(
                None, None, with_since=True, with_until=True
            )

    def call(self, sequence: int) -> Call:
        """Return one call, shown yet or not.

        Raises:
            KeyError: There is none of this number.
        """
        return self._calls[sequence]

    def truth(self) -> list[dict[str, Any]]:
        """Return the rows that the warehouse should hold now, in the declared form."""
        with self.lock:
            now = self.now()
            return [self.api.declared(call, now) for call in self.calls()]

    def calls_truth(self) -> list[dict[str, Any]]:
        """Return what is true of the calls shown now, whatever the vendor says of them.

        Numbers are as the vendor writes them (`from_number`) and in E.164 (`from_e164`, None for
        extensions); seconds are exact, while vendors round theirs.
        """
        with self.lock:
            now = self.now()
            return [self._neutral(call, now) for call in self.calls()]

    def find(self, query: Query) -> list[Call]:
        """Return the calls that a vendor's answer is about, in its order. Not to be changed."""
        with self.lock:
            now = self.now()
            known = self._queries.get(query.identity)
            if known is None:
                known = self._queries[query.identity] = self._search(query, now)
                if len(self._queries) > REMEMBERED_QUERIES:
                    self._queries.popitem(last=False)
            else:
                self._queries.move_to_end(query.identity)
            return known

    def count(self) -> int:
        """Return how many calls the vendor shows now."""
        with self.lock:
            return len(self._index("created", self.now()))

    def _search(self, query: Query, now: datetime) -> list[Call]:
        bounds = self.readings.bounds
        found = self._index(query.date, now).between(
            query.since,
            query.until,
            with_since=bounds.startswith("["),
            with_until=bounds.endswith("]"),
        )
        for keeps in query.conditions.values():
            found = [call for call in found if keeps(call)]
        for order, descending in reversed(query.order):
            found.sort(key=self.api.sort_key(order, now), reverse=descending)
        return found

    def _index(self, field: FilterField, now: datetime) -> DateIndex:
        index = self._indexes.get(field)
        if index is None:
            index = DateIndex(self._calls.values(), now, self._standing_by(field))
            self._indexes[field] = index
        return index

    def _standing_by(self, field: FilterField) -> Callable[[Call, datetime], Standing]:
        dated, stored = self.api.dated, self.api.stored

        def stand(call: Call, now: datetime) -> Standing:
            if now < call.published_at:
                return Standing(None, call.published_at)
            instant, until = dated(call, field, now)
            return Standing(stored(instant), until)

        return stand

    def _enter(self, call: Call) -> None:
        self.now()
        self._calls[call.sequence] = call
        for index in self._indexes.values():
            index.add(call, self._now)
        self._queries.clear()

    def _delayed(self, call: Call) -> Call:
        publish, change = self.readings.publish_delay, self.readings.change_delay
        if publish:
            call = replace(call, published_at=call.published_at + timedelta(seconds=publish))
        if change:
            call = replace(
                call,
                recording_ready_at=_later(call.recording_ready_at, change),
                rated_at=_later(call.rated_at, change),
                synced_at=_later(call.synced_at, change),
            )
        return call

    def _neutral(self, call: Call, now: datetime) -> dict[str, Any]:
        over = not call.in_progress(now)
        answered = as_of(call.answered_at, now)
        return {
            "vendor": self.vendor,
            "call_id": self.api.call_id(call),
            "sequence": call.sequence,
            "direction": call.direction,
            "status": call.outcome if over else "in_progress",
            "from_number": self.api.number(call.caller),
            "to_number": self.api.number(call.callee),
            "from_e164": call.caller if call.caller.startswith("+") else None,
            "to_e164": call.callee if call.callee.startswith("+") else None,
            "line_e164": call.line,
            "extension": call.extension,
            "ended_by": call.ended_by if over else None,
            "ring_seconds": call.ring_seconds if over or answered else None,
            "talk_seconds": call.talk_seconds if over else None,
            "total_seconds": call.total_seconds if over else None,
            "created_at": call.created_at,
            "started_at": as_of(call.started_at, now),
            "answered_at": answered,
            "ended_at": as_of(call.ended_at, now),
            "recording_ready_at": as_of(call.recording_ready_at, now),
            "updated_at": call.updated_at(now),
        }


def _later(instant: datetime | None, seconds: float) -> datetime | None:
    return None if instant is None else instant + timedelta(seconds=seconds)
