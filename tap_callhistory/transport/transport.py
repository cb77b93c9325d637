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
import msgspec

from tap_callhistory.errors import (
    StoppedError,
    UnreadableAnswer,
    VendorRefusal,
    VendorUnavailable,
)
from tap_callhistory.privacy.keys import is_credential
from tap_callhistory.transport.bodies import (
    Decode,
    DoubtfulJson,
    NotJson,
    TooLarge,
    declared_charset,
    parse,
    requested_pause,
)
from tap_callhistory.transport.http import Answer, FailedTry, Request, too_large
from tap_callhistory.transport.verdicts import (
    CHECK_ADDRESS,
    THE_VENDOR_FAILS,
    Action,
    Judge,
    Verdict,
    judge_by_status,
    patient,
    quoted,
)
from tap_callhistory.transport.words import Words, presentable_code

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Collection, Iterator, Mapping

    from tap_callhistory.transport.auth import Authenticator
    from tap_callhistory.transport.budget import Budget

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 300.0
WAITS_FOR_A_FRESH_TOKEN = (1, 2, 4, 8)
"""In units of the first wait: some vendors know a new token only after some seconds."""
MOST_RENEWALS = 6
"""Of one request: two runs may end each other's sessions for a while."""
MOST_REFUSALS_OF_A_GOOD_TOKEN = 3
TIRESOME_COMPRESSION = 3
"""After so many answers that did not decompress, none is asked for compressed."""


@dataclass(slots=True)
class _Memory:
    """What the tries of one request know of each other."""

    decode: Decode = msgspec.json.decode
    doubtful_body: bytes | bytearray | None = None
    uncompressed: bool = False
    failed: bool = False
    generation: int = -1
    refusals: int = 0
    renewals: int = 0


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
        replaced_characters: How many characters of answers could not be decoded.
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
        self._worked: set[int] = set()
        self._undecodable = 0
        self.requests = 0
        self.retries = 0
        self.replaced_characters = 0

    def fetch(
        self,
        request: Request,
        *,
        retries: int | None = None,
        decode: Decode = msgspec.json.decode,
    ) -> Any:
        """Fetch the JSON object or array that a request is answered with.

        Args:
            request: What to ask.
            retries: Tries after the first, at most `max_retries`; None for as many.
            decode: Decodes the answer's JSON; may give something else for what is in its arrays.

        Raises:
            VendorRefusal: The vendor's verdict on the request or the credential, or a redirect
                that leaves its host.
            VendorUnavailable: No good answer within the retries, a Retry-After over five minutes,
                or a certificate that cannot be verified.
            UnreadableAnswer: The last answer within the retries could not be read.
            SettingsError: The request cannot be sent at all.
            StoppedError: The run is being stopped.
        """
        memory = _Memory(decode=decode)
        few = self._max_retries if retries is None else min(retries, self._max_retries)
        waits = self._growing_waits(self._max_retries)
        tries = 0
        while True:
            tries += 1
            try:
                return self._try(request, memory)
            except VendorRefusal as refusal:
                refusal.after_a_failure = memory.failed
                raise
            except FailedTry as failed:
                memory.failed |= failed.may_carry_less
                uncompressed = failed.undecodable and not memory.uncompressed
                # One that only wants to be asked more slowly gives no more to a shorter window.
                other_windows_help = failed.may_carry_less or failed.unreadable
                spent = failed.hopeless or (other_windows_help and tries > few)
                seconds = None if spent else 0.0 if uncompressed else next(waits, None)
                if seconds is None:
                    raise self._given_up(failed, tries) from None
                memory.uncompressed = memory.uncompressed or failed.undecodable
                self._wait_after(f"{failed}", seconds)

    def close(self) -> None:
        """Close all connections; what other threads still fetch ends with StoppedError."""
        self._sender.close()
        if self._authenticator is not None:
            self._authenticator.close()

    def _growing_waits(self, retries: int) -> Iterator[float]:
        """As many waits in seconds as there are retries: doubling, each shortened at random."""
        waits = backoff.expo(factor=self._first_wait_seconds, max_value=LONGEST_WAIT_SECONDS)
        next(waits)  # backoff's generators begin with an empty step.
        for _, seconds in zip(range(retries), waits, strict=False):
            yield seconds / 2 + backoff.full_jitter(seconds / 2)

    def _wait_after(self, reason: str, seconds: float) -> None:
        """Wait here, since nothing could end the sleep in backoff's decorators."""
        with self._count_lock:
            self.retries += 1
        self._logger.info("%s: %s; trying again in %.1f s", self._name, reason, seconds)
        if self._stop.wait(seconds):
            raise StoppedError("stopped between two tries")

    def _given_up(self, failed: FailedTry, tries: int) -> UnreadableAnswer | VendorUnavailable:
        spent = f" in {tries} tries, the last" if tries > 1 else ""
        text = f"{self._name}: no good answer{spent}: {failed}"
        error = (
            UnreadableAnswer(text)
            if failed.unreadable
            else VendorUnavailable(
                text,
                status=failed.status,
                may_carry_less=failed.may_carry_less,
                timed_out=failed.timed_out,
                too_often=failed.too_often,
            )
        )
        error.advice = failed.advice or "Check the vendor's api_url, and the network on the way"
        return error

    def _try(self, request: Request, memory: _Memory) -> Any:
        while True:
            headers = {**self._headers, **request.headers}
            if memory.uncompressed or self._undecodable >= TIRESOME_COMPRESSION:
                headers["Accept-Encoding"] = "identity"
            generation = self._authenticator.authorize(headers) if self._authenticator else 0
            answer = self._sender.ask(request, headers, before_each=self._take_turn)
            if self._on_answer is not None:
                self._on_answer(answer)
            body, verdict = self._judged(answer, memory)
            if answer.failed and answer.failed.undecodable and not memory.uncompressed:
                memory.uncompressed = True  # a refusal's words tell what it means
                continue
            if verdict is None:
                self._budget.accepted()
                self._worked.add(generation)
                return body
            pauses = requested_pause(answer.headers) is not None
            verdict = patient(verdict, answer.status, names_a_pause=pauses)
            secrets = _secrets(request, headers)
            if verdict.action is not Action.LOG_IN or not self._deserves_another_try(
                generation, memory, quoted(answer.status, verdict, secrets)
            ):
                raise self._consequence(verdict, answer, secrets)

    def _deserves_another_try(self, generation: int, memory: _Memory, told: str) -> bool:
        """Whether a refused credential may yet be taken, or another one; waits before it.

        A fresh token may not be known everywhere yet. One that has worked may have been ended by
        another run's login, which needs its turn too. One that never worked is renewed once.
        """
        if self._authenticator is None:
            return False
        if memory.generation != generation:
            memory.generation, memory.refusals = generation, 0
        memory.refusals += 1
        worked = generation in self._worked
        if self._authenticator.is_fresh(generation) and not worked:
            waits = WAITS_FOR_A_FRESH_TOKEN[memory.refusals - 1 :]
            if waits:
                self._wait_after(told, waits[0] * self._first_wait_seconds)
                return True
        if memory.renewals >= (MOST_RENEWALS if self._worked else 1):
            return False
        if worked:
            seconds = self._first_wait_seconds * 2**memory.renewals
            self._wait_after(told, seconds / 2 + backoff.full_jitter(seconds / 2))
        if self._authenticator.renew(generation):
            memory.renewals += 1
            return True
        return worked and memory.refusals < MOST_REFUSALS_OF_A_GOOD_TOKEN

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
            body = self._parsed(answer, memory)
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

    def _consequence(self, verdict: Verdict, answer: Answer, secrets: Collection[str]) -> Exception:
        told = quoted(answer.status, verdict, secrets)
        if verdict.action in {Action.LOG_IN, Action.STOP}:
            words = Words(tuple(filter(None, (verdict.code,))), verdict.message)
            return VendorRefusal(
                f"{self._name}: the vendor refused: {told}. {verdict.advice or ''}".rstrip(),
                status=verdict.status or answer.status,
                code=presentable_code(verdict.code, secrets),
                advice=verdict.advice,
                may_mean_nothing=verdict.may_mean_nothing,
                speaks_of_the_end=words.speak_of_the_end,
                speaks_of_the_beginning=words.speak_of_retention,
            )
        slow_down = verdict.action is Action.SLOW_DOWN
        if slow_down:
            self._budget.slow_down()
        pause_seconds = requested_pause(answer.headers) or 0.0
        if pause_seconds > LONGEST_PAUSE_SECONDS:
            unavailable = VendorUnavailable(
                f"{self._name}: the vendor asks for a pause of {pause_seconds:,.0f} s ({told}), "
                f"longer than {LONGEST_PAUSE_SECONDS:.0f} s. Run again after it; what was loaded "
                "before stays loaded."
            )
            unavailable.advice = verdict.advice
            return unavailable
        self._budget.pause(pause_seconds)
        failed = FailedTry(
            told,
            status=verdict.status or answer.status,
            may_carry_less=not slow_down,
            advice=verdict.advice or THE_VENDOR_FAILS,
        )
        failed.too_often = slow_down
        return failed

    def _parsed(self, answer: Answer, memory: _Memory) -> Any:
        """Parse a body, leniently when the same one comes again.

        What only leniency can read was damaged on its way, which another try mends, or is what the
        vendor has, which no other try would change.
        """
        if answer.failed is not None:
            self._undecodable += answer.failed.undecodable
            raise answer.failed
        if answer.status == HTTPStatus.NO_CONTENT or answer.body.strip() == b"null":
            return []  # as some vendors say that there is nothing
        charset = declared_charset(answer.headers)
        lenient = answer.body == memory.doubtful_body
        try:
            parsed = parse(answer.body, charset=charset, lenient=lenient, decode=memory.decode)
        except DoubtfulJson as error:
            memory.doubtful_body = answer.body
            raise FailedTry(str(error), unreadable=True) from None
        except TooLarge as error:
            raise too_large(error) from None
        except NotJson as error:
            raise FailedTry(str(error), unreadable=True, advice=CHECK_ADDRESS) from None
        self._tell_of_replaced(parsed.replaced, charset or "UTF-8")
        return parsed.value

    def _tell_of_replaced(self, characters: int, charset: str) -> None:
        if not characters:
            return
        with self._count_lock:
            self.replaced_characters += characters
            so_far = self.replaced_characters
        self._logger.warning(
            "%s: %d characters of an answer are not %s and became U+FFFD (%d in this run so far)",
            self._name,
            characters,
            charset,
            so_far,
        )


def _secrets(request: Request, headers: Mapping[str, str]) -> list[str]:
    """What a request carried and an answer may echo: its token, a login's name and password."""
    token = headers.get("Authorization", "").removeprefix("Bearer ")
    body = request.body or {}
    sent = body.values() if any(map(is_credential, body)) else ()
    return [secret for secret in (token, *sent) if isinstance(secret, str) and secret]
