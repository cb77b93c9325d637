"""What a schema declares of a vendor's records, each part as the function that converts to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_callhistory.privacy.keys import is_credential, names_number
from tap_callhistory.records.values import Misfit

if TYPE_CHECKING:
    from tap_callhistory.records.extra import Undocumented

KEYS_REMEMBERED = 1_024
LONGEST_KEY_CHARACTERS = 128
"""No declared property has so long a name."""

_BEFORE_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"\W+", re.ASCII)

ConvertValue = Callable[[Any], Any]


@lru_cache(KEYS_REMEMBERED)
def snake_case(key: str) -> str:
    """Turn a vendor's key into a property's name: ``fromEID`` -> ``from_eid``."""
    return _NO_WORD.sub("_", _BEFORE_CAPITAL.sub("_", key)).lower()


class Leftovers:
    """What of one record has no place in its declared properties."""

    __slots__ = ("_texts", "_undocumented", "misfits")

    def __init__(self, undocumented: Undocumented) -> None:
        self._undocumented = undocumented
        self._texts: list[tuple[str, str]] = []
        self.misfits = 0

    def keep(self, path: str, value: Any, *, is_number: bool) -> None:
        """Keep a value under the vendor's path to it; ``is_number`` for a phone number's."""
        self._texts.append((path, self._undocumented.text(value, is_number=is_number)))

    def keep_misfit(self, path: str, value: Any, *, is_number: bool) -> None:
        """Keep and count a value that does not fit where it belongs."""
        self.misfits += 1
        self.keep(path, value, is_number=is_number)

    def text(self) -> str | None:
        """All that was kept, as JSON text; None if nothing was."""
        return self._undocumented.flat_map(self._texts) if self._texts else None


class Field(NamedTuple):
    """Where a vendor's key goes: to a plain value, a structure, or (neither) ``_extra``."""

    name: str
    convert: ConvertValue | None
    structure: Object | Array | None
    is_number: bool


DROPPED = Field("", None, None, is_number=False)


class Object:
    """Converts a declared object, key by key.

    Attributes:
        fields: What is declared, by name; left out is what is not selected.
        met: Where the vendor's keys go that were met, as far as they are remembered.
        known: How many of these are declared, or left out.
    """

    def __init__(self, fields: Mapping[str, Field], dropped: frozenset[str]) -> None:
        self.fields = fields
        self.met: dict[str, Field] = {}
        self.known = 0
        self._dropped = dropped
        self._blank: dict[str, Any] = dict.fromkeys(fields)

    def __call__(self, raw: Any, path: str, leftovers: Leftovers) -> dict[str, Any]:
        """Convert an object.

        Args:
            raw: As the vendor sent it.
            path: The vendor's path to it; "" for the record itself.
            leftovers: Takes what has no place in it.

        Raises:
            Misfit: It is no object.
        """
        if not isinstance(raw, dict):
            raise Misfit
        record, met = self._blank.copy(), self.met
        prefix = f"{path}." if path else ""
        for key, value in raw.items():
            if value is None:
                continue
            field = met.get(key) or self._meet(key)
            if field is DROPPED:
                continue
            name, convert, _, _ = field
            if convert is None or record[name] is not None:
                self._place(field, record, f"{prefix}{key}", value, leftovers)
                continue
            try:
                record[name] = convert(value)
            except ValueError:
                leftovers.keep_misfit(f"{prefix}{key}", value, is_number=field.is_number)
        return record

    def _place(
        self,
        field: Field,
        record: dict[str, Any],
        path: str,
        value: Any,
        leftovers: Leftovers,
    ) -> None:
        """Place a structure, a second value for one property, or what is not declared."""
        if field.structure is None or record[field.name] is not None:
            leftovers.keep(path, value, is_number=field.is_number)
            return
        try:
            record[field.name] = field.structure(value, path, leftovers)
        except ValueError:
            leftovers.keep_misfit(path, value, is_number=field.is_number)

    def _meet(self, key: str) -> Field:
        """Find out where a key goes that was not met before."""
        field = self._field(key)
        if len(self.met) < KEYS_REMEMBERED and len(key) <= LONGEST_KEY_CHARACTERS:
            self.met[key] = field
            self.known += field is DROPPED or field.name in self.fields
        return field

    def _field(self, key: str) -> Field:
        name = snake_case(key) if len(key) <= LONGEST_KEY_CHARACTERS else key
        if name in self.fields:
            return self.fields[name]
        if name in self._dropped or is_credential(key):
            return DROPPED
        return Field("", None, None, is_number=names_number(key))


class Array:
    """Converts a declared array, item by item; one that does not fit is null in its place.

    Attributes:
        item: What each item is.
    """

    def __init__(self, item: Field) -> None:
        self.item = item

    def __call__(self, raw: Any, path: str, leftovers: Leftovers) -> list[Any]:
        """Convert an array; the arguments are those of an object.

        Raises:
            Misfit: It is no array.
        """
        if not isinstance(raw, list):
            raise Misfit
        return [
            None if item is None else self._converted(item, f"{path}[{index}]", leftovers)
            for index, item in enumerate(raw)
        ]

    def _converted(self, item: Any, path: str, leftovers: Leftovers) -> Any:
        _, convert, structure, is_number = self.item
        try:
            if structure is not None:
                return structure(item, path, leftovers)
            return convert(item) if convert is not None else None
        except ValueError:
            leftovers.keep_misfit(path, item, is_number=is_number)
            return None
