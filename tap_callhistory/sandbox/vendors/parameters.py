"""Query parameters, taken one by one so that none is left unread."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tap_callhistory.sandbox.http import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_DIGITS = 18


class Parameters:
    """A request's query parameters.

    Args:
        pairs: Names and values, decoded.
        known: The names that the vendor knows.
        status: The HTTP status of a refusal.

    Raises:
        Refusal: A parameter is unknown or given twice.
    """

    def __init__(
        self, pairs: Iterable[tuple[str, str]], known: frozenset[str], status: int = 400
    ) -> None:
        self._status = status
        self._values: dict[str, str] = {}
        for name, value in pairs:
            if name not in known:
                raise Refusal(status, f"Unknown parameter {name}.")
            if name in self._values:
                raise Refusal(status, f"Parameter {name} is given twice.")
            self._values[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """Return a parameter as it came; None without it."""
        return self._values.get(name)

    def integer(self, name: str, least: int) -> int | None:
        """Return a whole number not below `least`; None without it."""
        value = self._values.get(name)
        if value is None:
            return None
        if not value.isdecimal() or len(value) > MOST_DIGITS or int(value) < least:
            raise self.malformed(name)
        return int(value)

    def aware(self, name: str) -> datetime | None:
        """Return an RFC 3339 date-time, its offset required, in UTC; None without it."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is None or "T" not in value:
                raise self.malformed(name)
            return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.malformed(name) from None

    def naive(self, name: str, formats: Iterable[str]) -> datetime | None:
        """Return a date-time without offset in one of `formats`; None without it."""
        value = self._values.get(name)
        if value is None:
            return None
        for form in formats:
            try:
                return datetime.strptime(value, form)  # noqa: DTZ007 - the vendor's clock is naive
            except ValueError:
                continue
        raise self.malformed(name)

    def malformed(self, name: str) -> Refusal:
        """Return the refusal of a malformed parameter."""
        return Refusal(self._status, f"Parameter {name} is malformed.")
