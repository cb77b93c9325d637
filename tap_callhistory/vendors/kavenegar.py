"""Kavenegar (Iran): the calls of its voice application, ``GET {api_url}/calls``.

Source: docs.kavenegar.io. Its clock is naive and its zone is not documented; pages are counted from
0 and say how many calls there are in all.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from tap_callhistory.clocks import Clock
from tap_callhistory.errors import UnreadableAnswer
from tap_callhistory.reading.paginators import NumberedPages
from tap_callhistory.transport.auth import Authenticator, BearerToken
from tap_callhistory.transport.http import Request
from tap_callhistory.transport.verdicts import Action, Verdict
from tap_callhistory.vendors.base import Endpoint, RawPage, Session, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tap_callhistory.reading.pages import Position
    from tap_callhistory.reading.windows import Window

SETTINGS: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Kavenegar",
    "description": "Kavenegar (Iran). Given, it adds the stream kavenegar_calls.",
    "additionalProperties": False,
    "required": ["api_token"],
    "properties": {
        "api_token": {
            "type": "string",
            "title": "API token",
            "description": "The API token that Kavenegar issued with your application.",
            "format": "http-header",
            "secret": True,
        },
        "api_url": {
            "type": "string",
            "title": "API URL",
            "description": "Where the API begins: everything before /calls.",
            "default": "https://api.kavenegar.io/user/v1",
            "examples": ["https://api.kavenegar.io/voice/v1"],
            "format": "uri",
        },
        "timezone": {
            "type": "string",
            "title": "Time zone",
            "description": (
                "The IANA time zone of the vendor's clock, for its times carry no offset. "
                "Kavenegar does not document it; the default is assumed."
            ),
            "default": "Asia/Tehran",
            "examples": ["Asia/Tehran", "UTC"],
            "format": "time-zone",
        },
        "endpoint_id": {
            "type": "integer",
            "title": "Endpoint id",
            "description": "Reads the calls of this endpoint only; without it, those of all.",
            "minimum": 1,
            "examples": [175],
        },
        "page_size": {
            "type": "integer",
            "title": "Page size",
            "description": (
                "Calls asked for per request. Kavenegar documents no maximum; where it refuses so "
                "many, 100 are asked for."
            ),
            "default": 1000,
            "minimum": 1,
            "maximum": 1000,
        },
        "requests_per_second": {
            "type": "number",
            "title": "Requests per second",
            "description": "Budget for Kavenegar, in place of the common requests_per_second.",
            "exclusiveMinimum": 0,
            "examples": [5],
        },
    },
}


UNAUTHORIZED: Final = Verdict(
    Action.LOG_IN, advice="Check kavenegar.api_token: it may be wrong or have expired."
)
FORBIDDEN: Final = Verdict(
    Action.STOP, advice="Check kavenegar.api_token: it may not read the calls."
)

VERDICTS: Final[dict[int | str, Verdict]] = {
    HTTPStatus.UNAUTHORIZED: UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: FORBIDDEN,
    "bad_request": Verdict(
        Action.STOP,
        advice="Check kavenegar.endpoint_id, kavenegar.page_size and kavenegar.api_url.",
    ),
    "unprocessable_entity": Verdict(Action.STOP, advice="Check kavenegar.endpoint_id."),
    "unauthorized": UNAUTHORIZED,
    "forbidden": FORBIDDEN,
    "service_unavailable": Verdict(Action.RETRY),
    "internal_server_error": Verdict(Action.RETRY),
}
"""What the ``status`` of an error body means (docs.kavenegar.io, and public client code)."""


class KavenegarPaginator(NumberedPages):
    """Page numbers from 0, with ``page.total`` (docs.kavenegar.io)."""

    first_page = 0


class KavenegarCalls(Endpoint):
    """Calls between the users of a Kavenegar voice application."""

    name = "kavenegar_calls"
    vendor = "kavenegar"
    settings = SETTINGS
    country = "IR"
    paginator = KavenegarPaginator
    verdicts = VERDICTS
    chosen_by: ClassVar[tuple[str, ...]] = ("endpoint_id",)
    began_field = "createdAt"
    stamps: ClassVar[dict[str, str]] = {
        "created": "createdAt",
        "started": "startedAt",
        "finished": "finishedAt",
    }
    #: The documented example has minutes; whether more is read is not documented.
    resolution: ClassVar[timedelta] = timedelta(minutes=1)

    @override
    def new_clock(self) -> Clock:
        return Clock(self.given["timezone"])

    @override
    def authenticator(self, session: Session) -> Authenticator:
        return BearerToken(self.given["api_token"], setting="kavenegar.api_token")

    @override
    def page_request(self, bounds: Window, position: Position) -> Request:
        params = {
            "since": self._naive(bounds.start),
            "until": self._naive(bounds.end),
            "page": str(position.number),
            "size": str(self.given["page_size"]),
        }
        if "endpoint_id" in self.given:
            params["endpointId"] = str(self.given["endpoint_id"])
        url = f"{self.given['api_url'].rstrip('/')}/calls"
        return Request("GET", url, tuple(params.items()))

    def _naive(self, instant: datetime) -> str:
        return self.clock.wall(instant).isoformat(timespec="milliseconds")

    @override
    def read_page(self, body: Any) -> RawPage:
        match body:
            case {"page": dict(page), "result": list(records)}:
                total, size = page.get("total"), page.get("size")
                return RawPage(records, whole_number(total), whole_number(size))
            # Servers leave an empty list out, or send null; the total tells if it should be empty.
            case {"page": dict(page)} if body.get("result") is None:
                return RawPage((), whole_number(page.get("total")))
            case {"result": None | []}:
                return RawPage(())
        raise UnreadableAnswer("an answer without page.total and result")

    @override
    def is_unfinished(self, record: Mapping[str, Any]) -> bool:
        recording = record.get("recording")
        pending = isinstance(recording, dict) and recording.get("status") != "done"
        return not record.get("finishedAt") or pending
