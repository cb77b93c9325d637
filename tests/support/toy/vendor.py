"""The toy vendor: ``GET {api_url}/calls``, pages from 1 with a total, stamps in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from tap_callhistory.errors import UnreadableAnswer
from tap_callhistory.reading.paginators import NumberedPages
from tap_callhistory.transport.auth import Authenticator, BearerToken
from tap_callhistory.transport.http import Request
from tap_callhistory.transport.verdicts import Action, Verdict
from tap_callhistory.vendors.base import Endpoint, RawPage, Session, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_callhistory.reading.pages import Position
    from tap_callhistory.reading.windows import Window

SETTINGS: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Toy",
    "description": "The toy vendor. Given, it adds the stream toy_calls.",
    "additionalProperties": False,
    "required": ["api_token", "api_url"],
    "properties": {
        "api_token": {"type": "string", "title": "API token", "secret": True},
        "api_url": {"type": "string", "title": "API URL", "format": "uri"},
        "page_size": {"type": "integer", "default": 40, "minimum": 1, "maximum": 100},
    },
}


class ToyPaginator(NumberedPages):
    """Page numbers from 1, with a total."""

    first_page = 1


class ToyCalls(Endpoint):
    """Calls of the toy vendor."""

    name = "toy_calls"
    vendor = "toy"
    settings = SETTINGS
    country = "NL"
    read_by = "begun_at"
    began_field = "begunAt"
    paginator = ToyPaginator
    verdicts: ClassVar[dict[int | str, Verdict]] = {
        401: Verdict(Action.LOG_IN, advice="Check toy.api_token.")
    }
    stamps: ClassVar[dict[str, str]] = {"created": "begunAt"}

    @override
    def authenticator(self, session: Session) -> Authenticator:
        return BearerToken(self.given["api_token"], setting="toy.api_token")

    @override
    def page_request(self, bounds: Window, position: Position) -> Request:
        params = {
            "from": f"{bounds.start:%Y-%m-%dT%H:%M:%SZ}",
            "to": f"{bounds.end:%Y-%m-%dT%H:%M:%SZ}",
            "page": str(position.number),
            "per_page": str(self.given["page_size"]),
        }
        return Request("GET", f"{self.given['api_url']}/calls", tuple(params.items()))

    @override
    def read_page(self, body: Any) -> RawPage:
        match body:
            case {"data": list(records)}:
                return RawPage(records, whole_number(body.get("total")))
        raise UnreadableAnswer("an answer without data")

    @override
    def is_unfinished(self, record: Mapping[str, Any]) -> bool:
        return record.get("talkSeconds") is None
