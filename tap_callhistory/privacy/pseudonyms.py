"""Pseudonyms of phone numbers: the same for the same number, and of no use without the key."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache
from itertools import starmap

from tap_callhistory.privacy.numbers import BETWEEN_DIGITS, PLUS

NUMBERS_REMEMBERED = 16_384
LONGEST_REMEMBERED_CHARACTERS = 128
"""A longer number is nobody's; remembering it would only hold memory."""

# A number alone, bare or as an address; what has other characters is a name or an id.
_DIALLED = re.compile(
    rf"(?P<lead>[<\"'{PLUS}{BETWEEN_DIGITS}]*(?:(?P<scheme>(?:tel|sips?):)"
    rf"[{PLUS}{BETWEEN_DIGITS}]*)?)(?P<number>\d[\d{BETWEEN_DIGITS}]*)"
    r"(?(scheme)(?:[@;?].*)?)[>\"']*",
    re.DOTALL | re.IGNORECASE,
)


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
