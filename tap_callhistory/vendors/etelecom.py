"""eTelecom (Vietnam; white label SenCloud): its call logs, ``POST {api_url}/ListCallLogs``.

Source: eTelecom's public API pages. Times carry their offset; pages follow an opaque cursor, and
nothing says how many calls there are in all.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from tap_callhistory.clocks import rfc3339
from tap_callhistory.errors import UnreadableAnswer
from tap_callhistory.reading.cursors import CursorPages
from tap_callhistory.transport.auth import Authenticator, BearerToken
from tap_callhistory.transport.http import Request
from tap_callhistory.transport.verdicts import Action, Verdict
from tap_callhistory.vendors.base import Endpoint, RawPage, Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_callhistory.reading.pages import Position
    from tap_callhistory.reading.windows import Window

SETTINGS: Final[dict[str, Any]] = {
    "type": "object",
    "title": "eTelecom",
    "description": "eTelecom or SenCloud (Vietnam). Given, it adds the stream etelecom_call_logs.",
    "additionalProperties": False,
    "required": ["api_key"],
    "properties": {
        "api_key": {
            "type": "string",
            "title": "API key",
            "description": "The API key of your shop; partners give the shop_key.",
            "format": "http-header",
            "secret": True,
        },
        "api_url": {
            "type": "string",
            "title": "API URL",
            "description": "Where the API begins: everything before /ListCallLogs.",
            "default": "https://api.etelecom.vn/v1/shop.Etelecom",
            "examples": [
                "https://api.etelecom.vn/v1/partner.Etelecom",
                "https://api.sencloud.vn/v1/shop.Sencloud",
            ],
            "format": "uri",
        },
        "hotline_ids": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "title": "Hotline ids",
            "description": "Reads the calls of these hotlines only; without it, those of all.",
            "examples": [["1150000000000000001"]],
        },
        "extension_ids": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "title": "Extension ids",
            "description": "Reads the calls of these extensions only; without it, those of all.",
            "examples": [["1160000000000000001"]],
        },
        "department_id": {
            "type": "string",
            "title": "Department id",
            "description": "Reads the calls of this department only; without it, those of all.",
            "minLength": 1,
            "examples": ["1200000000000000001"],
        },
        "user_id": {
            "type": "string",
            "title": "User id",
            "description": "Reads the calls of this user only; without it, those of all.",
            "minLength": 1,
            "examples": ["1170000000000000001"],
        },
        "page_size": {
            "type": "integer",
            "title": "Page size",
            "description": (
                "Calls asked for per request. eTelecom documents no maximum; 1000 is the largest "
                "that public clients use."
            ),
            "default": 1000,
            "minimum": 1,
            "maximum": 1000,
        },
        "requests_per_second": {
            "type": "number",
            "title": "Requests per second",
            "description": "Budget for eTelecom, in place of the common requests_per_second.",
            "exclusiveMinimum": 0,
            "examples": [5],
        },
    },
}


VERDICTS: Final[dict[int | str, Verdict]] = {
    "invalid_argument": Verdict(
        Action.STOP,
        advice=(
            "Check etelecom.page_size, etelecom.hotline_ids, etelecom.extension_ids, "
            "etelecom.department_id and etelecom.user_id."
        ),
    ),
    "unauthenticated": Verdict(Action.LOG_IN, advice="Check etelecom.api_key."),
    HTTPStatus.UNAUTHORIZED: Verdict(Action.LOG_IN, advice="Check etelecom.api_key."),
    "bad_route": Verdict(
        Action.STOP, advice="Check etelecom.api_url: everything before /ListCallLogs."
    ),
}
"""What the ``code`` of an error body means (eTelecom's API documentation)."""


class EtelecomPaginator(CursorPages):
    """``paging.next`` becomes the next ``paging.after``, until a page is empty."""


class EtelecomCallLogs(Endpoint):
    """Call logs of a shop's (or partner's) hotlines and extensions at eTelecom."""

    name = "etelecom_call_logs"
    vendor = "etelecom"
    settings = SETTINGS
    country = "VN"
    paginator = EtelecomPaginator
    #: As the vendor's page spells them: two lists, and two that hold one id each.
    chosen_by: ClassVar[tuple[str, ...]] = (
        *("hotline_ids", "extension_ids"),
        *("department_id", "user_id"),
    )
    verdicts = VERDICTS
    stamps: ClassVar[dict[str, str]] = {
        "created": "created_at",
        "started": "started_at",
        "finished": "ended_at",
        "updated": "updated_at",
    }

    @override
    def authenticator(self, session: Session) -> Authenticator:
        return BearerToken(self.given["api_key"], setting="etelecom.api_key")

    @override
    def page_request(self, bounds: Window, position: Position) -> Request:
        call_filter: dict[str, Any] = {
            "date_from": rfc3339(bounds.start),
            "date_to": rfc3339(bounds.end),
        }
        for name in self.chosen_by:
            if self.given.get(name):
                call_filter[name] = self.given[name]
        paging = {"after": position.cursor, "limit": self.given["page_size"]}
        url = f"{self.given['api_url'].rstrip('/')}/ListCallLogs"
        return Request("POST", url, body={"filter": call_filter, "paging": paging})

    @override
    def read_page(self, body: Any) -> RawPage:
        match body:
            case {"call_logs": list(records), "paging": dict(paging)}:
                limit, cursor = paging.get("limit"), paging.get("next")
                size = limit if isinstance(limit, int) and limit > 0 else None
                return RawPage(records, size=size, next=_sendable(cursor))
            # Servers written in Go leave an empty list out, or send null.
            case {"paging": dict(paging)} if body.get("call_logs") is None:
                return RawPage((), next=_sendable(paging.get("next")))
            case {"call_logs": None | []}:
                return RawPage(())
        raise UnreadableAnswer("an answer without call_logs and paging")

    @override
    def is_unfinished(self, record: Mapping[str, Any]) -> bool:
        return self.utc_or_none(record.get("ended_at")) is None

    @override
    def unfinished_since(self, record: Mapping[str, Any]) -> str | None:
        """When an unfinished call began: which of its two stamps is filtered is not documented."""
        if not self.is_unfinished(record):
            return None
        stamps = (self.utc_or_none(record.get(name)) for name in ("created_at", "started_at"))
        return min((stamp for stamp in stamps if stamp is not None), default=None)


def _sendable(cursor: object) -> str:
    """A cursor as it can be sent back; "" where there is none."""
    if not isinstance(cursor, str):
        return ""
    try:
        cursor.encode()
    except UnicodeEncodeError:
        raise UnreadableAnswer("a cursor that is no text") from None
    return cursor
