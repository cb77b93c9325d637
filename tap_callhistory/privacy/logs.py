"""Logs without secrets: every line of every library passes here before it is written."""

from __future__ import annotations

import json
import logging
import re
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from tap_callhistory.privacy.keys import is_credential
from tap_callhistory.privacy.numbers import mask_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

HIDDEN = "***"

SHORTEST_SECRET_CHARACTERS = 4
"""A shorter secret would blank out half of every log line, and protects nothing."""
SHORTEST_SECRET_IN_RECORDS = 16
"""A shorter one could be somebody's number or name: records are the vendor's to say."""

_PERCENT = re.compile("%[0-9A-F]{2}")

_SHAPES = re.compile(
    r"(?P<header>authorization[\"']?\s*[=:]\s*[\"']?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;]+"
    r"|(?P<scheme>\b(?:bearer|basic)\s+)(?:(?=[\w.~+/=-]*\d)[\w.~+/=-]{4,}|[\w.~+/=-]{20,})"
    r"|(?P<jwt>\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*)"
    r"|(?P<login>(?<=://)[^\s/@]+(?=@))",
    re.IGNORECASE | re.ASCII,
)

# After a bare colon a word may be prose ("api_token: is missing"), so it has to look like a secret.
_PAIR = re.compile(
    r"(?P<lead>(?<![\w.-])(?P<key>[A-Za-z_][\w.-]{0,80}+)[\"']?\s*)"
    r"(?:(?P<sign>[=:]\s*)(?P<quote>[\"'])(?:\\.|(?!(?P=quote)).)*(?P=quote)"
    r"|(?P<equals>=\s*)[^\s\"'&,;)\]}]+"
    r"|(?P<colon>:\s*)(?:(?=[^\s\"',;]*\d)[^\s\"',;]{6,}|[^\s\"',;]{16,}))",
    re.ASCII,
)


def written_forms(secret: str) -> set[str]:
    """The ways in which a secret may turn up in a text: as it is, URL-encoded, JSON-escaped."""
    text = secret.encode(errors="replace").decode()
    encoded = {quote(text, safe=""), quote(text), quote_plus(text)}
    encoded |= {_PERCENT.sub(lambda code: code[0].lower(), form) for form in encoded}
    return {secret, *encoded, json.dumps(secret)[1:-1]}


class Redactor:
    """Removes secrets from texts: those it was told of, and what is shaped like one.

    Args:
        mask_numbers: Whether what looks like a phone number is masked as well.
    """

    def __init__(self, *, mask_numbers: bool = False) -> None:
        self._mask = mask_numbers
        self._forms: set[str] = set()
        self._in_records: tuple[bytes, ...] = ()
        self._secrets: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Hide a configured secret from now on, URL-encoded and JSON-escaped too."""
        if len(secret) < SHORTEST_SECRET_CHARACTERS:
            return
        self._forms |= written_forms(secret)
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first)))
        if len(secret) >= SHORTEST_SECRET_IN_RECORDS:
            new = {form.encode(errors="replace") for form in written_forms(secret)}
            self._in_records = tuple({*self._in_records, *new})

    def hide_in(self, line: bytes) -> bytes:
        """Return a line of JSON with the longer secrets replaced by ``***``."""
        for secret in self._in_records:
            if secret in line:
                line = line.replace(secret, HIDDEN.encode())
        return line

    def redact(self, text: str) -> str:
        """Return the text with every secret replaced by ``***``."""
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        text = _PAIR.sub(_hide_pair, _SHAPES.sub(_hide_shape, text))
        return mask_numbers(text) if self._mask else text


def redact_logging(redactor: Redactor) -> None:
    """Pass every log record of this process, of every library, through the redactor.

    A record with nothing to hide is left exactly as it was, arguments included. Called again, the
    newer redactor takes the older one's place.
    """
    make = logging.getLogRecordFactory()
    if isinstance(make, _RedactingFactory):
        make = make.make
    logging.setLogRecordFactory(_RedactingFactory(make, redactor))


class _RedactingFactory:
    """Makes log records, and cleans each before any handler sees it."""

    def __init__(self, make: Callable[..., logging.LogRecord], redactor: Redactor) -> None:
        self.make = make
        self._redact = redactor.redact

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.make(*args, **kwargs)
        self._clean_message(record)
        self._clean_exception(record)
        return record

    def _clean_message(self, record: logging.LogRecord) -> None:
        message = _message(record)
        clean = self._redact(message)
        if clean != message:
            record.msg, record.args = clean, None

    def _clean_exception(self, record: logging.LogRecord) -> None:
        if not isinstance(record.exc_info, tuple) or record.exc_info[1] is None:
            return
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        clean = self._redact(text)
        if clean != text:
            record.exc_info, record.exc_text = None, clean


def _message(record: logging.LogRecord) -> str:
    """Format as a handler would; arguments that do not fit are shown beside the message."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        record.msg, record.args = f"{record.msg} {record.args!r}", None
        return record.msg


def _hide_shape(match: re.Match[str]) -> str:
    return f"{match['header'] or match['scheme'] or ''}{HIDDEN}"


def _hide_pair(match: re.Match[str]) -> str:
    if not is_credential(match["key"]):
        return match[0]
    quotes = match["quote"] or ""
    sign = match["sign"] or match["equals"] or match["colon"]
    return f"{match['lead']}{sign}{quotes}{HIDDEN}{quotes}"
