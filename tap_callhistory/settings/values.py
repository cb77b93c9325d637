"""The value of one setting: converted as its JSON schema says, or a fault that does not show it.

Values come from files, but also from environment variables, where everything is text: ``"12"``,
``"true"``, ``"[24,168]"`` or ``"24,168"`` are as good as their JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, cast
from urllib.parse import urlsplit

import pendulum

YES: Final = frozenset({"true", "1", "yes", "on"})
NO: Final = frozenset({"false", "0", "no", "off"})

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)

# pendulum.parse reads more than a setting means: "now", "12:30", weeks, days of the year, spans.
_DATE: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)

HOST: Final = re.compile(r"([\w-]{1,63}\.)*[\w-]{1,63}|[0-9a-f:.]*:[0-9a-f:.]*")
"""A host name, or an IPv6 address as ``urlsplit`` gives it."""


class BadValue(ValueError):  # noqa: N818  (a fault in a user's setting, not in the program)
    """What a setting must be and is not: the end of a sentence that begins with its name."""


def is_blank(value: Any) -> bool:
    """Whether a setting counts as not given: null, or empty text, as of an empty variable."""
    return value is None or (isinstance(value, str) and not value.strip())


def read_value(value: Any, schema: Mapping[str, Any]) -> Any:
    """Converts a value to the type of its schema and holds it against the schema's limits.

    Raises:
        BadValue: If it cannot be converted, or is not within the limits; never shows the value.
    """
    kind = schema["type"]
    if kind == "array":
        return [read_value(item, schema["items"]) for item in _items(value)]
    converted = _CONVERTERS[kind](value)
    _check_choice(converted, schema)
    if kind in {"integer", "number"}:
        _check_range(converted, schema)
    if kind == "string":
        return _check_text(converted, schema)
    return converted


def as_object(value: Any) -> Mapping[str, Any]:
    """Takes an object as it is, or as JSON text; what is blank is an empty one.

    Raises:
        BadValue: If it is anything else.
    """
    if is_blank(value):
        return {}
    found = _parsed(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise BadValue("must be an object of settings")
    return found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        found = _parsed(value)
        return found if isinstance(found, list) else [part.strip() for part in value.split(",")]
    if isinstance(value, (list, tuple)):
        return list(value)
    raise BadValue("must be a list")


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # an identifier of digits, which YAML takes for a number
    if not isinstance(value, str):
        raise BadValue("must be a text")
    if not value.isprintable():
        raise BadValue("must not contain line breaks or other control characters")
    return value


def _number(value: Any) -> float:
    numeric = isinstance(value, (int, float, Decimal, str)) and not isinstance(value, bool)
    try:
        number = float(value) if numeric else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadValue("must be a number")
    return number


def _integer(value: Any) -> int:
    try:
        _number(value)
        whole = int(value)  # not of the float, which rounds long identifiers
    except ValueError:
        raise BadValue("must be a whole number") from None
    if whole != value and not isinstance(value, str):
        raise BadValue("must be a whole number")
    return whole


def _boolean(value: Any) -> bool:
    word = str(value).strip().lower() if isinstance(value, (bool, int, str)) else ""
    if word not in YES | NO:
        raise BadValue("must be true or false")
    return word in YES


_CONVERTERS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
}


def _check_choice(value: Any, schema: Mapping[str, Any]) -> None:
    choices = schema.get("enum")
    if choices is not None and value not in choices:
        raise BadValue(f"must be {' or '.join(choices)}")
    if value in schema.get("not", {}).get("enum", ()):
        raise BadValue("must not be one of the names that the tap sends already")


def _check_range(value: float, schema: Mapping[str, Any]) -> None:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above = schema.get("exclusiveMinimum", -math.inf)
    if low <= value <= high and value > above:
        return
    lower = f"more than {above}" if "exclusiveMinimum" in schema else f"at least {low}"
    raise BadValue(f"must be {lower}" + (f" and at most {high}" if "maximum" in schema else ""))


def _check_text(text: str, schema: Mapping[str, Any]) -> Any:
    if len(text) < (shortest := schema.get("minLength", 0)):
        raise BadValue(f"must be at least {shortest} characters long")
    if (pattern := schema.get("pattern")) and not re.search(pattern, text):
        raise BadValue("contains characters that it cannot have")
    reader = _FORMATS.get(schema.get("format", ""))
    return reader(text) if reader else text


def _instant(text: str) -> datetime:
    date = _date(text.strip().upper())
    if date is None:
        raise BadValue("must be a date and time such as 2026-01-31T00:00:00Z")
    if date.tzinfo is None:
        raise BadValue("must end in Z or an offset, such as 2026-01-31T00:00:00+03:30")
    try:
        instant = date.astimezone(UTC)
    except OverflowError:
        raise BadValue("must be a date and time such as 2026-01-31T00:00:00Z") from None
    if instant < EARLIEST:
        raise BadValue("must not lie before 1970")
    return instant


def _date(text: str) -> datetime | None:
    """What a date says, with a time zone only if it says one; None for what is no date."""
    if not _DATE.fullmatch(text):
        return None
    try:
        date = cast("datetime", pendulum.parse(text, tz=None))
    except ValueError:
        return None
    return datetime.combine(date.date(), date.time(), date.tzinfo)  # a plain one


def _zone(name: str) -> str:
    try:
        pendulum.timezone(name)
    except (KeyError, ValueError, OSError):
        raise BadValue("must be an IANA time zone that exists, such as Asia/Tehran") from None
    return name


def _url(text: str) -> str:
    """An API's base address, without the slash at its end."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise BadValue("must be an http(s) URL") from None
    if parts.scheme not in {"http", "https"}:
        raise BadValue("must be an http(s) URL")
    if not HOST.fullmatch(host):
        raise BadValue("must name a host")
    if "@" in parts.netloc:
        raise BadValue("must not contain a user or a password")
    if re.search(r"[?#\s\\]", text):
        raise BadValue("must not contain a query, a fragment, spaces or backslashes")
    return text.rstrip("/")


def _header_word(text: str) -> str:
    if not re.fullmatch(r"[!-~]+", text):
        raise BadValue("must be one word of plain ASCII characters, without spaces or 'Bearer'")
    return text


_FORMATS: Final[dict[str, Callable[[str], Any]]] = {
    "date-time": _instant,
    "time-zone": _zone,
    "uri": _url,
    "http-header": _header_word,
}
