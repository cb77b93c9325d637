"""The user's account at a vendor, asked through the vendor's own endpoint, in few requests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from tap_callhistory.errors import (
    CallHistoryError,
    UnreadableAnswer,
    VendorRefusal,
    VendorUnavailable,
)
from tap_callhistory.probe.seen import SeenCall
from tap_callhistory.reading.cursors import CursorPages
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.pages import Position
from tap_callhistory.reading.paginators import NumberedPages
from tap_callhistory.transport.budget import Budget

if TYPE_CHECKING:
    import logging
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from tap_callhistory.reading.windows import Window
    from tap_callhistory.run import Run
    from tap_callhistory.transport.http import Answer as HttpAnswer
    from tap_callhistory.transport.transport import Transport
    from tap_callhistory.vendors.base import Endpoint

REQUESTS_PER_VENDOR: Final = 40
LOGOUTS: Final = 1
"""Requests of these that are kept for the end."""
MOST_RETRIES: Final = 2
EMPTY_PAGE: Final = "an empty page"


class AllowanceSpent(CallHistoryError):  # noqa: N818 - what happened, in the user's words
    """The probe has made as many requests as it allows itself."""


class Allowance(Budget):
    """A budget that ends: every request counts, logins, retries and redirects among them.

    Attributes:
        requests: How many may be made.
        reserved: How many of them are kept for the end.
        spent: How many have been made.
    """

    def __init__(
        self,
        requests: int,
        requests_per_second: float | None,
        stop: threading.Event,
        *,
        reserved: int = 0,
    ) -> None:
        super().__init__(requests_per_second, stop=stop)
        self.requests = requests
        self.reserved = reserved
        self.spent = 0

    @property
    def left(self) -> int:
        """How many may still be made."""
        return self.requests - self.reserved - self.spent

    @override
    def acquire(self) -> None:
        if self.left <= 0:
            raise AllowanceSpent(f"the {self.requests} requests that the probe may make are spent")
        self.spent += 1
        super().acquire()


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and its answer.

    Attributes:
        window: The instants asked for; not widened.
        page_size: The page size asked for.
        position: Which page.
        page_number: Which page, counted from 0, where pages are counted.
        calls: What came, in the vendor's order.
        records: How many records came, calls or not.
        total: How many calls there are, if the vendor says so.
        size: The page size that the answer names, if it does.
        next: The next cursor.
        nothing: How the vendor said that there are no calls; "" where it gave some.
        refusal: Why nothing came: the vendor refused, or could not carry it.
    """

    window: Window
    page_size: int
    position: Position
    page_number: int = 0
    calls: Sequence[SeenCall] = ()
    records: int = 0
    total: int | None = None
    size: int | None = None
    next: str = ""
    nothing: str = ""
    refusal: VendorRefusal | VendorUnavailable | None = None

    @property
    def keys(self) -> list[str]:
        """The keys of the calls that came."""
        return [call.key for call in self.calls]


@dataclass(slots=True)
class Account:
    """Asks a vendor for calls, and remembers every answer.

    Attributes:
        endpoint: The vendor's endpoint, with the user's settings.
        run: What the run has decided: limits, the user's settings.
        logger: Gets a line per retry.
        now: Gives the present instant.
        page_size: The page size to ask for unless told otherwise.
        log: All answers.
        skews: By how much the vendor's clock was ahead at each answer.
        has_answered: Whether the vendor has given a page.
    """

    endpoint: Endpoint
    run: Run
    logger: logging.Logger
    now: Callable[[], datetime]
    page_size: int = 0
    log: list[Asked] = field(default_factory=list)
    skews: list[timedelta] = field(default_factory=list)
    has_answered: bool = False
    allowance: Allowance = field(init=False)
    _transport: Transport | None = None
    _headers: Mapping[str, str] = field(default_factory=dict)
    _answer: HttpAnswer | None = None

    def __post_init__(self) -> None:
        rate = self.run.settings.requests_per_second_of(self.endpoint.vendor)
        self.allowance = Allowance(REQUESTS_PER_VENDOR, rate, self.run.stop, reserved=LOGOUTS)
        self.page_size = self.endpoint.given["page_size"]

    @property
    def requests(self) -> int:
        """How many requests have been made."""
        return self.allowance.spent

    @property
    def requests_left(self) -> int:
        """How many requests may still be made."""
        return self.allowance.left

    def ask(
        self,
        window: Window,
        *,
        page_size: int | None = None,
        page: int = 0,
        cursor: str = "",
        extra: Mapping[str, str] | None = None,
        may_fail: bool = False,
    ) -> Asked:
        """Ask for one page of calls.

        Args:
            window: What the date parameters say, as it is.
            page_size: How many calls to ask for.
            page: Which page, counted from 0, where pages are counted.
            cursor: Which page, where there is a cursor.
            extra: Further query parameters.
            may_fail: Whether the vendor's failing under it is to be taken for a refusal.

        Raises:
            CallHistoryError: No answer came that could be read, or a refusal that cannot be about
                what was asked for.
            AllowanceSpent: Too many requests were made before.
        """
        size = page_size or self.page_size
        position = self._position(page, size, cursor)
        request = self.endpoint.with_settings(page_size=size).page_request(window, position)
        request = replace(request, params=(*request.params, *(extra or {}).items()))
        asked = Asked(window, size, position, page)
        try:
            body = self._fetch(request)
        except VendorRefusal as refusal:
            asked = self._refused(asked, refusal)
        except VendorUnavailable as failure:
            if not self._may_be_refused(failure, may_fail=may_fail):
                raise
            asked = replace(asked, refusal=failure)
        else:
            asked = self._answered(asked, body)
            self.has_answered = True
        if not extra:
            self.log.append(asked)
        return asked

    def close(self) -> None:
        """Log out where a login was made, and close the connections."""
        self.allowance.reserved = 0
        if self._transport is not None:
            self._transport.close()

    def _position(self, page: int, size: int, cursor: str) -> Position:
        made = self.endpoint.new_pass(self.endpoint.limits, Knowledge())
        if isinstance(made, CursorPages):
            return Position(cursor=cursor)
        if isinstance(made, NumberedPages):
            return Position(made.first_page + page)
        return Position(page * size)

    def _fetch(self, request: Any) -> Any:
        if self._transport is None:
            self._transport = self.run.connect(
                self.endpoint,
                self.logger,
                budget=self.allowance,
                max_retries=min(self.run.settings.max_retries, MOST_RETRIES),
                on_answer=self._note_headers,
            )
        before = self.now()
        # Where no answer comes, the last one's date says nothing.
        self._headers, self._answer = {}, None
        try:
            return self._transport.fetch(request)
        finally:
            self._note_skew(before)

    def _note_headers(self, answer: HttpAnswer) -> None:
        self._headers, self._answer = answer.headers, answer

    def _note_skew(self, before: datetime) -> None:
        try:
            shown = parsedate_to_datetime(self._headers.get("Date") or "")
        except ValueError:
            return
        # The header has no fractions: on average it is half a second behind.
        here = before + (self.now() - before) / 2
        self.skews.append(shown.astimezone(UTC) + timedelta(seconds=0.5) - here)

    def _may_be_refused(self, failure: VendorUnavailable, *, may_fail: bool) -> bool:
        """Whether a failure is the vendor's no to what was asked for."""
        if failure.status is not None and failure.status < HTTPStatus.MULTIPLE_CHOICES:
            return True  # words in place of calls, each time
        # Nobody at the other end is no refusal, unless others were answered.
        reached = failure.status is not None or self.has_answered
        return may_fail and failure.may_carry_less and reached

    def _refused(self, asked: Asked, refusal: VendorRefusal) -> Asked:
        """Take a refusal for one of what was asked for, where it may be one."""
        if self.has_answered and refusal.may_mean_nothing:
            return replace(asked, nothing=f"HTTP {refusal.status}")
        once_others_came = refusal.may_mean_a_window_once_others_came and self.has_answered
        if refusal.may_mean_the_window or refusal.may_mean_nothing or once_others_came:
            return replace(asked, refusal=refusal)
        raise refusal

    def _answered(self, asked: Asked, body: Any) -> Asked:
        raw = self.endpoint.page_of(body)
        if not all(isinstance(record, dict) for record in raw.records):
            raise UnreadableAnswer("records that are not JSON objects")
        return replace(
            asked,
            calls=[SeenCall.of(record, self.endpoint) for record in raw.records],
            records=len(raw.records),
            total=raw.total,
            size=raw.size,
            next=raw.next,
            nothing="" if raw.records else self._nothing(body),
        )

    def _nothing(self, body: Any) -> str:
        """How an answer says that there are no calls."""
        assert self._answer is not None  # noqa: S101 - it has been read
        if self._answer.status == HTTPStatus.NO_CONTENT:
            return "HTTP 204"
        if not isinstance(body, dict):
            return "null" if self._answer.body.strip() == b"null" else "an empty array"
        if any(value in ([], {}) for value in body.values()):
            return EMPTY_PAGE
        return "a page with null for its list" if None in body.values() else "a page without a list"
