"""What the sandbox's vendors have in common: pages, totals, dates and what is said of a call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from tap_callhistory.sandbox.http import Refusal, Silence
from tap_callhistory.sandbox.vendors import odd_answers
from tap_callhistory.sandbox.world.stamps import microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tap_callhistory.sandbox.http import ApiAnswer, ApiRequest
    from tap_callhistory.sandbox.world.behaviour import Behaviour, FilterField, Resolution
    from tap_callhistory.sandbox.world.call import Call, Place
    from tap_callhistory.sandbox.world.world import World

REMEMBERED_RECORDS = 200_000
ASSUMED_CAP_OF_TOTALS = 10_000


class SandboxVendor(ABC):
    """One vendor's API over its world. Answering does no I/O and never waits.

    Args:
        world: The vendor's world.
    """

    name: ClassVar[str]
    stream: ClassVar[str]
    place: ClassVar[Place]
    usual: ClassVar[Behaviour]
    stored_resolution: ClassVar[Resolution]
    list_name: ClassVar[str]
    undocumented: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, world: World) -> None:
        self.world = world
        self._pages = 0
        self._logged_in_at: datetime | None = None
        self._is_page = self._is_empty = False
        self._records: dict[int, tuple[Call, int, bytes]] = {}

    @property
    def behaviour(self) -> Behaviour:
        """How this vendor reads its documentation."""
        return self.world.behaviour

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Answer a request as the vendor would."""
        hardship = self.behaviour.hardship
        if (gate := odd_answers.gated(request, hardship)) is not None:
            return gate
        try:
            with self.world.lock:
                self._is_page = self._is_empty = False
                answer = self._adjusted(self.route(request))
        except Refusal as refusal:
            answer = self.error(refusal.status, refusal.message, refusal.code)
            answer = replace(answer, headers={**answer.headers, **refusal.headers})
            if self.behaviour.errors_in_ok:
                answer = replace(answer, status=200)
        return odd_answers.encoded(answer, request, hardship)

    def _adjusted(self, answer: ApiAnswer) -> ApiAnswer:
        hardship = self.behaviour.hardship
        if self._is_page and self._is_empty and hardship.nothing:
            return odd_answers.without_calls(answer, self.list_name, hardship)
        if self._is_page and hardship.numbered:
            return odd_answers.numbered(answer, self.list_name)
        return answer

    def log_in(self) -> None:
        """Note that a login succeeded now."""
        self._logged_in_at = self.world.now()

    def check_login(self) -> None:
        """Refuse a token that the vendor's other machines do not know yet."""
        seconds, since = self.behaviour.hardship.fresh_token_seconds, self._logged_in_at
        if since is not None and self.world.now() < since + timedelta(seconds=seconds):
            raise Refusal(401, "Unauthenticated.")

    def cut(self, found: list[Call], first: int, size: int) -> list[Call]:
        """Return the calls of one page, or fail as the vendor's hardship says.

        Args:
            found: The window's calls that can be had.
            first: The page's first row, from 0.
            size: The page size.

        Raises:
            Refusal: The vendor cannot carry it.
            Silence: It never answers.
        """
        hardship = self.behaviour.hardship
        self._is_page, self._is_empty = True, not found
        self._pages += 1
        if hardship.limit_every and self._pages % hardship.limit_every == 0:
            raise Refusal(403, "Rate limit exceeded.", headers={"Retry-After": "1"})
        if hardship.blinks_every and self._pages % hardship.blinks_every == 0:
            raise Refusal(404, "Not found.")
        if hardship.deepest_row is not None and first + size > hardship.deepest_row:
            if hardship.deep_silence:
                raise Silence
            raise Refusal(500, f"Result window is too large: [{hardship.deepest_row}]")
        calls = found[first : first + size]
        if any(call.sequence == hardship.broken_call for call in calls):
            raise Refusal(500, "Server Error")
        if hardship.thin_every and self._pages % hardship.thin_every == 0:
            return calls[: len(calls) // 2] if hardship.thin == "halved" else []
        if hardship.twice is not None:
            return [
                each
                for call in calls
                for each in ([call, _again(call)] if call.sequence == hardship.twice else [call])
            ]
        return calls

    @abstractmethod
    def route(self, request: ApiRequest) -> ApiAnswer:
        """Answer a request or raise a Refusal."""

    @abstractmethod
    def error(self, status: int, message: str, code: str | int | None = None) -> ApiAnswer:
        """Write an error in the vendor's own style."""

    @abstractmethod
    def settings(self, base_url: str) -> dict[str, Any]:
        """Return the tap's settings for this vendor, served under `base_url`."""

    @abstractmethod
    def record(self, call: Call, now: datetime) -> dict[str, Any]:
        """Write a call as the vendor's API shows it at `now`."""

    @abstractmethod
    def row(self, call: Call, now: datetime) -> dict[str, Any]:
        """Write a call as the warehouse should hold it at `now`."""

    @abstractmethod
    def call_id(self, call: Call) -> str | int:
        """Return the vendor's id of a call."""

    @abstractmethod
    def number(self, party: str) -> str:
        """Write a number in E.164, or an extension, as the vendor does."""

    def known_until(self, call: Call, now: datetime) -> datetime:  # noqa: ARG002 - most know all
        """Return up to which instant the vendor knows a call's course."""
        return now

    def started(self, call: Call) -> datetime | None:
        """Return what the vendor calls the start of a call."""
        return call.started_at

    def stored(self, instant: datetime) -> int:
        """Return an instant in microseconds of the vendor's clock, as its database keeps it."""
        return microseconds(instant, self.stored_resolution)

    def parameter(self, wall: datetime) -> int:
        """Return a date parameter in microseconds of the vendor's clock, as it is understood."""
        return microseconds(wall, self.behaviour.parameter_resolution)

    def dated(
        self, call: Call, field: FilterField, now: datetime
    ) -> tuple[datetime, datetime | None]:
        """Return one of a call's dates as of `now`, and until when it stays that way."""
        if field == "created":
            return call.created_at, None
        if field == "updated":
            return call.updated_at(now), min(
                (change for change in call.changes if change > now), default=None
            )
        instant = self.started(call) if field == "started" else call.ended_at
        if instant is None:
            return call.created_at, None
        return (instant, None) if instant <= now else (call.created_at, instant)

    def sort_key(self, name: str, now: datetime) -> Callable[[Call], Any]:
        """Return the function that calls are sorted by."""
        keys: dict[str, Callable[[Call], Any]] = {
            "id": lambda call: call.sequence,
            "created": lambda call: call.created_at,
            "started": lambda call: self.dated(call, "started", now)[0],
            "updated": lambda call: call.updated_at(now),
            "duration": lambda call: call.total_seconds,
        }
        return keys[name]

    def usual_order(self) -> tuple[tuple[str, bool], ...]:
        """Return the order of pages where the request asks for none."""
        if self.behaviour.order == "id":
            return (("id", False),)
        newest = self.behaviour.order == "newest"
        return (("created", newest), ("id", newest))

    def declared(self, call: Call, now: datetime) -> dict[str, Any]:
        """Return a call's row, with what the vendor sends beyond its documentation."""
        extra = dict(self.behaviour.extra_fields)
        return {**self.row(call, now), "_extra": compact(extra) if extra else None}

    def records(self, calls: Sequence[Call], now: datetime) -> bytes:
        """Write calls as a JSON array, from memory where they have not changed."""
        return b"[" + b",".join([self._written(call, now) for call in calls]) + b"]"

    def _written(self, call: Call, now: datetime) -> bytes:
        stage = call.stage(now)
        known = self._records.get(call.sequence)
        if known is not None and known[0] is call and known[1] == stage:
            return known[2]
        if len(self._records) >= REMEMBERED_RECORDS:
            self._records.clear()
        record = self.record(call, now)
        if self.behaviour.odd_types:
            record = {
                key: value if key in self.undocumented else odd(value)
                for key, value in record.items()
            }
        record |= dict(self.behaviour.extra_fields)
        written = msgspec.json.encode(record)
        self._records[call.sequence] = (call, stage, written)
        return written

    def reachable(self, found: list[Call]) -> list[Call]:
        """Return those calls of a window that can be had at all."""
        heavy = self.behaviour.hardship.heavy_calls
        if heavy is not None and len(found) > heavy:
            raise Refusal(500, "Server Error")
        cap = self.behaviour.result_cap
        if not cap or len(found) <= cap:
            return found
        if self.behaviour.cap_style == "error":
            raise Refusal(400, f"No more than {cap} records for one period.")
        return found[:cap]

    def total(self, found: list[Call]) -> int | None:
        """Return what the vendor calls the total of a window; None if it gives none."""
        kind = self.behaviour.total
        if kind == "none":
            return None
        if kind == "all":
            return self.world.count()
        if kind == "capped":
            return min(len(found), self.behaviour.result_cap or ASSUMED_CAP_OF_TOTALS)
        return len(found) + (7 if kind == "lie" else 0) + self.behaviour.hardship.surplus

    def page_number(self, number: int, size: int, found: list[Call]) -> int:
        """Return the page (from 0) that is served when page `number` is asked for."""
        if not self.behaviour.clamp_pages:
            return number
        return min(number, max(0, (len(found) - 1) // size))

    def page_size(self, asked: int | None) -> int:
        """Return the page size that is served when `asked` is asked for."""
        size = self.behaviour.default_page if asked is None else asked
        largest = self.behaviour.largest_page
        if size > largest and self.behaviour.oversize == "refuse":
            raise Refusal(self.invalid_status, self.too_large.format(largest=largest))
        return min(size, largest)

    def page_step(self, asked: int | None, size: int) -> int:
        """Return how many rows lie between the beginnings of two pages, where `size` are served."""
        return asked if asked and self.behaviour.oversize == "skip" else size

    invalid_status: ClassVar[int] = 400
    too_large: ClassVar[str] = "The page size must not be above {largest}."

    def check_span(self, since: datetime | None, until: datetime | None) -> None:
        """Refuse a window that the vendor does not take.

        Args:
            since: Its beginning by the vendor's clock, aware or not as the vendor writes it.
            until: Its end.
        """
        hardship, now = self.behaviour.hardship, self.world.now()
        status = hardship.refused_status or self.invalid_status
        days = self.behaviour.largest_span_days
        open_ended = since is None or until is None
        length = None if since is None or until is None else until - since
        if days is not None and (length is None or length > timedelta(days=days)):
            words = hardship.refused_words or f"The period must not exceed {days} days."
            raise Refusal(status, words)
        if hardship.refuses_future and until and self.parameter(until) > self.stored(now):
            words = "The end must be a date before or equal to now."
            raise Refusal(status, hardship.refused_words or words)
        youngest = hardship.youngest_end_minutes
        if youngest is not None and (
            until is None or self.parameter(until) > self.stored(now - timedelta(minutes=youngest))
        ):
            words = f"The end must lie back by {youngest:g} minutes."
            raise Refusal(status, hardship.refused_words or words)
        kept = hardship.retention_days
        if kept is not None and (
            since is None or self.parameter(since) < self.stored(now - timedelta(days=kept))
        ):
            words = f"Calls are kept for {kept:g} days."
            raise Refusal(status, hardship.refused_words or words)
        hours = hardship.slow_span_hours
        if hours is not None and (open_ended or (length and length > timedelta(hours=hours))):
            raise Refusal(504, "Gateway Time-out")


def _again(call: Call) -> Call:
    """Return a call as a second row under its id shows it: to another number."""
    return replace(call, callee=call.callee[:-1] + str((int(call.callee[-1]) + 1) % 10))


def compact(value: Any) -> str:
    """Write a structure as compact JSON text with sorted keys."""
    return msgspec.json.encode(value, order="sorted").decode()


def odd(value: Any) -> Any:
    """Write numbers and booleans as strings, at every level."""
    if isinstance(value, dict):
        return {key: odd(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [odd(inner) for inner in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
