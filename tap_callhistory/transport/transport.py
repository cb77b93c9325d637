"""Fetches from a vendor: paced, retried, and silent about secrets.

fetch ── try ── budget ── sender ── answer ── parse ── judge ── body
          ↑                                              │
          ╰──── wait (backoff, Retry-After), log in ─────╯
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import backoff

from tap_callhistory.errors import (
    StoppedError,
    UnreadableAnswer,
    VendorRefusal,
    VendorUnavailable,
)
from tap_callhistory.privacy.keys import is_credential
from tap_callhistory.transport.bodies import DoubtfulJson, NotJson, parse, requested_pause
from tap_callhistory.transport.http import Answer, FailedTry, Request
from tap_callhistory.transport.verdicts import (
    Action,
    Judge,
    Verdict,
    judge_by_status,
    quoted,
    quoted_code,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Collection, Iterator, Mapping

    from tap_callhistory.transport.auth import Authenticator
    from tap_callhistory.transport.budget import Budget

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 300.0


@dataclass(slots=True)
class _Memory:
    """What the tries of one request know of each other."""

    renewed: bool = False
    doubtful_body: bytes | bytearray | None = None


class Sender(Protocol):
    """Sends a request and brings its answer back."""

    def ask(
        self, request: Request, headers: Mapping[str, str], before_each: Callable[[], None]
    ) -> Answer:
        """Send a request; as `HttpSender.ask`."""

    def close(self) -> None:
        """End what is under way, and close all connections."""


class Transport:
    """Fetches parsed JSON from one vendor, whatever it and the network do; thread-safe.

    Args:
        name: Who asks, at the head of every error and log line: the stream.
        sender: Sends the requests.
        max_retries: Tries after the first.
        user_agent: The User-Agent header.
        budget: Paces the requests of all workers of the stream.
        stop: Ends requests and waits within a fraction of a second when set.
        logger: Gets a line per retry.
        judge: The vendor's own table. Where it sees nothing wrong, judge_by_status still may.
        authenticator: Puts a credential on requests; None for none.
        first_wait_seconds: Before the first retry; doubles with each, up to a minute.
        on_answer: Told of every answer before it is judged.

    Attributes:
        requests: How many HTTP requests went out.
        retries: How many tries came after a failed one.
    """

    def __init__(  # noqa: PLR0913 - what a run decides once, all by keyword
        self,
        *,
        name: str,
        sender: Sender,
        max_retries: int,
        user_agent: str,
        budget: Budget,
        stop: threading.Event,
        logger: logging.Logger,
        judge: Judge = judge_by_status,
        authenticator: Authenticator | None = None,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
        on_answer: Callable[[Answer], None] | None = None,
    ) -> None:
        self._name = name
        self._max_retries = max_retries
        self._budget = budget
        self._stop = stop
        self._logger = logger
        self._judge = judge
        self._authenticator = authenticator
        self._first_wait_seconds = first_wait_seconds
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
        }
        self._sender = sender
        self._on_answer = on_answer
        self._count_lock = threading.Lock()
        self.requests = 0
        self.retries = 0

    def fetch(self, request: Request, *, retries: int | None = None) -> Any:
        """Fetch the JSON object or array that a request is answered with.

        Args:
            request: What to ask.
            retries: Tries after the first, at most `max_retries`; None for as many.

        Raises:
            VendorRefusal: The vendor's verdict on the request or the credential, or a redirect
                that leaves its host.
            VendorUnavailable: No good answer within the retries, a Retry-After over five minutes,
                or a certificate that cannot be verified.
            UnreadableAnswer: The last answer within the retries could not be read.
            SettingsError: The request cannot be sent at all.
            StoppedError: The run is being stopped.
        """
        memory = _Memory()
        allowed = self._max_retries if retries is None else min(retries, self._max_retries)
        waits = self._growing_waits(allowed)
        while True:
            try:
                return self._try(request, memory)
            except FailedTry as failed:
                seconds = next(waits, None)
                if seconds is None:
                    raise self._given_up(failed, allowed + 1) from None
                self._wait_after(failed, seconds)

    def close(self) -> None:
        """Close all connections; what other threads still fetch ends with StoppedError."""
        self._sender.close()

    def _growing_waits(self, retries: int) -> Iterator[float]:
        """As many waits in seconds as there are retries: doubling, each shortened at random."""
        waits = backoff.expo(factor=self._first_wait_seconds, max_value=LONGEST_WAIT_SECONDS)
        next(waits)  # backoff's generators begin with an empty step.
        for _, seconds in zip(range(retries), waits, strict=False):
            yield seconds / 2 + backoff.full_jitter(seconds / 2)

    def _wait_after(self, failed: FailedTry, seconds: float) -> None:
        """Wait here, since nothing could end the sleep in backoff's decorators."""
        with self._count_lock:
            self.retries += 1
        self._logger.info("%s: %s; trying again in %.1f s", self._name, failed, seconds)
        if self._stop.wait(seconds):
            raise StoppedError("stopped between two tries")

    def _given_up(self, failed: FailedTry, tries: int) -> UnreadableAnswer | VendorUnavailable:
        text = f"{self._name}: no good answer in {tries} tries, the last: {failed}"
        error = (
            UnreadableAnswer(text)
            if failed.unreadable
            else VendorUnavailable(text, status=failed.status, may_carry_less=failed.may_carry_less)
        )
        error.advice = "Check the vendor's api_url, and the network and the proxy on the way to it"
        return error

    def _try(self, request: Request, memory: _Memory) -> Any:
        headers = {**self._headers, **request.headers}
        generation = self._authenticator.authorize(headers) if self._authenticator else 0
        answer = self._sender.ask(request, headers, before_each=self._take_turn)
        if self._on_answer is not None:
            self._on_answer(answer)
        body, verdict = self._judged(answer, memory)
        if verdict is None:
            self._budget.accepted()
            return body
        if verdict.action is Action.LOG_IN and self._renewed(generation, memory):
            return self._try(request, memory)
        raise self._consequence(verdict, answer, body, _secrets(request, headers))

    def _take_turn(self) -> None:
        self._budget.acquire()
        with self._count_lock:
            self.requests += 1

    def _judged(self, answer: Answer, memory: _Memory) -> tuple[Any, Verdict | None]:
        """The parsed body, and what is wrong with the answer.

        Raises:
            FailedTry: It would be a good answer, if it could be read.
        """
        bad_status = judge_by_status(answer.status, None)
        try:
            body = _parsed(answer, memory)
        except FailedTry:
            if bad_status is None:
                raise
            body = None
        try:
            return body, self._judge(answer.status, body) or bad_status
        except UnreadableAnswer as error:
            if bad_status is None:
                raise FailedTry(str(error), unreadable=True) from None
            return body, bad_status

    def _renewed(self, generation: int, memory: _Memory) -> bool:
        """Whether another credential is worth a try; once per request, or it would never end."""
        if memory.renewed or self._authenticator is None:
            return False
        memory.renewed = self._authenticator.renew(generation)
        return memory.renewed

    def _consequence(
        self, verdict: Verdict, answer: Answer, body: object, secrets: Collection[str]
    ) -> Exception:
        told = quoted(answer.status, verdict, secrets)
        if verdict.action in {Action.LOG_IN, Action.STOP}:
            return VendorRefusal(
                f"{self._name}: the vendor refused: {told}. {verdict.advice or ''}".rstrip(),
                status=answer.status,
                code=quoted_code(verdict, secrets),
                advice=verdict.advice,
                in_own_words=isinstance(body, dict | list) and bool(body),
            )
        slow_down = verdict.action is Action.SLOW_DOWN
        if slow_down:
            self._budget.slow_down()
        pause_seconds = requested_pause(answer.headers) or 0.0
        if pause_seconds > LONGEST_PAUSE_SECONDS:
            return VendorUnavailable(
                f"{self._name}: the vendor asks for a pause of {pause_seconds:,.0f} s ({told}), "
                f"longer than {LONGEST_PAUSE_SECONDS:.0f} s. Run again after it; what was loaded "
                "before stays loaded."
            )
        self._budget.pause(pause_seconds)
        return FailedTry(told, status=answer.status, may_carry_less=not slow_down)


def _parsed(answer: Answer, memory: _Memory) -> Any:
    """Parse a body, leniently when the same one comes again.

    What only leniency can read was damaged on its way, which another try mends, or is what the
    vendor has, which no other try would change.
    """
    if answer.failed is not None:
        raise answer.failed
    if answer.status == HTTPStatus.NO_CONTENT or answer.body.strip() == b"null":
        return []  # as some vendors say that there is nothing
    try:
        return parse(answer.body, lenient=answer.body == memory.doubtful_body)
    except DoubtfulJson as error:
        memory.doubtful_body = answer.body
        raise FailedTry(str(error), unreadable=True) from None
    except NotJson as error:
        raise FailedTry(str(error), unreadable=True) from None


def _secrets(request: Request, headers: Mapping[str, str]) -> list[str]:
    """What a request carried and an answer may echo: its token, a login's name and password."""
    token = headers.get("Authorization", "").removeprefix("Bearer ")
    body = request.body or {}
    sent = body.values() if any(map(is_credential, body)) else ()
    return [secret for secret in (token, *sent) if isinstance(secret, str) and secret]
