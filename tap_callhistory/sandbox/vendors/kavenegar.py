"""Kavenegar on loopback: `GET /kavenegar/user/v1/calls` (docs.kavenegar.io)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

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
from tap_callhistory.sandbox.world.call import Call, Place, as_of, scatter, scattered_uuid
from tap_callhistory.sandbox.world.query import Query
from tap_callhistory.sandbox.world.stamps import WallClock, fixed_width, microseconds

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.behaviour import Resolution
    from tap_callhistory.sandbox.world.world import World

PATH = "/kavenegar/user/v1/calls"
TOKEN = "sandbox-kavenegar-token"
APPLICATION = 1
USERS_PER_PROFILE = 4
PARAMETERS = frozenset({"endpointId", "since", "until", "page", "size"})
DATE_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f")
FIRST_USER_AT = datetime(2018, 9, 16, 11, 3, 42, tzinfo=UTC)

STATUS_WORDS = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    413: "payload_too_large",
    422: "unprocessable_entity",
    429: "too_many_requests",
    503: "service_unavailable",
}
FINISH_REASONS = {
    "missed": "missed",
    "busy": "busy",
    "failed": "unreachable",
    "cancelled": "hangup",
}


class Kavenegar(SandboxVendor):
    """Pages counted from 0 with a total; naive stamps of milliseconds."""

    name: ClassVar[str] = "kavenegar"
    list_name: ClassVar[str] = "result"
    stream: ClassVar[str] = "kavenegar_calls"
    place: ClassVar[Place] = Place(
        zone="Asia/Tehran",
        country_code="98",
        mobile_prefixes=("912", "919", "930", "935", "901"),
        line_prefix="21",
        national_digits=10,
        weekend=frozenset({3, 4}),
        agents="number",
    )
    usual: ClassVar[Behaviour] = Behaviour(
        parameter_resolution="millisecond",
        zone="Asia/Tehran",
        largest_page=1000,
        default_page=20,
        order="newest",
        total="filtered",
    )
    stored_resolution: ClassVar[Resolution] = "millisecond"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._clock = WallClock(world.behaviour.zone, "millisecond")
        self._parties: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    @override
    def settings(self, base_url: str) -> dict[str, Any]:
        return {"api_token": TOKEN, "api_url": f"{base_url}/kavenegar/user/v1"}

    @override
    def error(self, status: int, message: str, code: str | int | None = None) -> ApiAnswer:
        word = STATUS_WORDS.get(status, "internal_server_error")
        reason = "invalid_input_parameter" if word == "bad_request" else message
        return json_answer(status, {"status": word, "reasons": [reason]})

    @override
    def route(self, request: ApiRequest) -> ApiAnswer:
        if (request.method, request.path) != ("GET", PATH):
            raise Refusal(404, "route_not_found")
        require_bearer(request, TOKEN, 403, "invalid_api_token")
        given = Parameters(request.query, PARAMETERS)
        since, until = given.naive("since", DATE_FORMATS), given.naive("until", DATE_FORMATS)
        self.check_span(since, until)
        asked = given.integer("size", 1)
        size = self.page_size(asked)
        step = self.page_step(asked, size)
        found = self.world.find(self._query(given, since, until))
        reached = self.reachable(found)
        number = self.page_number(given.integer("page", 0) or 0, step, reached)
        page: dict[str, Any] = {"number": number, "size": step}
        if (total := self.total(found)) is not None:
            page["total"] = total
        calls = self.cut(reached, number * step, size)
        return wrapped(self.records(calls, self.world.now()), "result", page=page)

    def _query(self, given: Parameters, since: datetime | None, until: datetime | None) -> Query:
        conditions = {}
        endpoint = given.integer("endpointId", 1)
        if endpoint is not None:
            conditions["endpointId", str(endpoint)] = lambda call: (
                endpoint in {_user_id(call.caller), _user_id(call.callee)}
            )
        return Query(
            date=self.behaviour.filter_field,
            since=None if since is None else self.parameter(since),
            until=None if until is None else self.parameter(until),
            order=self.usual_order(),
            conditions=conditions,
        )

    @override
    def started(self, call: Call) -> datetime | None:
        return call.answered_at

    @override
    def stored(self, instant: datetime) -> int:
        return microseconds(self._clock.wall(instant), self.stored_resolution)

    @override
    def call_id(self, call: Call) -> str:
        return call.uuid

    @override
    def number(self, party: str) -> str:
        return "0" + party.removeprefix("+98") if party.startswith("+98") else party

    @override
    def record(self, call: Call, now: datetime) -> dict[str, Any]:
        record: dict[str, Any] = {
            "id": call.uuid,
            "applicationId": APPLICATION,
            "createdAt": self._stamp(call.created_at),
        }
        if answered := as_of(call.answered_at, now):
            record["startedAt"] = self._stamp(answered)
        if ended := as_of(call.ended_at, now):
            record["finishedAt"] = self._stamp(ended)
        record["duration"] = _talk_milliseconds(call) if ended else 0
        record["caller"] = self._party(call.caller)[0]
        record["receptor"] = self._party(call.callee)[0]
        if ended:
            record["finishReason"] = _finish_reason(call)
        if as_of(call.recording_ready_at, now):
            record["recording"] = _recording(call)
        return record

    @override
    def row(self, call: Call, now: datetime) -> dict[str, Any]:
        ended = as_of(call.ended_at, now)
        return {
            "id": call.uuid,
            "application_id": APPLICATION,
            "created_at": self._utc(call.created_at),
            "started_at": self._utc(as_of(call.answered_at, now)),
            "finished_at": self._utc(ended),
            "duration": _talk_milliseconds(call) if ended else 0,
            "caller": dict(self._party(call.caller)[1]),
            "receptor": dict(self._party(call.callee)[1]),
            "finish_reason": _finish_reason(call) if ended else None,
            "recording": _recording(call) if as_of(call.recording_ready_at, now) else None,
        }

    def _stamp(self, instant: datetime) -> str:
        return self._clock.wall(instant).isoformat(timespec="milliseconds")

    def _utc(self, instant: datetime | None) -> str | None:
        shown = self._clock.shown(instant)
        return None if shown is None else fixed_width(shown)

    def _party(self, number: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a user as the API shows him and as the warehouse holds him."""
        known = self._parties.get(number)
        if known is None:
            known = self._parties[number] = self._introduced(number)
        return known

    def _introduced(self, number: str) -> tuple[dict[str, Any], dict[str, Any]]:
        user = _user_id(number)
        joined = FIRST_USER_AT + timedelta(seconds=user * 8)
        token = f"sandbox-access-token-{scattered_uuid(user)}"
        shared = {
            "id": user,
            "username": self.number(number),
            "platform": ("android", "ios", "web")[user % 3],
            "status": "offline",
        }
        shown = {
            "id": user,
            "applicationId": APPLICATION,
            "username": shared["username"],
            "createdAt": self._stamp(joined),
            "updatedAt": self._stamp(joined),
            "platform": shared["platform"],
            "accessToken": token,
            "status": shared["status"],
        }
        # Some answers have what is documented of endpoints that are created.
        profile = (f"User {user}", shared["username"]) if user % USERS_PER_PROFILE == 0 else None
        if profile:
            shown["displayName"], shown["mobileNumber"] = profile
        held = shared | {
            "application_id": APPLICATION,
            "display_name": profile and profile[0],
            "mobile_number": profile and profile[1],
            "created_at": self._utc(joined),
            "updated_at": self._utc(joined),
        }
        return shown, held


def _user_id(number: str) -> int:
    return scatter(int(number)) % 9_000_000 + 1


def _talk_milliseconds(call: Call) -> int:
    return int(call.talk_seconds * 1000)


def _finish_reason(call: Call) -> str:
    if call.outcome != "answered":
        return FINISH_REASONS[call.outcome]
    chance = call.sequence % 40
    return {0: "media_connection_broken", 1: "call_duration_exceeded"}.get(chance, "hangup")


def _recording(call: Call) -> dict[str, Any]:
    return {
        "id": call.sequence,
        "name": call.uuid,
        "url": f"https://static.kavenegar.invalid/recordings/{call.uuid}/final.mp3",
        "status": "done",
    }
