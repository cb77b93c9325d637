"""TWIN on loopback: `GET /twin/api/v1/search/cis/calls` and `POST /twin-iam/api/v1/auth/login`."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from typing_extensions import override

from tap_callhistory.sandbox.http import ApiAnswer, ApiRequest, Refusal, json_answer, wrapped
from tap_callhistory.sandbox.vendors import twin_terms as terms
from tap_callhistory.sandbox.vendors.base import SandboxVendor, compact
from tap_callhistory.sandbox.vendors.parameters import Parameters
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.call import Call, Place, as_of
from tap_callhistory.sandbox.world.query import Query
from tap_callhistory.sandbox.world.stamps import fixed_width, seconds_with_offset, truncated

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_callhistory.sandbox.world.behaviour import FilterField, Resolution
    from tap_callhistory.sandbox.world.world import World

CALLS_PATH = "/twin/api/v1/search/cis/calls"
LOGIN_PATH = "/twin-iam/api/v1/auth/login"
EMAIL = "sandbox@twin.invalid"
PASSWORD = "sandbox-twin-password"
TOKEN_PREFIX = "sandbox-twin-token"
TOKEN_PARTS = 4
SIGNING_KEY = b"sandbox-twin-signing-key"
COMPANY = 42
RECORDS_PER_PERIOD = 50_000

PARAMETERS = frozenset({
    *("fields", "limit", "offset", "page", "from", "to", "sort", "keyword"),
    *("companyId", "taskId", "id", "phone", "status"),
})
DATE_FIELDS: dict[str, FilterField] = {
    "createdAt": "created",
    "updatedAt": "updated",
    "startedAt": "started",
}
SORT_FIELDS = {
    "createdAt": "created",
    "updatedAt": "updated",
    "startedAt": "started",
    "duration": "duration",
}
ERRORS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


class Twin(SandboxVendor):
    """Offsets or pages with a count, at most 50,000 calls for a period; tokens of a week."""

    name: ClassVar[str] = "twin"
    list_name: ClassVar[str] = "items"
    stream: ClassVar[str] = "twin_call_sessions"
    place: ClassVar[Place] = Place(
        zone="Europe/Moscow",
        country_code="7",
        mobile_prefixes=("903", "916", "921", "926", "965"),
        line_prefix="495",
        national_digits=10,
        agents="line",
        rated=True,
    )
    usual: ClassVar[Behaviour] = Behaviour(
        parameter_resolution="second",
        zone="UTC",
        largest_page=1000,
        default_page=10,
        order="newest",
        total="filtered",
        result_cap=RECORDS_PER_PERIOD,
    )
    stored_resolution: ClassVar[Resolution] = "second"
    undocumented: ClassVar[frozenset[str]] = frozenset({
        "messages",
        "additional",
        "dialogResults",
        "markers",
    })

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._logins = 0
        self._first_valid_login = 0

    @override
    def settings(self, base_url: str) -> dict[str, Any]:
        return {
            "email": EMAIL,
            "password": PASSWORD,
            "api_url": f"{base_url}/twin/api/v1",
            "iam_url": f"{base_url}/twin-iam/api/v1",
        }

    @override
    def error(self, status: int, message: str, code: str | int | None = None) -> ApiAnswer:
        error = ERRORS.get(status, "Internal Server Error")
        return json_answer(status, {"error": error, "details": message})

    @override
    def route(self, request: ApiRequest) -> ApiAnswer:
        if request.path == LOGIN_PATH:
            return self._log_in(request)
        if request.path != CALLS_PATH:
            raise Refusal(404, "No such route.")
        if request.method != "GET":
            raise Refusal(405, "Only GET.")
        self._authenticate(request.headers.get("authorization", ""))
        self.check_login()
        known = PARAMETERS | {self.behaviour.date_field_parameter}
        ignores = self.behaviour.unknown_parameters == "ignore"
        query = [pair for pair in request.query if pair[0] in known or not ignores]
        return self._search(Parameters(query, known))

    def new_token(self, seconds: int) -> str:
        """Issue a token that is good for `seconds`."""
        expiry = int(self.world.now().timestamp()) + seconds
        self._logins += 1
        return _signed(f"{TOKEN_PREFIX}.{expiry}.{self._logins}")

    def expire_tokens(self) -> None:
        """Let all tokens issued so far expire."""
        with self.world.lock:
            self._first_valid_login = self._logins + 1

    def _log_in(self, request: ApiRequest) -> ApiAnswer:
        if request.method != "POST":
            raise Refusal(405, "Only POST.")
        try:
            given = msgspec.json.decode(request.body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise Refusal(400, "The body must be a JSON object.") from None
        if not given.keys() <= {"email", "password", "ttl"}:
            raise Refusal(400, "The body holds unknown keys.")
        if (given.get("email"), given.get("password")) != (EMAIL, PASSWORD):
            raise Refusal(401, "Wrong email or password.")
        seconds = given.get("ttl", self.behaviour.token_seconds)
        if not isinstance(seconds, int) or seconds < 1:
            raise Refusal(400, "ttl must be a number of seconds.")
        if self.behaviour.hardship.one_login:
            self.expire_tokens()
        self.log_in()
        token = self.new_token(min(seconds, self.behaviour.token_seconds))
        return json_answer(200, {"token": token, "refreshToken": "sandbox-twin-refresh-token"})

    def _authenticate(self, header: str) -> None:
        token = header.removeprefix("Bearer ")
        parts = token.split(".")
        if (
            token == header
            or len(parts) != TOKEN_PARTS
            or not hmac.compare_digest(token.encode(), _signed(".".join(parts[:3])).encode())
        ):
            raise Refusal(401, "Token is invalid.")
        expired = int(parts[1]) <= self.world.now().timestamp()
        if expired or int(parts[2]) < self._first_valid_login:
            raise Refusal(401, "Token is expired.")

    def _search(self, given: Parameters) -> ApiAnswer:
        fields = _fields(given)
        if "offset" in given and "page" in given:
            raise Refusal(400, "Give offset or page, not both.")
        limit = self.page_size(given.integer("limit", 1))
        found = self.world.find(self._query(given))
        reached = self.reachable(found)
        first = given.integer("offset", 0) or 0
        page = given.integer("page", 1)
        if page is not None:
            first = self.page_number(page - 1, limit, reached) * limit
        calls = self.cut(reached, first, limit)
        total = self.total(found)
        beside = {} if total is None else {"count": total}
        return wrapped(self._items(calls, fields), "items", **beside)

    def _items(self, calls: list[Call], fields: frozenset[str]) -> bytes:
        now = self.world.now()
        if fields >= terms.FIELDS:
            return self.records(calls, now)
        return msgspec.json.encode([
            {name: value for name, value in self.record(call, now).items() if name in fields}
            for call in calls
        ])

    def _query(self, given: Parameters) -> Query:
        since, until = given.aware("from"), given.aware("to")
        self.check_span(since, until)
        date = self._date_field(given)
        order = _order(given) or self.usual_order()
        conditions = self._conditions(given)
        timeless = all(name in {"created", "id", "duration"} for name, _ in order)
        return Query(
            date=date,
            since=None if since is None else self.parameter(since),
            until=None if until is None else self.parameter(until),
            order=order,
            conditions=conditions,
            moment=None if timeless and not conditions else self.world.now(),
        )

    def _date_field(self, given: Parameters) -> FilterField:
        name = self.behaviour.date_field_parameter
        value = given.text(name)
        if value is None:
            return self.behaviour.filter_field
        if value not in DATE_FIELDS:
            raise given.malformed(name)
        return DATE_FIELDS[value]

    def _conditions(self, given: Parameters) -> dict[tuple[str, str], Callable[[Call], bool]]:
        now = self.world.now()
        statuses = frozenset((given.text("status") or "").split(","))
        if "status" in given and not statuses <= terms.STATUSES:
            raise given.malformed("status")
        keeps: dict[str, Callable[[Call, str], bool]] = {
            "companyId": lambda _call, value: value == str(COMPANY),
            "taskId": lambda call, value: terms.task_id(call) == value,
            "id": lambda call, value: call.uuid == value,
            "phone": lambda call, value: terms.phone(call) == value,
            "status": lambda call, _value: terms.status(call, now) in statuses,
            "keyword": lambda call, value: value in compact(self.record(call, now)),
        }
        asked = {name: given.text(name) for name in keeps}
        return {
            (name, value): _with(keeps[name], value)
            for name, value in asked.items()
            if value is not None
        }

    @override
    def call_id(self, call: Call) -> str:
        return call.uuid

    @override
    def number(self, party: str) -> str:
        return party.removeprefix("+")

    @override
    def record(self, call: Call, now: datetime) -> dict[str, Any]:
        started = as_of(call.started_at, now)
        return {
            **terms.fixed(call),
            "duration": terms.duration(call, now),
            "status": terms.status(call, now),
            "createdAt": seconds_with_offset(call.created_at),
            "updatedAt": seconds_with_offset(call.updated_at(now)),
            "startedAt": None if started is None else seconds_with_offset(started),
            "price": terms.price(call, now),
            "messages": terms.messages(call, now),
            "messagesAsString": terms.messages_as_string(call, now),
            "additional": terms.additional(call),
            "dialogResults": terms.dialog_results(call, now),
            "nps": terms.score(call, now),
            "isFinished": terms.is_finished(call, now),
            "recordPath": terms.record_path(call, now),
            "operatorDuration": terms.operator_duration(call, now),
            "botDuration": terms.bot_duration(call, now),
            "markers": terms.markers(call, now),
        }

    @override
    def row(self, call: Call, now: datetime) -> dict[str, Any]:
        started = as_of(call.started_at, now)
        fixed = terms.fixed(call)
        return {
            "id": call.uuid,
            "phone": terms.phone(call),
            "duration": terms.duration(call, now),
            "task_id": fixed["taskId"],
            "task_name": fixed["taskName"],
            "bot_id": fixed["botId"],
            "bot_name": fixed["botName"],
            "region_id": fixed["regionId"],
            "timezone": str(fixed["timezone"]),
            "status": terms.status(call, now),
            "short_number": fixed["shortNumber"],
            "transferred_to_operator": fixed["transferredToOperator"],
            "link_to_log": fixed["linkToLog"],
            "created_at": _utc(call.created_at),
            "updated_at": _utc(call.updated_at(now)),
            "started_at": None if started is None else _utc(started),
            "price": terms.price(call, now),
            "messages": compact(terms.messages(call, now)),
            "messages_as_string": terms.messages_as_string(call, now),
            "additional": compact(terms.additional(call)),
            "external_id": fixed["externalId"],
            "dialog_results": compact(terms.dialog_results(call, now)),
            "responder": fixed["responder"],
            "nps": terms.score(call, now),
            "is_finished": terms.is_finished(call, now),
            "record_path": terms.record_path(call, now),
            "operator_duration": terms.operator_duration(call, now),
            "bot_duration": terms.bot_duration(call, now),
            "markers": compact(terms.markers(call, now)),
        }


def _with(keeps: Callable[[Call, str], bool], value: str) -> Callable[[Call], bool]:
    return lambda call: keeps(call, value)


def _signed(text: str) -> str:
    return f"{text}.{hmac.new(SIGNING_KEY, text.encode(), 'sha256').hexdigest()[:32]}"


def _fields(given: Parameters) -> frozenset[str]:
    text = given.text("fields")
    if not text:
        raise Refusal(400, "Parameter fields is required.")
    fields = frozenset(text.split(","))
    if not fields <= terms.FIELDS:
        raise given.malformed("fields")
    return fields


def _order(given: Parameters) -> tuple[tuple[str, bool], ...]:
    """Read `sort`; an unencoded `+` has become a blank and is refused."""
    text = given.text("sort")
    if text is None:
        return ()
    order = []
    for part in text.split(","):
        descending, name = part.startswith("-"), part.removeprefix("-").removeprefix("+")
        if name not in SORT_FIELDS:
            raise given.malformed("sort")
        order.append((SORT_FIELDS[name], descending))
    # Ties are broken as the last key runs, so that pages of one pass fit together.
    return (*order, ("id", order[-1][1]))


def _utc(instant: datetime) -> str:
    return fixed_width(truncated(instant, "second"))
