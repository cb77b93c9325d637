"""What a vendor's answer means: each vendor's own table, and the rules where it has none.

    HTTP status ──╮
    its codes  ───┼── the vendor's table ── what HTTP says ── what the words say ── Verdict
    its words  ───╯

An error may come with any HTTP status, 200 among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from tap_callhistory.errors import UnreadableAnswer
from tap_callhistory.transport.words import (
    Words,
    asks_for_second_factor,
    presentable,
    presentable_code,
    words_in,
)

if TYPE_CHECKING:
    from collections.abc import Collection


class Action(Enum):
    """What to do about an answer that is not a good one."""

    RETRY = "retry"
    SLOW_DOWN = "slow down"
    LOG_IN = "log in"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means.

    Attributes:
        action: What to do.
        code: The vendor's own code, as it came.
        message: The vendor's own message, as it came; masked and cut before anybody sees it.
        advice: A sentence for the user: what to check, by the names of settings.
        status: The HTTP status that the body names, where it is not that of the answer.
        may_mean_nothing: Whether the vendor may only say that there are no calls.
    """

    action: Action
    code: str | None = None
    message: str | None = None
    advice: str | None = None
    status: int | None = None
    may_mean_nothing: bool = False


Judge = Callable[[int, object | None], Verdict | None]
"""From the HTTP status and the parsed body (None where it is not JSON) to a verdict; None is good.

A judge may raise UnreadableAnswer for a body that is not of the documented shape: that is retried.
"""

Table = Mapping[int | str, Verdict]
"""A vendor's own verdicts, by a code of its bodies (as text) or by an HTTP status."""

_SLOW_DOWN: Final = frozenset({420, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_LOG_IN: Final = frozenset({HTTPStatus.UNAUTHORIZED, 419, 498})
"""419 and 498 are no standard; Laravel and others send them for a session that has ended."""
_CHECK_CREDENTIALS: Final = "Check the vendor's credentials in the settings."
_ADVICE: Final[dict[int, str]] = {
    **dict.fromkeys(_LOG_IN, _CHECK_CREDENTIALS),
    HTTPStatus.PAYMENT_REQUIRED: "Check the vendor's account: it asks for a payment.",
    HTTPStatus.FORBIDDEN: "Check that these credentials may read the call history.",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: (
        "The proxy asks for a login: put it into HTTPS_PROXY, HTTP_PROXY or ALL_PROXY."
    ),
}
CHECK_ADDRESS: Final = "Check the vendor's api_url."
_SPEAKS_OF_THE_REQUEST: Final = frozenset({
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
})
_MAY_ASK_FOR_PATIENCE: Final = frozenset({
    *(HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN),
    *(HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.CONFLICT),
})
"""Statuses under which vendors also refuse too many requests, in words or by a Retry-After."""
_VAGUE: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN})
"""Statuses that gateways give to any refusal: the body may be more exact."""
_MAY_MEAN_NOTHING: Final = frozenset({
    *(HTTPStatus.BAD_REQUEST, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY),
})
THE_VENDOR_FAILS: Final = "The vendor fails; run again later."
SLOW_DOWN_ADVICE: Final = "Lower the vendor's requests_per_second, or concurrency."
PAGE_SIZE_ADVICE: Final = "Lower the vendor's page_size."
RETENTION_ADVICE: Final = "Move start_date to where the vendor's history begins."
SECOND_FACTOR_ADVICE: Final = (
    "The user's login needs a second factor (a code), which nobody can give here: use the vendor's "
    "token, or a user without a second factor."
)


def judge_by_status(status: int, body: object | None) -> Verdict | None:  # noqa: ARG001 - a Judge
    """Judge by the HTTP status alone: the rules for a vendor whose table says nothing."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status in _SLOW_DOWN:
        return Verdict(Action.SLOW_DOWN, advice=SLOW_DOWN_ADVICE)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Verdict(Action.RETRY)
    action = Action.LOG_IN if status in _LOG_IN else Action.STOP
    default = None if status in _SPEAKS_OF_THE_REQUEST else CHECK_ADDRESS
    return Verdict(action, advice=_ADVICE.get(status, default))


def judge_by_table(table: Table, status: int, body: object | None) -> Verdict | None:
    """Judge an answer by a vendor's table, then by HTTP, then by the vendor's words.

    An answer with a good status is judged bad only on strong evidence: a code of the table, or one
    that names an error of HTTP.

    Args:
        table: The vendor's own verdicts.
        status: The HTTP status of the answer.
        body: The parsed body; None where it is not JSON.
    """
    words = words_in(body)
    named = words.status
    code = next((code for code in words.codes if code in table), None)
    good = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    if good and (not isinstance(body, dict) or (code is None and named is None)):
        return None
    judged = named if named is not None and (good or status in _VAGUE) else status
    found = table[code] if code is not None else table.get(judged) or judge_by_status(judged, body)
    if found is None:
        return None
    found = replace(found, code=code or _telling_code(words, status), message=words.message)
    if judged != status:
        found = replace(found, status=judged)
    return _by_words(found, table, judged, words, body)


def judge_by_words(table: Table, body: object) -> Verdict | None:
    """Judge a body that should have held calls and does not, by what its words say.

    Args:
        table: The vendor's own verdicts.
        body: The parsed body of an answer with a good status.

    Returns:
        None where it says nothing.
    """
    words = words_in(body)
    if words.message is None:
        return None
    verdict = Verdict(Action.RETRY, _telling_code(words, HTTPStatus.OK), words.message)
    if words.speak_of_haste:
        return replace(verdict, action=Action.SLOW_DOWN, advice=SLOW_DOWN_ADVICE)
    if words.speak_of_credentials:
        advice = _refused_credential(table).advice
        status = HTTPStatus.UNAUTHORIZED
        return replace(verdict, action=Action.LOG_IN, advice=advice, status=status)
    return verdict


def judge_login(
    advice: Mapping[int, str], status: int, body: object | None, *, token: object
) -> Verdict | None:
    """Judge an answer to a login.

    Whatever is wrong with the credentials ends the run: passwords, repeated, lock accounts, and
    every login of an account with a second factor sends its user a message. So only a vendor that
    has too much to do, or fails, is asked again.

    Args:
        advice: What to check, by HTTP status.
        status: The HTTP status of the answer.
        body: The parsed body; None where it is not JSON.
        token: The token that it holds; None for none.

    Raises:
        UnreadableAnswer: It is no answer of the vendor's; that is retried.
    """
    words = words_in(body)
    verdict = judge_by_status(status, body)
    if verdict is None and token is not None:
        return None
    if asks_for_second_factor(body):
        return Verdict(Action.STOP, words.code, words.message, SECOND_FACTOR_ADVICE)
    if verdict is None and not isinstance(body, dict):
        raise UnreadableAnswer("an answer to the login without a token")
    told = words.message or "an answer to the login without a token"
    verdict = verdict or Verdict(Action.STOP)
    haste = verdict.action is not Action.RETRY and words.speak_of_haste
    action = Action.SLOW_DOWN if haste else verdict.action
    code = _telling_code(words, status)
    if action is Action.SLOW_DOWN:
        return Verdict(action, code, words.message, SLOW_DOWN_ADVICE)
    return Verdict(action, code, told, advice.get(status) or verdict.advice)


def quoted(status: int, verdict: Verdict, secrets: Collection[str] = ()) -> str:
    """Quote a vendor on one line, for logs and errors: 'HTTP 403, forbidden: no such application'.

    Args:
        status: The answer's HTTP status.
        verdict: What the answer means.
        secrets: What the request carried and the vendor may echo.
    """
    code = presentable_code(verdict.code, secrets)
    message = presentable(verdict.message, secrets)
    told = ": ".join(filter(None, (code, message.rstrip("."))))
    return ", ".join(filter(None, (f"HTTP {status}", told)))


def patient(verdict: Verdict, status: int, *, names_a_pause: bool) -> Verdict:
    """Take a refusal that says when to come back for one of too many requests."""
    refused = verdict.action is Action.STOP or (
        verdict.action is Action.LOG_IN and status != HTTPStatus.UNAUTHORIZED
    )
    if not refused or status not in _MAY_ASK_FOR_PATIENCE or not names_a_pause:
        return verdict
    return replace(verdict, action=Action.SLOW_DOWN, advice=SLOW_DOWN_ADVICE)


def _by_words(verdict: Verdict, table: Table, status: int, words: Words, body: object) -> Verdict:
    """What the words add to a refusal: what it is really about, and what to do about it."""
    if verdict.action is Action.SLOW_DOWN:
        return replace(verdict, advice=SLOW_DOWN_ADVICE)
    if verdict.action is Action.RETRY:
        return verdict
    if status in _MAY_ASK_FOR_PATIENCE and words.speak_of_haste:
        return replace(verdict, action=Action.SLOW_DOWN, advice=SLOW_DOWN_ADVICE)
    if status in _VAGUE and words.speak_of_credentials:
        refused = _refused_credential(table)
        return replace(verdict, action=Action.LOG_IN, advice=refused.advice)
    if verdict.action is Action.STOP:
        if _may_mean_nothing(status, words, body):
            verdict = replace(verdict, may_mean_nothing=True)
        if status in _SPEAKS_OF_THE_REQUEST:
            return replace(verdict, advice=_advice_by_words(words) or verdict.advice)
    return verdict


def _advice_by_words(words: Words) -> str | None:
    if words.speak_of_retention:
        return RETENTION_ADVICE
    return PAGE_SIZE_ADVICE if words.speak_of_page_size else None


def _refused_credential(table: Table) -> Verdict:
    of_table = [each for each in table.values() if each.action is Action.LOG_IN]
    return of_table[0] if of_table else Verdict(Action.LOG_IN, advice=_CHECK_CREDENTIALS)


def _may_mean_nothing(status: int, words: Words, body: object) -> bool:
    """Whether a refusal may only say that there are no calls, in a body of the vendor's own.

    A page of HTML is nobody's word on calls, nor is what a gateway says of a route.
    """
    if not isinstance(body, dict | list):
        return False
    if isinstance(body, dict) and "path" in body:  # as frameworks tell of a route that is none
        return False
    if status == HTTPStatus.NOT_FOUND:
        return words.speak_of_nothing or not words.speak_of_the_route
    return status in _MAY_MEAN_NOTHING and words.speak_of_nothing


def _telling_code(words: Words, status: int) -> str | None:
    """A code that says more than the status does; and no text that is the message itself."""
    code = words.code
    known = code == str(status) or (code is not None and code in (words.message or ""))
    return None if known else code
