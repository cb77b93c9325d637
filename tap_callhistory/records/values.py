"""One value of a vendor's, turned into the type that a schema declares.

Every function here takes a JSON value that is not null and returns the declared one; None where the
value says that there is none. A value that does not fit raises ValueError.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from tap_callhistory.records.extra import number_text, storable

if TYPE_CHECKING:
    from collections.abc import Callable

SMALLEST_INTEGER = -(2**63)
LARGEST_INTEGER = 2**63 - 1

_INTEGER = re.compile(r"\s*[+-]?\d+(?:\.0*)?\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False, "": None}


class Misfit(ValueError):  # noqa: N818 - the field's word; nothing has gone wrong
    """A value that cannot be had in the declared type."""


def text(value: Any) -> str:
    """Convert to a string: numbers and booleans become their JSON text."""
    if value.__class__ is str:
        return value if value.isprintable() else storable(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return number_text(value)
    raise Misfit


def text_or_zero(value: Any) -> str | None:
    """Convert to a string, where "0" says that there is none."""
    converted = text(value)
    return None if converted == "0" else converted


def hidden(hide: Callable[[str], str], value: Any) -> str:
    """Convert to a string, and hide the phone numbers in it."""
    return hide(text(value))


def instant(to_utc: Callable[[str], str | None], value: Any) -> str | None:
    """Convert a vendor's stamp by its clock; a number is none, as nobody says what it counts."""
    if value.__class__ is not str:
        raise Misfit
    return to_utc(value) if value else None


def integer(value: Any) -> int | None:
    """Convert to an integer of 64 bits; 3.0 is 3, 3.5 and true do not fit."""
    whole: int | None = value if value.__class__ is int else _whole(value)
    if whole is None or SMALLEST_INTEGER <= whole <= LARGEST_INTEGER:
        return whole
    raise Misfit


def number(value: Any) -> float | None:
    """Convert to a finite number; integers stay exact, up to 64 bits."""
    if value.__class__ is float:
        if math.isfinite(value):
            return value
        raise Misfit
    if value.__class__ is str and not _INTEGER.fullmatch(value) and _NUMBER.fullmatch(value):
        return number(float(value))
    return integer(value)


def boolean(value: Any) -> bool | None:
    """Convert to a boolean: also "true", "false", 1, 0, "1" and "0"."""
    if value.__class__ is bool:
        return value
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    raise Misfit


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return _whole_of_text(value)
    raise Misfit


def _whole_of_text(value: str) -> int | None:
    if not value:
        return None
    if not _INTEGER.fullmatch(value):
        raise Misfit
    return int(value.partition(".")[0])
