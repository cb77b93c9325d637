"""One vendor's world: its calls, its clock, and what is true of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tap_callhistory.sandbox.world.behaviour import Behaviour, FilterField
from tap_callhistory.sandbox.world.call import Call, as_of
from tap_callhistory.sandbox.world.index import DateIndex, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from tap_callhistory.sandbox.http import ApiAnswer, ApiRequest
    from tap_callhistory.sandbox.world.query import Query

REMEMBERED_QUERIES = 24


def real_clock() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


class Api(Protocol):
    """A vendor's API over its world, as the world and its users see it.

    `sandbox.vendors.base.SandboxVendor` says what each member means.
    """

    name: ClassVar[str]
    stream: ClassVar[str]
    usual: ClassVar[Behaviour]
    undocumented: ClassVar[frozenset[str]]

    def __init__(self, world: World) -> None: ...

    @property
    def behaviour(self) -> Behaviour:
        """How this vendor behaves where its pages leave it open."""
        ...

    def records(self, calls: Sequence[Call], now: datetime) -> bytes:
        """Write calls as a JSON array."""
        ...

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Answer a request as the vendor would."""
        ...

    def error(self, status: int, message: str, code: str | int | None = None) -> ApiAnswer:
        """Write an error in the vendor's own style."""
        ...

    def settings(self, base_url: str) -> dict[str, Any]:
        """Return the tap's settings for this vendor."""
        ...

    def declared(self, call: Call, now: datetime) -> dict[str, Any]:
        """Return a call's row as the warehouse should hold it."""
        ...

    def call_id(self, call: Call) -> str | int:
        """Return the vendor's id of a call."""
        ...

    def number(self, party: str) -> str:
        """Write a number as the vendor does."""
        ...

    def known_until(self, call: Call, now: datetime) -> datetime:
        """Return up to which instant the vendor knows a call's course."""
        ...

    def stored(self, instant: datetime) -> int:
        """Return an instant in microseconds of the vendor's clock."""
        ...

    def dated(
        self, call: Call, field: FilterField, now: datetime
    ) -> tuple[datetime, datetime | None]:
        """Return one of a call's dates, and until when it stays that way."""
        ...

    def sort_key(self, name: str, now: datetime) -> Callable[[Call], Any]:
        """Return the function that calls are sorted by."""
        ...


class World:
    """What one vendor knows; it changes as its clock runs on and as tests say.

    Safe to use from several threads.

    Args:
        made: The vendor's API.
        calls: Its calls, past and to come.
        clock: Gives the present instant, aware; may stand still.
        behaviour: How the vendor reads its own documentation.

    Attributes:
        api: The vendor's API over this world.
    """

    def __init__(
        self,
        made: type[Api],
        calls: Iterable[Call],
        clock: Callable[[], datetime] = real_clock,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.vendor = made.name
        self.clock = clock
        self.behaviour = (behaviour or Behaviour()).over(made.usual)
        self.lock = threading.RLock()
        self.api: Api = made(self)
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
        extensions); seconds are exact, while vendors round theirs. Records of one conversation have
        the same `conversation`.
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
        bounds = self.behaviour.bounds
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
        publish, change = self.behaviour.publish_delay, self.behaviour.change_delay
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

    def _neutral(self, call: Call, present: datetime) -> dict[str, Any]:
        now = self.api.known_until(call, present)
        over = not call.in_progress(now)
        answered = as_of(call.answered_at, now)
        return {
            "vendor": self.vendor,
            "call_id": self.api.call_id(call),
            "sequence": call.sequence,
            "conversation": call.conversation or call.sequence,
            "direction": call.direction,
            "status": call.outcome if over else "in_progress",
            "from_number": self.api.number(call.caller),
            "to_number": self.api.number(call.callee),
            "from_e164": call.caller if call.caller.startswith("+") else None,
            "to_e164": call.callee if call.callee.startswith("+") else None,
            "line_e164": call.line,
            "extension": call.extension,
            "abandoned": call.abandoned and over,
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
