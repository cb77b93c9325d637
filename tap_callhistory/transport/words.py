"""What a vendor says in an answer: its code and its message, wherever they lie, and what they mean.

Vendors put their words under many names, in lists, in objects by field, one inside another. One
piece of code finds them for every vendor; nothing of it is shown before it is masked.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tap_callhistory.privacy.keys import scrub
from tap_callhistory.privacy.logs import HIDDEN, Redactor, written_forms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LONGEST_QUOTE_CHARACTERS: Final = 200
MOST_TEXTS: Final = 5
DEEPEST_LEVELS: Final = 4
LONGEST_CODE_CHARACTERS: Final = 64

MESSAGE_KEYS: Final = (
    *("title", "error", "message", "msg", "detail", "details", "reason", "reasons", "errors"),
    *("error_message", "errormessage", "error_description", "description"),
)
CODE_KEYS: Final = (
    *("code", "error_code", "errorcode", "status", "status_code", "statuscode", "error"),
)
_SPOKEN_UNDER: Final = frozenset({*MESSAGE_KEYS, *CODE_KEYS})
_NO_CODES: Final = frozenset({"error", "errors", "fail", "failed", "failure", "false", "ok"})
"""They say that something is wrong, and not what."""

_STATUS_WORDS: Final[dict[str, HTTPStatus]] = {
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "unauthorised": HTTPStatus.UNAUTHORIZED,
    "token_expired": HTTPStatus.UNAUTHORIZED,
    "invalid_token": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "permission_denied": HTTPStatus.FORBIDDEN,
    "access_denied": HTTPStatus.FORBIDDEN,
    "bad_request": HTTPStatus.BAD_REQUEST,
    "invalid_argument": HTTPStatus.BAD_REQUEST,
    "validation_error": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unprocessable_entity": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limit_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "resource_exhausted": HTTPStatus.TOO_MANY_REQUESTS,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "service_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "deadline_exceeded": HTTPStatus.GATEWAY_TIMEOUT,
}
"""Usual names of HTTP's own statuses, as vendors write them into a body."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PLAIN_CODE = re.compile(r"-?\d{1,8}", re.ASCII)
_HASTE = re.compile(
    r"too many (?:\w+ )?(?:requests|attempts|logins|tries)|(?:rate|request|throttl\w*).?limit"
    r"|throttl|quota|slow down|(?:try|retry) (?:again )?(?:later|after|in \d)|too (?:fast|often)"
    r"|лимит\w* запрос|(?:много|часто\w*|превышен\w*) (?:\w+ )?запрос|повторите позже"
    r"|quá nhiều (?:yêu cầu|lần)|thử lại sau|juda ko.p so.rov|keyinroq"
    r"|تعداد درخواست|بعدا",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"unauthenticated|unauthori[sz]ed|not (?:authenticated|logged in)|log ?in again"
    r"|(?:token|session|jwt|credential)s? (?:is |has |have |are )?(?:been )?"
    r"(?:expired|invalid|revoked|missing|not valid)"
    r"|(?:expired|invalid|revoked|missing|wrong) (?:\w+ )?(?:token|session|jwt|api.?key|credential)"
    r"|не авторизован|токен\w* (?:истек|истёк|недейств)|chưa đăng nhập|hết hạn|avtorizatsiya",
    re.IGNORECASE,
)
_SECOND_FACTOR = re.compile(
    r"two.?(?:factor|step)|(?:second|multi).?factor|2.?fa\b|\bmfa\b|\botp\b|one.?time"
    r"|verification.?code|двухфактор|xác thực hai|دو مرحله",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    # Neither "no more than 200 records" nor "no access to call history".
    r"\bno (?:(?!(?:more|longer|than|access|permission|right|privilege)s?\b)\w+ ){0,3}"
    r"(?:calls?|records?|data|results?|rows|items|logs?|sessions?|entries|history|content|matches)"
    r"\b|(?:calls?|records?|data|results?|logs?|nothing|history)"
    r" (?:(?!(?:older|earlier|longer|than)\b)\w+ ){0,2}(?:not|was|were)? ?(?:found|available)"
    r"|(?:звонк|запис|данн)\w* (?:\w+ )?не найд|нет (?:данных|записей|звонков)"
    r"|không (?:có|tìm thấy) (?:\w+ )?(?:cuộc gọi|dữ liệu|bản ghi|kết quả|lịch sử)"
    r"|(?:qo.ng.iroq|ma.lumot|yozuv|natija)\w* (?:\w+ )?topilmadi"
    r"|(?:تماس|داده|رکورد|نتیجه|اطلاعات|مورد|چیز)\w* (?:\w+ )?یافت نشد",
    re.IGNORECASE,
)
_ROUTE = re.compile(r"\b(?:routes?|endpoint|url|uri|path)\b", re.IGNORECASE)
_RETENTION = re.compile(
    r"\bolder\b|too old|retention|archiv|no longer (?:kept|stored|available)"
    r"|(?:not|no) (?:be )?earlier than"
    r"|(?:last|past|previous) \d+ (?:hours?|days?|weeks?|months?)|after or equal|kept for"
    r"|стар\w+ чем|срок\w* хранения|последни\w+ \d+|(?:хранятся|доступны) (?:только )?\d+"
    r"|lưu trữ|oxirgi \d+|saqlan|قدیمی|بایگانی",
    re.IGNORECASE,
)
_END = re.compile(
    r"\b(?:now|future|today|tomorrow|present|current (?:time|date))\b"
    r"|будущ|сегодня|текущ\w+ (?:дат|врем)|tương lai|hiện tại|hôm nay|kelajak|hozirgi|bugun"
    r"|آینده|اکنون|امروز",
    re.IGNORECASE,
)
_PAGE_SIZE = re.compile(
    r"per.?page|page.?size|\blimit\b|\bsize\b|payload too large|too many (?:rows|items)",
    re.IGNORECASE,
)


class Words(NamedTuple):
    """What a vendor says beside its calls.

    Attributes:
        codes: Its codes as text, the most telling first.
        message: Its message; None where it says nothing.
    """

    codes: tuple[str, ...] = ()
    message: str | None = None

    @property
    def status(self) -> int | None:
        """The HTTP status that a code names, if it is one of an error."""
        for code in self.codes:
            if _PLAIN_CODE.fullmatch(code) and _is_error_status(int(code)):
                return int(code)
            known = _STATUS_WORDS.get(re.sub(r"[\W_]+", "_", code).strip("_").lower())
            if known is not None:
                return known
        return None

    @property
    def code(self) -> str | None:
        """The code that tells most; None where none does."""
        return next((code for code in self.codes if code.lower() not in _NO_CODES), None)

    @property
    def speak_of_haste(self) -> bool:
        """Whether they ask for fewer requests."""
        return self._say(_HASTE)

    @property
    def speak_of_credentials(self) -> bool:
        """Whether they refuse the credential."""
        return self._say(_CREDENTIALS)

    @property
    def speak_of_nothing(self) -> bool:
        """Whether they say that there are no calls."""
        return self._say(_NOTHING)

    @property
    def speak_of_the_route(self) -> bool:
        """Whether they say that the address is wrong."""
        return self._say(_ROUTE)

    @property
    def speak_of_retention(self) -> bool:
        """Whether they say that older calls are not given: a period begins too early."""
        return self._say(_RETENTION)

    @property
    def speak_of_the_end(self) -> bool:
        """Whether they find that a period ends too late."""
        return self._say(_END)

    @property
    def speak_of_page_size(self) -> bool:
        """Whether they find that too much was asked for at once."""
        return self._say(_PAGE_SIZE)

    def _say(self, meaning: re.Pattern[str]) -> bool:
        texts = (*self.codes, self.message or "")
        return any(meaning.search(text.replace("_", " ")) for text in texts)


def words_in(body: object) -> Words:
    """Find what a vendor says in a body of any shape, what credentials' names hold left out."""
    if isinstance(body, list):
        return Words(message=", ".join(_texts(scrub(body[:MOST_TEXTS]), 0)) or None)
    if not isinstance(body, dict):
        return Words()
    # A good page has thousands of values, and none of them is looked at.
    spoken = {key: value for key, value in _lowered(body).items() if key in _SPOKEN_UNDER}
    if not spoken:
        return Words()
    named = scrub(spoken)
    parts: list[str] = []
    for key in MESSAGE_KEYS:
        texts = ", ".join(text for text in _texts(named.get(key), 0) if text not in parts)
        if texts and not any(texts in part for part in parts):
            parts = [part for part in parts if part not in texts]
            parts.append(texts)
    return Words(tuple(_codes(named)), ": ".join(parts[:MOST_TEXTS]) or None)


def asks_for_second_factor(body: object) -> bool:
    """Whether an answer to a login says that a code is needed besides the password."""
    words = words_in(body)
    keys = (_CAMEL.sub(" ", key) for key, value in _pairs(body, 0) if value)
    texts = (*keys, *words.codes, words.message or "")
    return any(_SECOND_FACTOR.search(text.replace("_", " ")) for text in texts)


_SHAPES: Final = Redactor(mask_numbers=True)
"""Knows no secret, but what looks like one, or like a phone number."""


def presentable(text: str | None, secrets: Collection[str] = ()) -> str:
    """A vendor's text on one line, without secrets and phone numbers, cut to a quotable length."""
    shown = text or ""
    # Before anything is cut: half a secret is none that could be recognised later.
    for form in sorted(set().union(*map(written_forms, secrets)), key=len, reverse=True):
        shown = shown.replace(form, HIDDEN)
    shown = " ".join("".join(c if c.isprintable() else " " for c in shown[:10_000]).split())
    # A text may hold a body of its own, whose keys nobody has looked at.
    shown = _SHAPES.redact(shown)
    if len(shown) > LONGEST_QUOTE_CHARACTERS:
        return shown[: LONGEST_QUOTE_CHARACTERS - 1] + "…"
    return shown


def presentable_code(code: str | None, secrets: Collection[str] = ()) -> str | None:
    """The vendor's code as it may be shown; a short number is a code and no phone number."""
    if code is not None and _PLAIN_CODE.fullmatch(code) and code not in secrets:
        return code
    return presentable(code, secrets) or None


def _is_error_status(number: int) -> bool:
    return HTTPStatus.BAD_REQUEST <= number <= 599  # noqa: PLR2004 - the last of HTTP's classes


def _lowered(body: dict[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in body.items()}


def _texts(value: object, level: int) -> Iterator[str]:
    """The texts of a message: one, a list of them, or an object of them by field."""
    if level > DEEPEST_LEVELS:
        return
    if isinstance(value, str):
        if value.strip():
            yield value.strip()
    elif isinstance(value, list):
        for item in value[:MOST_TEXTS]:
            yield from _texts(item, level + 1)
    elif isinstance(value, dict):
        named = _lowered(value)
        spoken = [named[key] for key in MESSAGE_KEYS if key in named]
        for item in (spoken or list(value.values()))[:MOST_TEXTS]:
            yield from _texts(item, level + 1)


def _codes(named: dict[str, Any]) -> Iterator[str]:
    """A body's codes, those of its own before those of an error inside it."""
    for key in CODE_KEYS:
        value = named.get(key)
        if isinstance(value, dict):
            yield from _codes(_lowered(value))
        elif isinstance(value, str) and 0 < len(value) <= LONGEST_CODE_CHARACTERS:
            if key != "error" or " " not in value.strip():
                yield value
        elif isinstance(value, int) and not isinstance(value, bool) and key != "error":
            yield str(value)


def _pairs(value: object, level: int) -> Iterator[tuple[str, bool]]:
    """The keys at every level, and whether each stands for something."""
    if level > DEEPEST_LEVELS:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item is not None and (not isinstance(item, str | int) or bool(item))
            yield from _pairs(item, level + 1)
    elif isinstance(value, list):
        for item in value[:MOST_TEXTS]:
            yield from _pairs(item, level + 1)
