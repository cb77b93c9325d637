"""Phone numbers in texts: found in any script, masked in logs, replaced in data."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS_REMEMBERED = 4_096
NUMBERS_REMEMBERED = 16_384
LONGEST_REMEMBERED_CHARACTERS = 128
"""A longer key or number is nobody's; remembering it would only hold memory."""

MASKED_NUMBER = "[number]"

FEWEST_DIGITS = 7
"""Fewer, in a text, are a time or a count sooner than a phone number."""

MOST_DIGITS = 15
"""E.164 has no longer number: more digits side by side are several numbers."""

# Dates and UUIDs hold as many digits as a phone number, and hyphens separate all three.
_STAMP = (
    r"(?<![\d+])[0-2]\d{3}-[01]\d-[0-3]\d"
    r"(?:[Tt ][0-2]\d:[0-5]\d(?::[0-6]\d(?:[.,]\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?(?!-?\d)"
)
_UUID = r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
# A UUID or a hash without hyphens, of 24, 32, ... 64 digits, one of them a letter.
_HEX_ID = r"(?<![0-9A-Za-z])(?=[0-9]{0,63}[A-Fa-f])(?:[0-9A-Fa-f]{8}){3,8}(?![0-9A-Za-z])"
_DECIMAL = r"(?<![\d.+-])(?:0|[1-9]\d{0,4})\.\d+(?![\d.])"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IP_ADDRESS = rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.])"

PLUS = r"+\uff0b"
# Blanks, brackets, dots and dashes of any width, and the invisible marks of Persian texts.
BETWEEN_DIGITS = (
    r"\s().\-/_\xad\xb7\u061c\u180e\u2000-\u2015\u2022\u202a-\u202f\u2043\u2060-\u206f"
    r"\u2212\ufe58\ufe63\ufeff\uff0d"
)
_SEPARATORS = rf"[{BETWEEN_DIGITS}]{{1,8}}"

_LINE_BREAKS = re.compile(rf"(?<=\d)([{BETWEEN_DIGITS}]*[\r\n][{BETWEEN_DIGITS}]*)")
_GAPS = re.compile(rf"(?<=\d)([{BETWEEN_DIGITS}]+)")


def _number_pattern(spared: str, digits: int) -> re.Pattern[str]:
    """Match runs of at least ``digits`` digits of any script, and first what is to be spared."""
    following = rf"(?:\d|{_SEPARATORS}(?!{spared})\d)"
    lead = rf"(?:[(]|[{PLUS}][{BETWEEN_DIGITS}]{{0,2}}){{0,2}}"
    return re.compile(rf"(?P<spared>{spared})|{lead}\d{following}{{{digits - 1},}}")


_NUMBER_IN_DATA = _number_pattern(f"{_STAMP}|{_UUID}|{_HEX_ID}", digits=FEWEST_DIGITS)
# One more in a log, where seven digits are a count of calls sooner than a phone number.
_NUMBER_IN_LOG = _number_pattern(
    f"{_STAMP}|{_UUID}|{_HEX_ID}|{_DECIMAL}|{_IP_ADDRESS}", digits=FEWEST_DIGITS + 1
)


def mask_numbers(text: str) -> str:
    """Mask what looks like a phone number in a log line or an error's text.

    Dates, times, UUIDs, decimals, IP addresses and counts of up to seven digits stay.
    """
    return _replace(_NUMBER_IN_LOG, text, lambda _: MASKED_NUMBER)


def replace_numbers(text: str, pseudonym: Callable[[str], str]) -> str:
    """Replace whatever in a text looks like a phone number; dates, times and UUIDs stay."""
    return _replace(_NUMBER_IN_DATA, text, pseudonym)


def _replace(pattern: re.Pattern[str], text: str, replacement: Callable[[str], str]) -> str:
    return pattern.sub(partial(_unless_spared, replacement), text)


def _unless_spared(replacement: Callable[[str], str], match: re.Match[str]) -> str:
    return match[0] if match["spared"] else _each_replaced(replacement, match[0])


def _each_replaced(replacement: Callable[[str], str], found: str) -> str:
    """Replace a number, or each of several where lines or gaps part them; otherwise all as one."""
    if _digits(found) > MOST_DIGITS:
        for between in (_LINE_BREAKS, _GAPS):
            parts = between.split(found)
            if len(parts) > 1 and all(_digits(part) >= FEWEST_DIGITS for part in parts[::2]):
                parts[::2] = map(replacement, parts[::2])
                return "".join(parts)
    return replacement(found)


def _digits(text: str) -> int:
    return sum(map(str.isdecimal, text))
