"""What a vendor answered: its body within bounds, its JSON, the pause it asks for.

Nothing here trusts the vendor: not its lengths, not its encodings, not its dates.
"""

from __future__ import annotations

import codecs
import json
import math
import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3.response import BaseHTTPResponse

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Of one answer, decompressed. A page of 1,000 calls with transcripts is a tenth of that."""
MAX_BODY_VALUES = 4_000_000
"""Of one answer, roughly: small values take far more memory than the text they came in."""
UNCOUNTED_BODY_BYTES = 4 * 1024 * 1024
READ_BYTES = 256 * 1024
_LONGEST_INTEGER_DIGITS = 4300
_GZIP = b"\x1f\x8b"
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.IGNORECASE | re.ASCII)
_REPLACED = "\ufffd"
_WHOLE_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


Decode = Callable[[bytes | bytearray], Any]
"""From JSON to values."""


class NotJson(ValueError):  # noqa: N818 - a finding about a body, not a user's error
    """A body that cannot be taken for JSON; says why, without quoting it."""


class DoubtfulJson(NotJson):
    """A body that could be read with some leniency, unless it was damaged on its way."""


class TooLarge(NotJson):
    """A body beyond the bounds; it would be so again."""


def read_body(raw: BaseHTTPResponse, most_bytes: int = MAX_BODY_BYTES) -> bytearray:
    """Read a decompressed body to its end, holding little more than the bound at any moment.

    Raises:
        TooLarge: The body goes on after `most_bytes`.
        urllib3.exceptions.HTTPError: The body broke off, stalled or does not decompress.
    """
    body = bytearray()
    while piece := raw.read1(READ_BYTES, decode_content=True):
        body += piece
        if len(body) > most_bytes:
            raise TooLarge(f"an answer of more than {most_bytes:,} bytes")
    return body


def read_plain_body(raw: BaseHTTPResponse, most_bytes: int = MAX_BODY_BYTES) -> bytearray:
    """Read a body that was asked for without compression, whatever its Content-Encoding says.

    Raises:
        TooLarge: The body goes on after `most_bytes`.
        zlib.error: It is compressed, and damaged.
        urllib3.exceptions.HTTPError: The body broke off or stalled.
    """
    body = bytearray()
    unpack: Callable[[bytes], bytes] | None = None
    while piece := raw.read1(READ_BYTES, decode_content=False):
        if not body and piece.startswith(_GZIP):
            unpack = partial(zlib.decompressobj(wbits=31).decompress, max_length=most_bytes + 1)
        body += unpack(piece) if unpack else piece
        if len(body) > most_bytes:
            raise TooLarge(f"an answer of more than {most_bytes:,} bytes")
    return body


class Parsed(NamedTuple):
    """What a body holds.

    Attributes:
        value: An object or an array.
        replaced: How many characters could not be decoded and are U+FFFD.
    """

    value: Any
    replaced: int = 0


def declared_charset(headers: Mapping[str, str]) -> str | None:
    """The charset that an answer's Content-Type declares, if Python knows it as one of texts."""
    declared = _CHARSET.search(headers.get("Content-Type") or "")
    try:
        name = codecs.lookup(declared[1]).name if declared else None
        if name:
            b"".decode(name)
    except LookupError:  # unknown, or none of texts
        return None
    return name


def parse(
    body: bytes | bytearray,
    *,
    charset: str | None = None,
    lenient: bool = False,
    decode: Decode = msgspec.json.decode,
) -> Parsed:
    """Parse a body whose JSON is an object or an array.

    JSON is UTF-8, so that is tried first: servers declare other charsets for it by mistake. NaN,
    1e999 and lone surrogates are what careless JSON writers emit, and parse. Bytes that no charset
    explains and bare control characters parse only leniently, the former as U+FFFD.

    Args:
        body: The body, decompressed.
        charset: The charset that the answer declares.
        lenient: Whether to read what may have been damaged on its way.
        decode: Decodes JSON without fault; raises what `msgspec.json.decode` does.

    Raises:
        DoubtfulJson: Only leniency could read it.
        TooLarge: It holds more than MAX_BODY_VALUES values.
        NotJson: It is empty, HTML, cut short, nested too deeply, or a lone scalar.
    """
    _refuse_too_many_values(body)
    replaced = 0
    try:
        value = decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text, replaced = _decoded(body, charset, lenient=lenient)
        value = _parse_careless(text, lenient=lenient)
    if not isinstance(value, dict | list):
        raise NotJson("JSON that is neither an object nor an array")
    return Parsed(value, replaced)


def _decoded(body: bytes | bytearray, charset: str | None, *, lenient: bool) -> tuple[str, int]:
    """A body's text, and how many of its characters had to be replaced."""
    usual = json.detect_encoding(body)  # UTF-8, or UTF-16 and UTF-32 by their zeros
    for each in filter(None, (usual, charset)):
        try:
            return body.decode(each).removeprefix("\ufeff"), 0
        except UnicodeDecodeError:
            continue
    if not lenient:
        what = f"text that is neither UTF-8 nor {charset}" if charset else "text that is not UTF-8"
        raise DoubtfulJson(what)
    text = body.decode(charset or usual, errors="replace")
    return text, text.count(_REPLACED) - body.count(_REPLACED.encode())


def _parse_careless(text: str, *, lenient: bool) -> Any:
    if not text.strip():
        raise NotJson("an empty answer")
    if text.lstrip()[:1] == "<":
        raise NotJson("HTML or XML instead of JSON")
    try:
        return json.loads(text, strict=not lenient, parse_int=_integer)
    except RecursionError:
        raise NotJson("JSON that is nested too deeply") from None
    except json.JSONDecodeError as error:
        if "control character" in error.msg:
            raise DoubtfulJson("JSON with bare control characters") from None
        raise NotJson("not JSON, or cut short") from None


def _integer(digits: str) -> int | str:
    """An integer, or its text where it is of a length that Python refuses to convert."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER_DIGITS else digits


def _refuse_too_many_values(body: bytes | bytearray) -> None:
    if len(body) <= UNCOUNTED_BODY_BYTES:
        return
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_BODY_VALUES:
        raise TooLarge(f"an answer of more than {MAX_BODY_VALUES:,} values")


def requested_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer's Retry-After asks for; None without a sensible one.

    A date is measured against the answer's own Date header, so that a skewed clock, theirs or
    ours, does not matter. A date in the past asks for 0 seconds.
    """
    asked = headers.get("Retry-After", "").strip()
    if _WHOLE_SECONDS.fullmatch(asked):
        return float(asked)
    until = _http_date(asked)
    if until is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, math.ceil((until - now).total_seconds()))


def _http_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
