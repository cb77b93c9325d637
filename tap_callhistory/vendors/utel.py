"""Utel (Uzbekistan): the call history of a tenant, ``GET {api_url}/call-history``.

Source: Utel's public API pages. Its clock is naive; pages are counted from 1 and say how many calls
there are in all. Its login, ``POST {api_url}/auth/login``, gives a token that stays valid until the
logout.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from tap_callhistory.clocks import Clock, parse_instant
from tap_callhistory.errors import UnreadableAnswer
from tap_callhistory.reading.paginators import NumberedPages
from tap_callhistory.transport.auth import Authenticator, BearerToken, Login
from tap_callhistory.transport.http import Request
from tap_callhistory.transport.verdicts import Action, Verdict, judge_by_status
from tap_callhistory.transport.verdicts import judge_login as judge_a_login
from tap_callhistory.vendors.base import Endpoint, RawPage, Session, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_callhistory.reading.pages import Position
    from tap_callhistory.reading.windows import Window

SETTINGS: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Utel",
    "description": (
        "Utel (Uzbekistan). Given, it adds the stream utel_call_history. "
        "It needs either an email and a password, or a token."
    ),
    "additionalProperties": False,
    "required": ["api_url"],
    "anyOf": [{"required": ["email", "password"]}, {"required": ["token"]}],
    "properties": {
        "api_url": {
            "type": "string",
            "title": "API URL",
            "description": "Where your tenant's API begins: everything before /call-history.",
            "examples": ["https://api.tenant.utel.uz/api/v1"],
            "format": "uri",
        },
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
            "description": "A ready access token, in place of email and password.",
            "format": "http-header",
            "secret": True,
        },
        "timezone": {
            "type": "string",
            "title": "Time zone",
            "description": (
                "The IANA time zone of the vendor's clock, for the times of its calls carry no "
                "offset. Utel does not document it; its samples show the default."
            ),
            "default": "Asia/Tashkent",
            "examples": ["Asia/Tashkent", "Asia/Samarkand"],
            "format": "time-zone",
        },
        "external_number": {
            "type": "string",
            "title": "External number",
            "description": (
                "Reads the calls over this outside line only, written as Utel writes it; without "
                "it, those over all, and internal ones."
            ),
            "pattern": r"^\+?\d+$",
            "examples": ["781130590"],
        },
        "type": {
            "type": "integer",
            "title": "Type",
            "description": (
                "Reads the calls of this kind only: 1 incoming, 2 outgoing, 3 internal; without "
                "it, those of all."
            ),
            "minimum": 1,
            "examples": [1],
        },
        "page_size": {
            "type": "integer",
            "title": "Page size",
            "description": "Calls asked for per request.",
            "default": 300,
            "minimum": 1,
            "maximum": 300,
        },
        "requests_per_second": {
            "type": "number",
            "title": "Requests per second",
            "description": "Budget for Utel, in place of the common requests_per_second.",
            "exclusiveMinimum": 0,
            "examples": [5],
        },
    },
}


VERDICTS: Final[dict[int | str, Verdict]] = {
    HTTPStatus.UNAUTHORIZED: Verdict(
        Action.LOG_IN, advice="Check utel.email and utel.password, or utel.token."
    ),
    HTTPStatus.FORBIDDEN: Verdict(
        Action.STOP, advice="Check that the user may see the call history."
    ),
    HTTPStatus.NOT_FOUND: Verdict(
        Action.STOP, advice="Check utel.api_url: everything before /call-history."
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: Verdict(
        Action.STOP, advice="Check utel.page_size, utel.type and utel.external_number."
    ),
    HTTPStatus.TOO_MANY_REQUESTS: Verdict(Action.SLOW_DOWN),
}
"""What a status means; errors have Laravel's shape, with a ``message`` (inferred)."""

LOGIN_ADVICE: Final[dict[int, str]] = {
    HTTPStatus.OK: "Check utel.email and utel.password.",
    HTTPStatus.UNAUTHORIZED: "Check utel.email and utel.password.",
    HTTPStatus.NOT_FOUND: "Check utel.api_url: everything before /call-history.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Check utel.email and utel.password.",
}
"""What to check when the login is refused."""

HEADERS: Final = {"Accept": "application/json", "Content-Type": "application/json"}
"""Both are mandatory (Utel's API documentation)."""


EPOCH_IN_FILE_NAME: Final = re.compile(r"/(\d{10})(?:\.\d+)*\.\w+$", re.ASCII)
"""``…/1768308876.2.wav``, as in the samples."""


class UtelPaginator(NumberedPages):
    """Page numbers from 1, with ``meta.total``; ``links.next`` is never followed.

    The links drop the filters, and one to another host would carry the token away.
    """


class UtelCallHistory(Endpoint):
    """The call history of a Utel tenant."""

    name = "utel_call_history"
    vendor = "utel"
    settings = SETTINGS
    country = "UZ"
    read_by = "date_time"
    paginator = UtelPaginator
    chosen_by: ClassVar[tuple[str, ...]] = ("external_number", "type")
    began_field = "date_time"
    stamps: ClassVar[dict[str, str]] = {"created": "date_time"}
    tells_changes: ClassVar[bool] = True
    verdicts = VERDICTS

    @override
    def new_clock(self) -> Clock:
        return Clock(self.given["timezone"])

    @override
    def authenticator(self, session: Session) -> Authenticator:
        token = self.given.get("token")
        if token and not self.given.get("email"):
            return BearerToken(token, setting="utel.token")
        return Login(
            lambda: self._log_in(session),
            at_hand=token,
            log_out=lambda token: self._log_out(session, token),
            conceal=session.conceal,
        )

    def _log_in(self, session: Session) -> str:
        credentials = {name: self.given[name] for name in ("email", "password")}
        url = f"{self._base}/auth/login"
        login = Request("POST", url, body=credentials, headers=HEADERS)
        return _token(session.ask(login, judge_login)) or ""

    def _log_out(self, session: Session, token: str) -> None:
        """End the session of a token, which would never expire.

        Utel's pages ask for a logout; its address is assumed, after that of the login.
        """
        headers = {**HEADERS, "Authorization": f"Bearer {token}"}
        url = f"{self._base}/auth/logout"
        session.ask(Request("POST", url, headers=headers), judge_by_status, once=True)

    @property
    def _base(self) -> str:
        base: str = self.given["api_url"]
        return base.rstrip("/")

    @override
    def page_request(self, bounds: Window, position: Position) -> Request:
        params = {
            "filter[from]": self._naive(bounds.start),
            "filter[to]": self._naive(bounds.end),
            "sort": "id",
            "page": str(position.number),
            "per_page": str(self.given["page_size"]),
        }
        for name in self.chosen_by:
            if name in self.given:
                params[f"filter[{name}]"] = str(self.given[name])
        return Request("GET", f"{self._base}/call-history", tuple(params.items()), headers=HEADERS)

    def _naive(self, instant: datetime) -> str:
        return self.clock.wall(instant).strftime("%Y-%m-%d %H:%M:%S")

    @override
    def read_page(self, body: Any) -> RawPage:
        match body:
            case {"data": list(records), "meta": dict(meta)}:
                total, size = meta.get("total"), meta.get("per_page")
                return RawPage(records, whole_number(total), whole_number(size))
            # Servers leave an empty list out, or send null; the total tells if it should be empty.
            case {"meta": dict(meta)} if body.get("data") is None:
                return RawPage((), whole_number(meta.get("total")))
            case {"data": None | []}:
                return RawPage(())
        raise UnreadableAnswer("an answer without data and meta.total")

    @override
    def utc_stamp(self, record: Mapping[str, Any]) -> datetime | None:
        """The beginning of a call in UTC: its recording's file name holds the epoch (inferred)."""
        name = record.get("recorded_file_url")
        found = EPOCH_IN_FILE_NAME.search(name) if isinstance(name, str) else None
        return datetime.fromtimestamp(int(found[1]), UTC) if found else None

    @override
    def change_stamp(self, record: Mapping[str, Any]) -> datetime | None:
        """When an integration last took the call over, in UTC."""
        stamps = [
            parse_instant(sync["created_at"])
            for sync in record.get("integration") or ()
            if isinstance(sync, dict) and isinstance(sync.get("created_at"), str)
        ]
        return max(stamps, default=None)

    @override
    def is_unfinished(self, record: Mapping[str, Any]) -> bool:
        # Utel documents no sign of a call in progress; what comes later is left to the revisits.
        return False


def judge_login(status: int, body: object | None) -> Verdict | None:
    """The verdicts on a login."""
    return judge_a_login(LOGIN_ADVICE, status, body, token=_token(body))


def _token(body: object) -> str | None:
    match body:
        case {"result": {"access_token": str(token)}}:
            return token
    return None
