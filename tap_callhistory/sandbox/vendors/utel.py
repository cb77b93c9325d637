"""Utel on loopback: `GET /utel/api/v1/call-history` and `POST /utel/api/v1/auth/login`."""

from __future__ import annotations

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
from tap_callhistory.sandbox.vendors.base import SandboxVendor
from tap_callhistory.sandbox.vendors.parameters import Parameters
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.call import Call, Place, as_of
from tap_callhistory.sandbox.world.query import Query
from tap_callhistory.sandbox.world.stamps import WallClock, fixed_width, microseconds, truncated

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_callhistory.sandbox.world.behaviour import Resolution
    from tap_callhistory.sandbox.world.world import World

HISTORY_PATH = "/utel/api/v1/call-history"
LOGIN_PATH = "/utel/api/v1/auth/login"
EMAIL = "sandbox@utel.invalid"
PASSWORD = "sandbox-utel-password"
TOKEN = "sandbox-utel-token"
PUBLIC_URL = "https://api.sandbox.utel.invalid"

FILTERS = ("src", "dst", "external_number", "duration", "conversation", "type", "status")
PARAMETERS = frozenset(
    {"per_page", "page", "sort", "filter[from]", "filter[to]"}
    | {f"filter[{name}]" for name in FILTERS}
)
DATE_FORMATS = ("%Y-%m-%d %H:%M:%S",)
SORTS = {"id": "id", "datetime": "created", "date_time": "created", "duration": "duration"}
"""The page's example says `datetime`, a public copy of it `date_time`."""

TYPES = {"inbound": (1, "Incoming"), "outbound": (2, "Outgoing"), "internal": (3, "Internal")}
ANSWERED = (1, "Answered")
NOT_ANSWERED = (2, "Not answered")
NEARBY_PAGES = 10
MESSAGES = {429: "Too Many Attempts.", 503: "Service Unavailable", 500: "Server Error"}


class Utel(SandboxVendor):
    """Laravel's pages counted from 1 with a total; naive stamps of seconds in UTC+5."""

    name: ClassVar[str] = "utel"
    list_name: ClassVar[str] = "data"
    stream: ClassVar[str] = "utel_call_history"
    place: ClassVar[Place] = Place(
        zone="Asia/Tashkent",
        country_code="998",
        mobile_prefixes=("90", "93", "94", "97", "99"),
        line_prefix="78113",
        national_digits=9,
        weekend=frozenset({5, 6}),
        published_when_over=True,
        synced=True,
    )
    usual: ClassVar[Behaviour] = Behaviour(
        parameter_resolution="second",
        zone="Asia/Tashkent",
        largest_page=300,
        default_page=20,
        order="id",
        total="filtered",
    )
    stored_resolution: ClassVar[Resolution] = "second"
    invalid_status: ClassVar[int] = 422

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._clock = WallClock(world.behaviour.zone, "second")
        self._token = TOKEN
        self._logins = 0

    @override
    def settings(self, base_url: str) -> dict[str, Any]:
        return {"api_url": f"{base_url}/utel/api/v1", "email": EMAIL, "password": PASSWORD}

    @override
    def error(self, status: int, message: str, code: str | int | None = None) -> ApiAnswer:
        body: dict[str, Any] = {"message": MESSAGES.get(status, message)}
        if status == self.invalid_status:
            body["errors"] = {"request": [message]}
        return json_answer(status, body)

    @override
    def route(self, request: ApiRequest) -> ApiAnswer:
        for header in ("accept", "content-type"):
            if not request.headers.get(header, "").startswith("application/json"):
                raise Refusal(406, f"The header {header} must be application/json.")
        if (request.method, request.path) == ("POST", LOGIN_PATH):
            return self._log_in(request.body)
        if (request.method, request.path) != ("GET", HISTORY_PATH):
            raise Refusal(404, "The route could not be found.")
        require_bearer(request, self._token, 401, "Unauthenticated.")
        self.check_login()
        return self._page(Parameters(request.query, PARAMETERS, self.invalid_status))

    def _log_in(self, body: bytes) -> ApiAnswer:
        _check_credentials(body)
        self._logins += 1
        if self.behaviour.hardship.one_login:
            self._token = f"{TOKEN}-{self._logins}"
        self.log_in()
        return json_answer(200, {"result": {"access_token": self._token, "token_type": "Bearer"}})

    def _page(self, given: Parameters) -> ApiAnswer:
        wanted = given.integer("per_page", 1)
        size = self.page_size(wanted)
        step = self.page_step(wanted, size)
        found = self.world.find(self._query(given))
        reached = self.reachable(found)
        asked = given.integer("page", 1) or 1
        number = self.page_number(asked - 1, step, reached) + 1
        calls = self.cut(reached, (number - 1) * step, size)
        last = max(1, -(-len(reached) // step))
        return wrapped(
            self.records(calls, self.world.now()),
            "data",
            links=_links(number, last),
            meta=_meta(number, last, size, len(calls), self.total(found)),
        )

    def _query(self, given: Parameters) -> Query:
        since = given.naive("filter[from]", DATE_FORMATS)
        until = given.naive("filter[to]", DATE_FORMATS)
        self.check_span(since, until)
        return Query(
            date=self.behaviour.filter_field,
            since=None if since is None else self.parameter(since),
            until=None if until is None else self.parameter(until),
            order=_order(given) or self.usual_order(),
            conditions=self._conditions(given),
        )

    def _conditions(self, given: Parameters) -> dict[tuple[str, str], Callable[[Call], bool]]:
        shown: dict[str, Callable[[Call], Any]] = {
            "src": lambda call: self.number(call.caller),
            "dst": lambda call: self.number(call.callee),
            "external_number": self._external,
            "duration": lambda call: int(call.total_seconds),
            "conversation": lambda call: int(call.talk_seconds),
            "type": lambda call: TYPES[call.direction][0],
            "status": lambda call: _status(call)[0],
        }
        asked = {name: given.text(f"filter[{name}]") for name in FILTERS}
        return {
            (name, value): _showing(shown[name], value)
            for name, value in asked.items()
            if value is not None
        }

    @override
    def stored(self, instant: datetime) -> int:
        return microseconds(self._clock.wall(instant), self.stored_resolution)

    @override
    def call_id(self, call: Call) -> int:
        return call.sequence

    @override
    def number(self, party: str) -> str:
        return party.removeprefix("+998")

    @override
    def record(self, call: Call, now: datetime) -> dict[str, Any]:
        return {
            "id": call.sequence,
            "call_id": call.uuid,
            "date_time": f"{self._clock.wall(call.created_at):%Y-%m-%d %H:%M:%S}",
            **self._facts(call, now),
            "integration": _integration(call, now),
        }

    @override
    def row(self, call: Call, now: datetime) -> dict[str, Any]:
        dated = self._clock.shown(call.created_at)
        if dated is None:
            raise ValueError("a call without a date")
        return {
            "id": call.sequence,
            "call_id": call.uuid,
            "date_time": fixed_width(dated),
            **self._facts(call, now),
            "integration": _integration(call, now),
        }

    def _facts(self, call: Call, now: datetime) -> dict[str, Any]:
        """Return the fields that the API and the warehouse write alike."""
        kind, status = TYPES[call.direction], _status(call)
        return {
            "src": self.number(call.caller),
            "dst": self.number(call.callee),
            "external_number": self._external(call),
            "duration": int(call.total_seconds),
            "conversation": int(call.talk_seconds),
            "type": {"number": kind[0], "name": kind[1]},
            "status": {"number": status[0], "name": status[1]},
            "recorded_file_url": self._recording(call, now),
        }

    def _external(self, call: Call) -> str | None:
        return None if call.line is None else self.number(call.line)

    def _recording(self, call: Call, now: datetime) -> str | None:
        """Return the recording's address; its file name holds the call's epoch in seconds."""
        if as_of(call.recording_ready_at, now) is None:
            return None
        day = f"{self._clock.wall(call.created_at):%Y/%m/%d}"
        epoch = int(call.created_at.timestamp())
        return f"{PUBLIC_URL}/storage/monitor/{day}/{epoch}.{call.sequence % 10}.wav"


def _showing(shown: Callable[[Call], Any], value: str) -> Callable[[Call], bool]:
    return lambda call: str(shown(call)) == value


def _status(call: Call) -> tuple[int, str]:
    return NOT_ANSWERED if call.answered_at is None else ANSWERED


def _integration(call: Call, now: datetime) -> list[dict[str, Any]] | None:
    """Return what became of the call elsewhere; of some calls null, of others an empty list."""
    synced = as_of(call.synced_at, now)
    if synced is None:
        return None if call.sequence % 3 == 0 else []
    stamp = _json_stamp(synced)
    return [{**_sync(call), "created_at": stamp, "updated_at": stamp}]


def _sync(call: Call) -> dict[str, Any]:
    return {
        "id": call.sequence,
        "call_history_id": call.sequence,
        "integration_type": "amocrm",
        "status": "synced",
        "error_message": None,
    }


def _json_stamp(instant: datetime) -> str:
    return fixed_width(truncated(instant, "second"))


def _check_credentials(body: bytes) -> None:
    try:
        given = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise Refusal(422, "The body must be a JSON object.") from None
    if not {"email", "password"} == given.keys():
        raise Refusal(422, "The email and password fields are required.")
    if (given["email"], given["password"]) != (EMAIL, PASSWORD):
        raise Refusal(401, "These credentials do not match our records.")


def _order(given: Parameters) -> tuple[tuple[str, bool], ...]:
    text = given.text("sort")
    if text is None:
        return ()
    descending, name = text.startswith("-"), text.removeprefix("-")
    if name not in SORTS:
        raise given.malformed("sort")
    if name == "id":
        return (("id", descending),)
    return ((SORTS[name], descending), ("id", descending))


def _url(page: int) -> str:
    """Return the address of a page as Utel writes it: without the request's filters."""
    return f"{PUBLIC_URL}/api/v1/call-history?page={page}"


def _links(number: int, last: int) -> dict[str, str | None]:
    return {
        "first": _url(1),
        "last": _url(last),
        "prev": _url(number - 1) if number > 1 else None,
        "next": _url(number + 1) if number < last else None,
    }


def _meta(number: int, last: int, size: int, calls: int, total: int | None) -> dict[str, Any]:
    first = (number - 1) * size + 1 if calls else None
    meta = {
        "current_page": number,
        "from": first,
        "last_page": last,
        "links": _meta_links(number, last),
        "path": f"{PUBLIC_URL}/api/v1/call-history",
        "per_page": size,
        "to": None if first is None else first + calls - 1,
    }
    return meta if total is None else {**meta, "total": total}


def _meta_links(number: int, last: int) -> list[dict[str, Any]]:
    """Write the buttons that Laravel's paginator draws."""
    nearby = range(max(1, number - NEARBY_PAGES), min(last, number + NEARBY_PAGES) + 1)
    pages = [{"url": _url(page), "label": str(page), "active": page == number} for page in nearby]
    links = _links(number, last)
    return [
        {"url": links["prev"], "label": "« Previous", "active": False},
        *pages,
        {"url": links["next"], "label": "Next »", "active": False},
    ]
