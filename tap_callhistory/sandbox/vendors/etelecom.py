"""eTelecom on loopback: `POST /etelecom/v1/shop.Etelecom/ListCallLogs`."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from typing_extensions import override

from tap_callhistory.sandbox.http import (
    ApiAnswer,
    ApiRequest,
    Refusal,
    json_answer,
    require_bearer,
    wrapped,
)
from tap_callhistory.sandbox.vendors import etelecom_terms as terms
from tap_callhistory.sandbox.vendors.base import SandboxVendor
from tap_callhistory.sandbox.vendors.etelecom_filter import FILTERS, conditions_of
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.call import Call, Place, as_of
from tap_callhistory.sandbox.world.query import Query
from tap_callhistory.sandbox.world.stamps import (
    fixed_width,
    microseconds,
    milliseconds_utc,
    truncated,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_callhistory.sandbox.world.behaviour import FilterField, Resolution

PATH = "/etelecom/v1/shop.Etelecom/ListCallLogs"
API_KEY = "sandbox-etelecom-key"
PAGING = frozenset({"after", "before", "limit", "sort"})
SORTS = {
    "": None,
    "-started_at": (("started", True), ("id", True)),
    "started_at": (("started", False), ("id", False)),
    "-created_at": (("created", True), ("id", True)),
    "created_at": (("created", False), ("id", False)),
}
NO_DATE = "0001-01-01T00:00:00Z"
CODES = {
    400: "invalid_argument",
    401: "unauthenticated",
    403: "permission_denied",
    404: "bad_route",
    429: "resource_exhausted",
    503: "unavailable",
}
END_REASONS = {
    "answered": "normal_clearing",
    "missed": "no_answer",
    "busy": "user_busy",
    "failed": "network_out_of_order",
    "cancelled": "originator_cancel",
}
_DATES: dict[str, Callable[[Call], datetime]] = {
    "created": terms.inserted,
    "started": terms.started,
}
FAIL_CODES = {"answered": 0, "missed": 480, "busy": 486, "failed": 503, "cancelled": 487}


class Etelecom(SandboxVendor):
    """An opaque cursor without a total; aware stamps; year 0001 and id "0" mean none.

    As in the vendor's backend: calls are imported from the exchange after their end, a client may
    record one at its beginning, and an internal call has a record for each of its two ends.
    """

    name: ClassVar[str] = "etelecom"
    list_name: ClassVar[str] = "call_logs"
    stream: ClassVar[str] = "etelecom_call_logs"
    place: ClassVar[Place] = Place(
        zone="Asia/Ho_Chi_Minh",
        country_code="84",
        mobile_prefixes=("90", "91", "98", "70", "35"),
        line_prefix="86",
        national_digits=9,
        imported=True,
        two_records=True,
    )
    usual: ClassVar[Behaviour] = Behaviour(
        parameter_resolution="millisecond",
        zone="UTC",
        largest_page=1000,
        default_page=100,
        order="newest",
        total="none",
    )
    stored_resolution: ClassVar[Resolution] = "millisecond"

    @override
    def settings(self, base_url: str) -> dict[str, Any]:
        return {"api_key": API_KEY, "api_url": f"{base_url}/etelecom/v1/shop.Etelecom"}

    @override
    def error(self, status: int, message: str, code: str | int | None = None) -> ApiAnswer:
        return json_answer(status, {"code": code or CODES.get(status, "internal"), "msg": message})

    @override
    def route(self, request: ApiRequest) -> ApiAnswer:
        if (request.method, request.path) != ("POST", PATH) or request.query:
            raise Refusal(404, f"bad route {request.method} {request.path}")
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise Refusal(400, "unexpected Content-Type")
        require_bearer(request, API_KEY, 401, "invalid api key")
        filters, paging = _parts(request.body)
        query = self._query(filters, paging)
        return self._page(self.reachable(self.world.find(query)), paging, query.order)

    def _query(self, filters: dict[str, Any], paging: dict[str, Any]) -> Query:
        since, until = _date(filters, "date_from"), _date(filters, "date_to")
        if (since is None) != (until is None):
            raise Refusal(400, "date_from and date_to must be given together")
        if since is not None and until is not None and until <= since:
            raise Refusal(400, "date_to must be after date_from")
        self.check_span(since, until)
        if self.behaviour.hardship.forgets_filter and paging.get("after", "") not in {"", "."}:
            since = until = None
        now = self.world.now()
        sort = paging.get("sort", "")
        if sort not in SORTS:
            raise Refusal(400, "paging.sort is invalid")
        return Query(
            date=self.behaviour.filter_field,
            since=None if since is None else self.parameter(since),
            until=None if until is None else self.parameter(until),
            order=SORTS[sort] or self.usual_order(),
            conditions=conditions_of(filters, now),
            moment=now if "call_state" in filters or "duration" in filters else None,
        )

    def _page(
        self, found: list[Call], paging: dict[str, Any], order: tuple[tuple[str, bool], ...]
    ) -> ApiAnswer:
        limit = self.page_size(_limit(paging))
        after = paging.get("after", "")
        first, last = self._span(found, after, limit, order)
        calls = self.cut(found, first, last - first)
        told = {
            "after": after,
            "before": paging.get("before", ""),
            "limit": limit,
            "next": self._next(calls, after, order, is_last=last >= len(found)),
            "prev": _cursor("p", _anchor(calls[0], order)) if calls and first else "",
            "sort": paging.get("sort", ""),
        }
        return wrapped(self.records(calls, self.world.now()), "call_logs", paging=told)

    def _span(
        self, found: list[Call], after: str, limit: int, order: tuple[tuple[str, bool], ...]
    ) -> tuple[int, int]:
        """Return where a page begins and ends among the calls found."""
        if after in {"", "."}:
            return 0, limit
        kind, anchor = _pointed_to(after)
        search = bisect_right if kind == "n" else bisect_left
        place = search(found, anchor, key=lambda call: _anchor(call, order))
        return (place, place + limit) if kind == "n" else (max(0, place - limit), place)

    def _next(
        self, calls: list[Call], after: str, order: tuple[tuple[str, bool], ...], *, is_last: bool
    ) -> str:
        dialect = self.behaviour.cursor_dialect
        if not calls or (dialect == "dot" and not after):
            return ""
        if dialect == "loop" and after not in {"", "."}:
            return after
        if is_last and not self.behaviour.cursor_always_next:
            return ""
        return _cursor("n", _anchor(calls[-1], order))

    @override
    def known_until(self, call: Call, now: datetime) -> datetime:
        return terms.known_until(call, now)

    @override
    def started(self, call: Call) -> datetime | None:
        return terms.started(call)

    @override
    def dated(
        self, call: Call, field: FilterField, now: datetime
    ) -> tuple[datetime, datetime | None]:
        if field == "created":
            return terms.inserted(call), None
        until = min((change for change in call.changes if change > now), default=None)
        return super().dated(call, field, self.known_until(call, now))[0], until

    @override
    def sort_key(self, name: str, now: datetime) -> Callable[[Call], Any]:
        return _DATES[name] if name in _DATES else super().sort_key(name, now)

    @override
    def usual_order(self) -> tuple[tuple[str, bool], ...]:
        """Return the order of pages: by when calls were placed, as in the vendor's backend."""
        return tuple(
            ("started" if name == "created" else name, descending)
            for name, descending in super().usual_order()
        )

    @override
    def call_id(self, call: Call) -> str:
        return terms.log_id(call)

    @override
    def number(self, party: str) -> str:
        return terms.written(party)

    @override
    def record(self, call: Call, now: datetime) -> dict[str, Any]:
        now = terms.known_until(call, now)
        ended = as_of(call.ended_at, now)
        return {
            "call_state": terms.state(call, now),
            "call_status": terms.status(call, now),
            "call_targets": [self._target(call, now)],
            "callee": self.number(call.callee),
            "caller": self.number(call.caller),
            "contact_id": terms.contact_id(call) or terms.NO_ID,
            "created_at": milliseconds_utc(terms.inserted(call)),
            "direction": terms.direction(call),
            "duration": terms.seconds(call, now),
            "ended_at": _stamp(ended),
            "extension_id": terms.extension_id(call),
            "external_id": terms.external_id(call),
            "external_session_id": terms.external_session_id(call),
            "id": terms.log_id(call),
            "note": "",
            "recording_urls": terms.recordings(call, now),
            "started_at": milliseconds_utc(terms.started(call)),
            "updated_at": milliseconds_utc(call.updated_at(now)),
            "user_id": terms.user_id(call),
        }

    def _target(self, call: Call, now: datetime) -> dict[str, Any]:
        return {
            "add_time": milliseconds_utc(call.created_at),
            "answered_time": _stamp(as_of(call.answered_at, now)),
            "end_reason": END_REASONS[call.outcome] if not call.in_progress(now) else "",
            "ended_time": _stamp(as_of(call.ended_at, now)),
            "fail_code": FAIL_CODES[call.outcome] if not call.in_progress(now) else 0,
            "ring_duration": terms.ring_duration(call, now),
            "ring_time": _stamp(as_of(call.started_at, now)),
            "status": terms.state(call, now),
            "target_number": self.number(call.callee),
            "trunk_name": terms.trunk_name(call),
        }

    @override
    def row(self, call: Call, now: datetime) -> dict[str, Any]:
        now = terms.known_until(call, now)
        over = not call.in_progress(now)
        return {
            "id": terms.log_id(call),
            "created_at": _utc(terms.inserted(call)),
            "updated_at": _utc(call.updated_at(now)),
            "started_at": _utc(terms.started(call)),
            "ended_at": _utc(as_of(call.ended_at, now)),
            "duration": terms.seconds(call, now),
            "direction": terms.direction(call),
            "call_state": terms.state(call, now),
            "call_status": terms.status(call, now),
            "caller": self.number(call.caller),
            "callee": self.number(call.callee),
            "extension_id": terms.extension_id(call),
            "user_id": terms.user_id(call),
            "contact_id": terms.contact_id(call),
            "external_id": terms.external_id(call),
            "external_session_id": terms.external_session_id(call),
            "note": "",
            "recording_urls": terms.recordings(call, now),
            "call_targets": [
                {
                    "target_number": self.number(call.callee),
                    "trunk_name": terms.trunk_name(call),
                    "status": terms.state(call, now),
                    "add_time": _utc(call.created_at),
                    "ring_time": _utc(as_of(call.started_at, now)),
                    "answered_time": _utc(as_of(call.answered_at, now)),
                    "ended_time": _utc(as_of(call.ended_at, now)),
                    "ring_duration": terms.ring_duration(call, now),
                    "end_reason": END_REASONS[call.outcome] if over else "",
                    "fail_code": FAIL_CODES[call.outcome] if over else 0,
                }
            ],
        }


def _parts(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        asked = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise Refusal(400, "the body is not JSON") from None
    if not isinstance(asked, dict) or not asked.keys() <= {"filter", "paging"}:
        raise Refusal(400, "the body may hold filter and paging only")
    filters, paging = asked.get("filter") or {}, asked.get("paging") or {}
    for part, known, name in ((filters, FILTERS, "filter"), (paging, PAGING, "paging")):
        if not isinstance(part, dict) or not part.keys() <= known:
            raise Refusal(400, f"unknown field in {name}")
    if not all(isinstance(paging.get(key, ""), str) for key in ("after", "before", "sort")):
        raise Refusal(400, "paging.after, before and sort must be strings")
    if paging.get("after") and paging.get("before"):
        raise Refusal(400, "only one of paging.after and paging.before may be given")
    return filters, paging


def _date(filters: dict[str, Any], name: str) -> datetime | None:
    text = filters.get(name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None or "T" not in text:
            raise Refusal(400, f"filter.{name} has no offset")
        return instant.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Refusal(400, f"filter.{name} is not a date-time") from None


def _limit(paging: dict[str, Any]) -> int | None:
    limit = paging.get("limit")
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise Refusal(400, "paging.limit is invalid")
    return limit or None


def _anchor(call: Call, order: tuple[tuple[str, bool], ...]) -> tuple[int, ...]:
    """Return what orders calls within a query's pages, ascending."""
    name, descending = order[0]
    if name == "id":
        return (call.sequence,)
    sign = -1 if descending else 1
    return sign * microseconds(_DATES[name](call), "microsecond"), sign * call.sequence


def _cursor(kind: str, anchor: tuple[int, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([kind, *anchor])).decode()


def _pointed_to(cursor: str) -> tuple[str, tuple[int, ...]]:
    try:
        kind, *anchor = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=list[str | int])
        return str(kind), tuple(int(part) for part in anchor)
    except (binascii.Error, UnicodeError, ValueError, msgspec.DecodeError):
        raise Refusal(400, "paging.after is not a cursor") from None


def _stamp(instant: datetime | None) -> str:
    return NO_DATE if instant is None else milliseconds_utc(instant)


def _utc(instant: datetime | None) -> str | None:
    return None if instant is None else fixed_width(truncated(instant, "millisecond"))
