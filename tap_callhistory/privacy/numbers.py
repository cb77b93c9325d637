"""What must never leave: credentials, and phone numbers where the user wants them hidden."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache, partial
from itertools import pairwise, starmap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYS_REMEMBERED = 4_096
NUMBERS_REMEMBERED = 16_384
LONGEST_REMEMBERED_CHARACTERS = 128
"""A longer key or number is nobody's; remembering it would only hold memory."""

MASKED_NUMBER = "[number]"

FEWEST_DIGITS = 7
"""Fewer, in a text, are a time or a count sooner than a phone number."""

MOST_DIGITS = 15
"""E.164 has no longer number: more digits side by side are several numbers."""

_WORD = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")

_CREDENTIAL_WORD = re.compile(
    r".*(?:token|pass_?(?:word|code|phrase)|passwd|secret(?:_?key)?|credential|api_?key|access_?key"
    r"|private_?key|cookie)s?"
    r"|pass|pwd|pin|otp|authorization|jwt|bearer|(?:app|auth|encryption|hash|session|shop"
    r"|signing)_key"
)

_NUMBER_WORD = re.compile(
    r".*phones?|tel|telephones?|mobiles?|cell|msisdns?|numbers?|nums?|callers?|callees?|receptors?"
    r"|usernames?|user_name|src|dst|ani|dnis|cid|clid|ext|extensions?"
)

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

_PLUS = r"+\uff0b"
# Blanks, brackets, dots and dashes of any width, and the invisible marks of Persian texts.
_BETWEEN_DIGITS = (
    r"\s().\-/_\xad\xb7\u061c\u180e\u2000-\u2015\u2022\u202a-\u202f\u2043\u2060-\u206f"
    r"\u2212\ufe58\ufe63\ufeff\uff0d"
)
_SEPARATORS = rf"[{_BETWEEN_DIGITS}]{{1,8}}"

_LINE_BREAKS = re.compile(rf"(?<=\d)([{_BETWEEN_DIGITS}]*[\r\n][{_BETWEEN_DIGITS}]*)")
_GAPS = re.compile(rf"(?<=\d)([{_BETWEEN_DIGITS}]+)")


def _number_pattern(spared: str, digits: int) -> re.Pattern[str]:
    """Match runs of at least ``digits`` digits of any script, and first what is to be spared."""
    following = rf"(?:\d|{_SEPARATORS}(?!{spared})\d)"
    lead = rf"(?:[(]|[{_PLUS}][{_BETWEEN_DIGITS}]{{0,2}}){{0,2}}"
    return re.compile(rf"(?P<spared>{spared})|{lead}\d{following}{{{digits - 1},}}")


_NUMBER_IN_DATA = _number_pattern(f"{_STAMP}|{_UUID}|{_HEX_ID}", digits=FEWEST_DIGITS)
# One more in a log, where seven digits are a count of calls sooner than a phone number.
_NUMBER_IN_LOG = _number_pattern(
    f"{_STAMP}|{_UUID}|{_HEX_ID}|{_DECIMAL}|{_IP_ADDRESS}", digits=FEWEST_DIGITS + 1
)

# A number alone, bare or as an address; what has other characters is a name or an id.
_DIALLED = re.compile(
    rf"(?P<lead>[<\"'{_PLUS}{_BETWEEN_DIGITS}]*(?:(?P<scheme>(?:tel|sips?):)"
    rf"[{_PLUS}{_BETWEEN_DIGITS}]*)?)(?P<number>\d[\d{_BETWEEN_DIGITS}]*)"
    r"(?(scheme)(?:[@;?].*)?)[>\"']*",
    re.DOTALL | re.IGNORECASE,
)


def is_credential(key: str) -> bool:
    """Say whether a key's name means a credential: ``accessToken``, ``api_key``, ``X-Api-Key``.

    Words count, not letters: ``tokenizer`` and ``keyboard`` are no credentials.
    """
    return _says(_CREDENTIAL_WORD, key)


def names_number(key: str) -> bool:
    """Say whether a key's name means that a phone number or an extension stands under it."""
    return _says(_NUMBER_WORD, key)


def scrub(value: Any) -> Any:
    """Take the credential keys out of every object in a JSON value of any depth.

    Returns:
        The value itself where it holds none, otherwise a copy.
    """
    if not any(map(is_credential, _keys(value))):
        return value
    top = _hollow(value)
    todo = [(value, top)]
    while todo:
        full, hollow = todo.pop()
        for place, item in _places(full):
            hollow[place] = kept = _hollow(item)
            if kept is not item:
                todo.append((item, kept))
    return top


def mask_numbers(text: str) -> str:
    """Mask what looks like a phone number in a log line or an error's text.

    Dates, times, UUIDs, decimals, IP addresses and counts of up to seven digits stay.
    """
    return _replace(_NUMBER_IN_LOG, text, lambda _: MASKED_NUMBER)


def replace_numbers(text: str, pseudonym: Callable[[str], str]) -> str:
    """Replace whatever in a text looks like a phone number; dates, times and UUIDs stay."""
    return _replace(_NUMBER_IN_DATA, text, pseudonym)


class Pseudonyms:
    """Keyed pseudonyms of phone numbers: HMAC-SHA256 in hexadecimal, 64 characters.

    A number is normalised to E.164 first, so one key gives one pseudonym however the vendors
    write it: with blanks and marks, with ``+`` or ``00``, as a ``tel:`` or ``sip:`` address. Short
    numbers (extensions) count by their digits, names by their trimmed text. Only a number's length
    is checked, because the lists of valid numbers change from year to year.

    Args:
        key: The user's secret ``hash_key``.
        region: ISO country code of numbers written without a country's prefix; None for none.
    """

    def __init__(self, key: str, region: str | None) -> None:
        self._key = key.encode()
        self._region = region
        self._remembered = lru_cache(NUMBERS_REMEMBERED)(self._pseudonym)

    def __call__(self, number: str) -> str:
        """Return the pseudonym of a number; a blank one stays blank."""
        if len(number) > LONGEST_REMEMBERED_CHARACTERS:
            return self._pseudonym(number)
        return self._remembered(number)

    def _pseudonym(self, number: str) -> str:
        text = self._normalised(number.strip())
        if not text:
            return ""
        return hmac.new(self._key, text.encode(errors="replace"), hashlib.sha256).hexdigest()

    def _normalised(self, number: str) -> str:
        dialled = _DIALLED.fullmatch(number)
        if not dialled:
            return number
        digits = "".join(str(int(digit)) for digit in dialled["number"] if digit.isdecimal())
        sign = "+" if any(plus in dialled["lead"] for plus in "+\uff0b") else ""
        readings = [(f"{sign}{digits}", self._region), (f"+{digits.removeprefix('00')}", None)]
        if digits.startswith("00"):
            # Dialled so from most countries; a region's own prefixes would take it for another's.
            readings.reverse()
        return next(filter(None, starmap(self._e164, readings)), digits)

    @staticmethod
    def _e164(number: str, region: str | None) -> str | None:
        # Takes its time to load, and is only needed for pseudonyms.
        import phonenumbers  # noqa: PLC0415

        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_possible_number(parsed):
            return None
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _says(meaning: re.Pattern[str], key: str) -> bool:
    long = len(key) > LONGEST_REMEMBERED_CHARACTERS
    return _has_word(meaning, key) if long else _remembered_has_word(meaning, key)


def _has_word(meaning: re.Pattern[str], key: str) -> bool:
    """Look for a meaning in a key's words, and in each two that stand side by side."""
    words = [word.lower() for word in _WORD.findall(key)]
    return any(map(meaning.fullmatch, (*words, *map("_".join, pairwise(words)))))


_remembered_has_word = lru_cache(KEYS_REMEMBERED)(_has_word)


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


def _keys(value: Any) -> Iterator[str]:
    """Yield the keys of every object in a JSON value of any depth."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            yield from item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        return ((key, item) for key, item in value.items() if not is_credential(key))
    return iter(enumerate(value))


def _hollow(value: Any) -> Any:
    """Give an empty container of the same kind; what is no container is given as it is."""
    if isinstance(value, dict):
        return {}
    return [None] * len(value) if isinstance(value, list) else value
