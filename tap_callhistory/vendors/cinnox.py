"""CINNOX (Hong Kong): call details, ``GET {api_url}/v1/api/apps/{app_id}/data/call-detail``.

Source: CINNOX's public API reference. Times are UTC, pages are offsets, and nothing says how many
calls there are in all.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from typing_extensions import override

from tap_callhistory.clocks import rfc3339
from tap_callhistory.errors import UnreadableAnswer
from tap_callhistory.reading.paginators import OffsetPages
from tap_callhistory.transport.auth import Authenticator, BearerToken
from tap_callhistory.transport.http import Request
from tap_callhistory.transport.verdicts import Action, Verdict
from tap_callhistory.transport.words import words_in
from tap_callhistory.vendors.base import Endpoint, RawPage, Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_callhistory.reading.pages import Position
    from tap_callhistory.reading.windows import Window

SETTINGS: Final[dict[str, Any]] = {
    "type": "object",
    "title": "CINNOX",
    "description": "CINNOX (Hong Kong). Given, it adds the stream cinnox_call_details.",
    "additionalProperties": False,
    "required": ["api_url", "app_id", "app_token"],
    "properties": {
        "api_url": {
            "type": "string",
            "title": "API URL",
            "description": (
                "The base URL that the CINNOX dashboard shows for your app: everything before "
                "/v1/api/apps."
            ),
            "examples": ["https://examplebaseurl.com"],
            "format": "uri",
        },
        "app_id": {
            "type": "string",
            "title": "App ID",
            "description": "The App ID that the CINNOX dashboard shows for your app.",
            "pattern": r"^[A-Za-z0-9_.~-]*[A-Za-z0-9_~-][A-Za-z0-9_.~-]*$",
        },
        "app_token": {
            "type": "string",
            "title": "App Token",
            "description": "The App Token that the CINNOX dashboard generates for your app.",
            "format": "http-header",
            "secret": True,
        },
        "call_type": {
            "type": "string",
            "title": "Call type",
            "description": "Reads the calls of this kind only; without it, those of all.",
            "enum": ["onnet", "offnet", "smartcall"],
        },
        "page_size": {
            "type": "integer",
            "title": "Page size",
            "description": "Calls asked for per request. Pages overlap by one, so at least 2.",
            "default": 500,
            "minimum": 2,
            "maximum": 500,
        },
        "requests_per_second": {
            "type": "number",
            "title": "Requests per second",
            "description": "Budget for CINNOX, in place of the common requests_per_second.",
            "exclusiveMinimum": 0,
            "examples": [5],
        },
    },
}


GOOD_CODES: Final = frozenset({0, HTTPStatus.OK})
"""The ``code`` of an answer that went well; inferred, as only error codes are documented."""

CREDENTIALS: Final = Verdict(Action.LOG_IN, advice="Check cinnox.app_id and cinnox.app_token.")
BAD_PARAMETER: Final = "6451000"

VERDICTS: Final[dict[int | str, Verdict]] = {
    HTTPStatus.UNAUTHORIZED: CREDENTIALS,
    HTTPStatus.FORBIDDEN: CREDENTIALS,
    BAD_PARAMETER: Verdict(Action.STOP, advice="Check cinnox.page_size and cinnox.call_type."),
    "6451001": Verdict(Action.RETRY),
    "6451010": Verdict(Action.SLOW_DOWN),
    "6450001": Verdict(Action.STOP, advice="Check cinnox.api_url."),
}
"""What the ``code`` of an error means, also in an answer with HTTP 200 (docs.cinnox.com)."""

ADVICE: Final[dict[str, str]] = {
    "missing one of": "Check cinnox.api_url: what is asked for does not reach CINNOX whole.",
    "prior to": "Check start_date and end_date.",
    "offset": "Check cinnox.page_size.",
    "limit": "Lower cinnox.page_size.",
}
"""What to check, by the messages that CINNOX documents for a bad parameter."""


class CinnoxPaginator(OffsetPages):
    """Offsets without a total: every page begins with the last call of the one before."""


class CinnoxCallDetails(Endpoint):
    """Call details of a CINNOX app."""

    name = "cinnox_call_details"
    vendor = "cinnox"
    settings = SETTINGS
    country = "HK"
    read_by = "call_date"
    paginator = CinnoxPaginator
    chosen_by: ClassVar[tuple[str, ...]] = ("call_type",)
    verdicts = VERDICTS
    began_field = "callDate"
    stamps: ClassVar[dict[str, str]] = {"created": "callDate", "finished": "callEndTime"}

    @override
    def authenticator(self, session: Session) -> Authenticator:
        return BearerToken(self.given["app_token"], setting="cinnox.app_token")

    @override
    def page_request(self, bounds: Window, position: Position) -> Request:
        base = self.given["api_url"].rstrip("/")
        app = quote(self.given["app_id"], safe="")
        params = {
            "startAt": rfc3339(bounds.start),
            "endAt": rfc3339(bounds.end),
            "offset": str(position.number),
            "limit": str(self.given["page_size"]),
        }
        if "call_type" in self.given:
            params["callType"] = self.given["call_type"]
        url = f"{base}/v1/api/apps/{app}/data/call-detail"
        return Request(
            "GET", url, tuple(params.items()), headers={"Content-Type": "application/json"}
        )

    @override
    def read_page(self, body: Any) -> RawPage:
        match body:
            case {"result": list(records)}:
                return RawPage(records)
            case {"code": int(code), **rest} if code in GOOD_CODES and rest.get("result") is None:
                return RawPage(())
            case {"result": None}:
                return RawPage(())
        raise UnreadableAnswer("an answer without result")

    @override
    def judge(self, status: int, body: object | None) -> Verdict | None:
        verdict = super().judge(status, body)
        if verdict is not None and verdict.code == BAD_PARAMETER:
            said = (verdict.message or "").lower()
            advice = next((advice for words, advice in ADVICE.items() if words in said), None)
            return replace(verdict, advice=advice or verdict.advice)
        match body:
            # Not in CINNOX's list of codes; every code but the good ones is an error.
            case {"code": int(code)} if verdict is None and code not in GOOD_CODES:
                return Verdict(Action.RETRY, str(code), words_in(body).message)
        return verdict

    @override
    def is_unfinished(self, record: Mapping[str, Any]) -> bool:
        # A video recording has files and no audio file: hasAudioFile alone would wait for ever.
        saved = is_true(record.get("hasAudioFile")) or _has_file(record)
        pending = is_true(record.get("isRecording")) and not saved
        return not record.get("callEndTime") or pending


def is_true(value: object) -> bool:
    """Whether a boolean of CINNOX says yes; its types are not always those documented."""
    return str(value).lower() in {"true", "1"}


def _has_file(record: Mapping[str, Any]) -> bool:
    """Whether any recording of a call has a file."""
    recordings = record.get("recordingEventList")
    if not isinstance(recordings, list):
        return False
    return any(isinstance(each, dict) and each.get("files") for each in recordings)
