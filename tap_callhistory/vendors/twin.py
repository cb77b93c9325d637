"""TWIN (and its white labels): call sessions, ``GET {api_url}/search/cis/calls``.

Source: TWIN's public API reference. Times carry their offset, pages are offsets, and one period
answers with no more than 50,000 calls. Its login, ``POST {iam_url}/auth/login``, gives a token that
lasts a week.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.errors import TOO_MANY_CALLS, CallHistoryError, UnreadableAnswer
from tap_callhistory.reading.cursors import AnchoredPages
from tap_callhistory.reading.paginators import OffsetPages
from tap_callhistory.reading.windows import floor
from tap_callhistory.transport.auth import Authenticator, BearerToken, Login
from tap_callhistory.transport.http import Request
from tap_callhistory.transport.verdicts import Action, Verdict
from tap_callhistory.transport.verdicts import judge_login as judge_a_login
from tap_callhistory.vendors.base import Endpoint, RawPage, Session, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_callhistory.reading.pages import Page, Position
    from tap_callhistory.reading.passes import Pass
    from tap_callhistory.reading.windows import Window

SECOND: Final = timedelta(seconds=1)

SETTINGS: Final[dict[str, Any]] = {
    "type": "object",
    "title": "TWIN",
    "description": (
        "TWIN or one of its white labels. Given, it adds the stream twin_call_sessions. "
        "It needs either an email and a password, or a token."
    ),
    "additionalProperties": False,
    "anyOf": [{"required": ["email", "password"]}, {"required": ["token"]}],
    "properties": {
        "email": {
            "type": "string",
            "title": "Email",
            "description": "Email of the user who logs in; needs the password too.",
            "examples": ["reports@example.com"],
        },
        "password": {
            "type": "string",
            "title": "Password",
            "description": "Password of the user who logs in.",
            "secret": True,
        },
        "token": {
            "type": "string",
            "title": "Token",
            "description": (
                "A ready token, in place of email and password. It expires, after a week as a "
                "rule; with email and password as well, a new one is fetched then."
            ),
            "format": "http-header",
            "secret": True,
        },
        "api_url": {
            "type": "string",
            "title": "API URL",
            "description": "Where the API begins: everything before /search/cis/calls.",
            "default": "https://analyse.twin24.ai/api/v1",
            "format": "uri",
        },
        "iam_url": {
            "type": "string",
            "title": "Login URL",
            "description": "Where the login API begins: everything before /auth/login.",
            "default": "https://iam.twin24.ai/api/v1",
            "format": "uri",
        },
        "company_id": {
            "type": "integer",
            "title": "Company id",
            "description": "Reads the calls of this company only.",
            "minimum": 1,
            "examples": [42],
        },
        "task_id": {
            "type": "string",
            "title": "Task id",
            "description": "Reads the calls of this call task only; without it, those of all.",
            "minLength": 1,
            "examples": ["0f6ad0e4-9d51-4a6e-8f6c-1d5f6a7b8c9d"],
        },
        "date_field_parameter": {
            "type": "string",
            "title": "Date field parameter",
            "description": (
                "Name of the query parameter that says which date the period applies to. TWIN's "
                "pages do not give it, so it has no default. Without it calls are read by "
                "created_at; with it, by updated_at, so that late results arrive by themselves."
            ),
            "pattern": r"^[A-Za-z_][A-Za-z0-9_.\[\]-]*$",
            "not": {
                "enum": [
                    *("fields", "limit", "offset", "page", "from", "to", "sort"),
                    *("companyId", "taskId"),
                ]
            },
        },
        "page_size": {
            "type": "integer",
            "title": "Page size",
            "description": "Calls asked for per request. Pages overlap by one, so at least 2.",
            "default": 1000,
            "minimum": 2,
            "maximum": 1000,
        },
        "requests_per_second": {
            "type": "number",
            "title": "Requests per second",
            "description": "Budget for TWIN, in place of the common requests_per_second.",
            "exclusiveMinimum": 0,
            "examples": [5],
        },
    },
}


FIELDS: Final = (
    "id,phone,duration,taskId,taskName,botId,botName,regionId,timezone,status,shortNumber,"
    "transferredToOperator,linkToLog,createdAt,updatedAt,startedAt,price,messages,"
    "messagesAsString,additional,externalId,dialogResults,responder,nps,isFinished,recordPath,"
    "operatorDuration,botDuration,markers"
)
"""All that can be asked for; what is not asked for does not come (TWIN's API reference)."""

NEAR_THE_CAP: Final = 49_000
"""No more than 50,000 records come for one period (TWIN's API reference); stay clear of it."""

DATE_FIELD_CANDIDATES: Final = (
    *("dateField", "date_field", "dateType", "dateBy", "filterBy"),
    *("filterField", "periodField", "periodBy"),
)
"""Assumed: usual names of such a parameter, after the style of TWIN's other parameters."""

UNFINISHED: Final = frozenset({"DIAL", "INPROGRESS", "SCHEDULED"})

VERDICTS: Final[dict[int | str, Verdict]] = {
    HTTPStatus.BAD_REQUEST: Verdict(
        Action.STOP,
        advice="Check twin.company_id, twin.task_id, twin.page_size, twin.date_field_parameter.",
    ),
    HTTPStatus.UNAUTHORIZED: Verdict(
        Action.LOG_IN, advice="Check twin.email and twin.password, or twin.token."
    ),
    HTTPStatus.PAYMENT_REQUIRED: Verdict(Action.STOP, advice="Check the account's balance."),
    HTTPStatus.FORBIDDEN: Verdict(
        Action.STOP, advice="Check that the user may see the company's calls: twin.company_id."
    ),
    HTTPStatus.NOT_FOUND: Verdict(
        Action.STOP, advice="Check twin.api_url: everything before /search/cis/calls."
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: Verdict(
        Action.STOP, advice="Check twin.date_field_parameter and twin.page_size."
    ),
}
"""What a status means; 400 and 401 are documented, the others seen in public client code."""

LOGIN_ADVICE: Final[dict[int, str]] = {
    HTTPStatus.OK: "Check twin.email and twin.password.",
    HTTPStatus.BAD_REQUEST: "Check twin.email and twin.password.",
    HTTPStatus.UNAUTHORIZED: "Check twin.email and twin.password.",
    HTTPStatus.FORBIDDEN: "Check that the user may log in: twin.email.",
    HTTPStatus.NOT_FOUND: "Check twin.iam_url: everything before /auth/login.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Check twin.email and twin.password.",
}
"""What to check when the login is refused."""

_SPEAKS_OF_THE_CAP = re.compile(r"50[ ,.]?000|too many|limit exceeded", re.IGNORECASE)


class TwinPaginator(OffsetPages):
    """Offsets in ascending order of creation, each page beginning with the last call before."""


class TwinUpdatesPaginator(AnchoredPages):
    """Pages in ascending order of the last update, anchored by its value."""


class TwinCallSessions(Endpoint):
    """Call sessions of TWIN's bots and operators.

    Where ``date_field_parameter`` names the parameter that selects the filtered date, the stream
    is read by ``updated_at``, else by ``created_at``.
    """

    name = "twin_call_sessions"
    vendor = "twin"
    settings = SETTINGS
    country = "RU"
    paginator: type[Pass] = TwinPaginator
    also_read_by: ClassVar[tuple[str, ...]] = ("updated_at",)
    chosen_by: ClassVar[tuple[str, ...]] = ("company_id", "task_id")
    began_field = "createdAt"
    cap = NEAR_THE_CAP
    verdicts = VERDICTS
    stamps: ClassVar[dict[str, str]] = {
        "created": "createdAt",
        "started": "startedAt",
        "updated": "updatedAt",
    }
    date_field_candidates: ClassVar[tuple[str, ...]] = DATE_FIELD_CANDIDATES

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self._updates = "date_field_parameter" in given
        self.read_by = "updated_at" if self._updates else "created_at"
        if self._updates:
            self.paginator = TwinUpdatesPaginator

    @override
    def authenticator(self, session: Session) -> Authenticator:
        token = self.given.get("token")
        if token and not self.given.get("email"):
            return BearerToken(token, setting="twin.token")
        return Login(lambda: self._log_in(session), at_hand=token, conceal=session.conceal)

    def _log_in(self, session: Session) -> str:
        credentials = {name: self.given[name] for name in ("email", "password")}
        url = f"{self.given['iam_url'].rstrip('/')}/auth/login"
        week_seconds = int(timedelta(days=7).total_seconds())
        login = Request("POST", url, body={**credentials, "ttl": week_seconds})
        return _token(session.ask(login, judge_login)) or ""

    @override
    def page_request(self, bounds: Window, position: Position) -> Request:
        start = bounds.start
        if position.anchor:
            start = floor(parse_instant(position.anchor), self.resolution) - self.resolution
        params = {
            "fields": FIELDS,
            "limit": str(self.given["page_size"]),
            "offset": str(position.number),
            "from": start.isoformat(timespec="seconds"),
            "to": bounds.end.isoformat(timespec="seconds"),
            "sort": "updatedAt" if self._updates else "createdAt",
        }
        if self._updates:
            params[self.given["date_field_parameter"]] = "updatedAt"
        if "company_id" in self.given:
            params["companyId"] = str(self.given["company_id"])
        if "task_id" in self.given:
            params["taskId"] = self.given["task_id"]
        url = f"{self.given['api_url'].rstrip('/')}/search/cis/calls"
        return Request("GET", url, tuple(params.items()))

    @override
    def check_page(self, page: Page, bounds: Window) -> None:
        """Refuse calls of another time, which a filter by the last update would not give.

        Raises:
            CallHistoryError: The setting date_field_parameter does not do what it should.
        """
        if not self._updates:
            return
        start, end = fixed_width(bounds.start - SECOND), fixed_width(bounds.end + SECOND)
        if any(call.lines is not None and not start <= call.moment <= end for call in page.calls):
            error = CallHistoryError("the vendor gives calls that were not updated in the window")
            error.advice = "Check twin.date_field_parameter: TWIN does not filter by it"
            raise error

    @override
    def read_page(self, body: Any) -> RawPage:
        match body:
            case {"items": list(records)}:
                return RawPage(records, total=whole_number(body.get("count")))
            # Servers leave an empty list out, or send null; the count tells if it should be empty.
            case {"count": count} if body.get("items") is None:
                return RawPage((), total=whole_number(count))
            case {"items": None}:
                return RawPage(())
            case list(records):
                return RawPage(records)
        raise UnreadableAnswer("an answer without items")

    @override
    def judge(self, status: int, body: object | None) -> Verdict | None:
        verdict = super().judge(status, body)
        if verdict is None or verdict.action is not Action.STOP:
            return verdict
        if verdict.message and _SPEAKS_OF_THE_CAP.search(verdict.message):
            return replace(verdict, code=TOO_MANY_CALLS)
        return verdict

    @override
    def is_unfinished(self, record: Mapping[str, Any]) -> bool:
        # isFinished tells of the bot's script, which many callers never let come to its end.
        status = record.get("status")
        return isinstance(status, str) and status in UNFINISHED


def judge_login(status: int, body: object | None) -> Verdict | None:
    """The verdicts on a login."""
    return judge_a_login(LOGIN_ADVICE, status, body, token=_token(body))


def _token(body: object) -> str | None:
    match body:
        case {"token": str(token)}:
            return token
    return None
