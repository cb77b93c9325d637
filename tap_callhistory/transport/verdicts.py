"""What a vendor's answer means: each vendor's own table, and the rules where it has none."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING

from tap_callhistory.errors import UnreadableAnswer
from tap_callhistory.privacy.logs import HIDDEN, written_forms
from tap_callhistory.privacy.numbers import mask_numbers

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST_QUOTE_CHARACTERS = 200
_SPEAKS_OF_HASTE = re.compile(r"too many|try again", re.IGNORECASE)
_PLAIN_CODE = re.compile(r"-?\d{1,8}", re.ASCII)


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
    """

    action: Action
    code: str | None = None
    message: str | None = None
    advice: str | None = None


Judge = Callable[[int, object | None], Verdict | None]
"""From the HTTP status and the parsed body (None where it is not JSON) to a verdict; None is good.

A judge may raise UnreadableAnswer for a body that is not of the documented shape: that is retried.
"""

_SLOW_DOWN = frozenset({HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_CHECK_CREDENTIALS = "Check the vendor's credentials in the settings."
_ADVICE: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: _CHECK_CREDENTIALS,
    HTTPStatus.PAYMENT_REQUIRED: "Check the vendor's account: it asks for a payment.",
    HTTPStatus.FORBIDDEN: "Check that these credentials may read the call history.",
}
_CHECK_ADDRESS = "Check the vendor's api_url."
_SPEAKS_OF_THE_REQUEST = frozenset({
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
})


def judge_by_status(status: int, body: object | None) -> Verdict | None:  # noqa: ARG001 - a Judge
    """Judge by the HTTP status alone: the rules for a vendor whose table says nothing."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status in _SLOW_DOWN:
        return Verdict(Action.SLOW_DOWN)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Verdict(Action.RETRY)
    action = Action.LOG_IN if status == HTTPStatus.UNAUTHORIZED else Action.STOP
    default = None if status in _SPEAKS_OF_THE_REQUEST else _CHECK_ADDRESS
    return Verdict(action, advice=_ADVICE.get(status, default))


def judge_tokenless(message: str | None) -> Verdict:
    """Judge an answer to a login that is good by its status and holds no token.

    What the vendor has to say about it may be that the password is wrong, and wrong passwords,
    repeated, lock accounts. So only a vendor that has had too much to do is asked again.

    Args:
        message: The vendor's message; None where it says nothing.

    Raises:
        UnreadableAnswer: It says nothing; that is retried.
    """
    if message is None:
        raise UnreadableAnswer("an answer to the login without a token")
    return Verdict(Action.SLOW_DOWN if _SPEAKS_OF_HASTE.search(message) else Action.STOP)


def quoted(status: int, verdict: Verdict, secrets: Collection[str] = ()) -> str:
    """Quote a vendor on one line, for logs and errors: 'HTTP 403, forbidden: no such application'.

    Args:
        status: The answer's HTTP status.
        verdict: What the answer means.
        secrets: What the request carried and the vendor may echo.
    """
    code = quoted_code(verdict, secrets)
    message = _presentable(verdict.message, secrets)
    told = ": ".join(filter(None, (code, message.rstrip("."))))
    return ", ".join(filter(None, (f"HTTP {status}", told)))


def quoted_code(verdict: Verdict, secrets: Collection[str] = ()) -> str | None:
    """The vendor's code as it may be shown; a short number is a code and no phone number."""
    code = verdict.code
    if code is not None and _PLAIN_CODE.fullmatch(code) and code not in secrets:
        return code
    return _presentable(code, secrets) or None


def _presentable(text: str | None, secrets: Collection[str]) -> str:
    shown = text or ""
    # Before anything is cut: half a secret is none that could be recognised later.
    for form in sorted(set().union(*map(written_forms, secrets)), key=len, reverse=True):
        shown = shown.replace(form, HIDDEN)
    shown = " ".join("".join(c if c.isprintable() else " " for c in shown[:10_000]).split())
    shown = mask_numbers(shown)
    if len(shown) > LONGEST_QUOTE_CHARACTERS:
        return shown[: LONGEST_QUOTE_CHARACTERS - 1] + "…"
    return shown
