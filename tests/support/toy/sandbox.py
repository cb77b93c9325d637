"""The toy vendor on loopback: `GET /toy/calls`."""

from __future__ import annotations

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
from tap_callhistory.sandbox.world.call import Call, Place, as_of
from tap_callhistory.sandbox.world.query import Query
from tap_callhistory.sandbox.world.stamps import fixed_width

if TYPE_CHECKING:
    from datetime import datetime

    from tap_callhistory.sandbox.world.behaviour import Resolution

TOKEN = "sandbox-toy-token"
PARAMETERS = frozenset({"from", "to", "page", "per_page"})


class Toy(SandboxVendor):
    """Pages from 1 with a total; stamps in UTC, to the second."""

    name: ClassVar[str] = "toy"
    stream: ClassVar[str] = "toy_calls"
    list_name: ClassVar[str] = "data"
    place: ClassVar[Place] = Place(
        zone="Europe/Amsterdam",
        country_code="31",
        mobile_prefixes=("61", "62"),
        line_prefix="20",
        national_digits=9,
        agents="number",
    )
    usual: ClassVar[Behaviour] = Behaviour(
        parameter_resolution="second",
        zone="UTC",
        largest_page=100,
        default_page=20,
        order="newest",
        total="filtered",
    )
    stored_resolution: ClassVar[Resolution] = "second"

    @override
    def settings(self, base_url: str) -> dict[str, Any]:
        return {"api_token": TOKEN, "api_url": f"{base_url}/toy"}

    @override
    def error(self, status: int, message: str, code: str | int | None = None) -> ApiAnswer:
        return json_answer(status, {"message": message})

    @override
    def route(self, request: ApiRequest) -> ApiAnswer:
        if (request.method, request.path) != ("GET", "/toy/calls"):
            raise Refusal(404, "No such route.")
        require_bearer(request, TOKEN, 401, "Unauthenticated.")
        given = Parameters(request.query, PARAMETERS)
        since, until = given.aware("from"), given.aware("to")
        self.check_span(since, until)
        size = self.page_size(given.integer("per_page", 1))
        query = Query(
            date=self.behaviour.filter_field,
            since=None if since is None else self.parameter(since),
            until=None if until is None else self.parameter(until),
            order=self.usual_order(),
        )
        found = self.world.find(query)
        number = self.page_number((given.integer("page", 1) or 1) - 1, size, found)
        calls = self.cut(found, number * size, size)
        return wrapped(self.records(calls, self.world.now()), "data", total=self.total(found))

    @override
    def call_id(self, call: Call) -> int:
        return call.sequence

    @override
    def number(self, party: str) -> str:
        return party

    @override
    def record(self, call: Call, now: datetime) -> dict[str, Any]:
        return {
            "id": call.sequence,
            "begunAt": f"{call.created_at:%Y-%m-%dT%H:%M:%SZ}",
            "callerNumber": call.caller,
            "talkSeconds": int(call.talk_seconds) if as_of(call.ended_at, now) else None,
        }

    @override
    def row(self, call: Call, now: datetime) -> dict[str, Any]:
        return {
            "id": call.sequence,
            "begun_at": fixed_width(call.created_at.replace(microsecond=0)),
            "caller_number": call.caller,
            "talk_seconds": int(call.talk_seconds) if as_of(call.ended_at, now) else None,
        }
