"""A vendor's records turned into declared ones, by functions put together once from the schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_callhistory.errors import BadRecord
from tap_callhistory.privacy.keys import is_credential, names_number
from tap_callhistory.privacy.numbers import replace_numbers
from tap_callhistory.records import values
from tap_callhistory.records.extra import Undocumented

if TYPE_CHECKING:
    from tap_callhistory.clocks import Clock

EXTRA = "_extra"
_EXTRA_PLACE = ("properties", EXTRA)

PHONE_NUMBER = "x-phone-number"

KEYS_REMEMBERED = 1_024
LONGEST_KEY_CHARACTERS = 128
"""No declared property has so long a name."""

_BEFORE_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"\W+", re.ASCII)

Schema = Mapping[str, Any]
Breadcrumb = tuple[str, ...]
ConvertValue = Callable[[Any], Any]
ConvertStructure = Callable[[Any, str, "_Leftovers"], Any]


@lru_cache(KEYS_REMEMBERED)
def snake_case(key: str) -> str:
    """Turn a vendor's key into a property's name: ``fromEID`` -> ``from_eid``."""
    return _NO_WORD.sub("_", _BEFORE_CAPITAL.sub("_", key)).lower()


class Conformer:
    """Turns a vendor's records into those that a schema declares.

    The output has every selected property of the schema, null where the vendor gave none, and
    ``_extra``: what did not fit and what the schema does not declare, as the JSON text of a flat
    map from the vendor's path to the value as it came. Credential keys are in neither.

    In a schema, a string with ``contentMediaType: application/json`` holds an undocumented
    structure; ``x-zero-is-null`` takes "0" for null; ``x-phone-number`` is true for a phone number
    and "embedded" for a text that may hold some.

    Args:
        schema: The stream's JSON schema.
        clock: The vendor's clock, for naive stamps.
        deselected: Breadcrumbs of properties to leave out, also from ``_extra``.
        pseudonym: Replaces phone numbers; None keeps them.

    Raises:
        ValueError: The schema declares what no function here can convert.
    """

    def __init__(
        self,
        schema: Schema,
        clock: Clock,
        *,
        deselected: frozenset[Breadcrumb] = frozenset(),
        pseudonym: Callable[[str], str] | None = None,
    ) -> None:
        compiler = _Compiler(clock, deselected, pseudonym)
        self._conform = compiler.object(schema, ())
        self._undocumented = compiler.undocumented
        self._keeps_extra = _EXTRA_PLACE not in deselected
        self._needed = tuple(
            name
            for name, node in schema.get("properties", {}).items()
            if "null" not in _types(node) and ("properties", name) not in deselected
        )

    def __call__(self, raw: Any) -> tuple[dict[str, Any], int]:
        """Conform one record.

        Returns:
            The declared record, and the number of values that did not fit.

        Raises:
            BadRecord: The record is no object, or has no usable value where the schema wants one.
        """
        if not isinstance(raw, dict):
            raise BadRecord("the vendor sent a record that is not a JSON object")
        leftovers = _Leftovers(self._undocumented)
        record = self._conform(raw, "", leftovers)
        for name in self._needed:
            if record[name] is None or record[name] == "":
                raise BadRecord(f"the vendor sent a record without a usable {name}", record)
        if self._keeps_extra:
            record[EXTRA] = leftovers.text()
        return record, leftovers.misfits


class _Leftovers:
    """What of one record has no place in its declared properties."""

    __slots__ = ("_texts", "_undocumented", "misfits")

    def __init__(self, undocumented: Undocumented) -> None:
        self._undocumented = undocumented
        self._texts: list[tuple[str, str]] = []
        self.misfits = 0

    def keep(self, path: str, value: Any, *, is_number: bool) -> None:
        self._texts.append((path, self._undocumented.text(value, is_number=is_number)))

    def keep_misfit(self, path: str, value: Any, *, is_number: bool) -> None:
        self.misfits += 1
        self.keep(path, value, is_number=is_number)

    def text(self) -> str | None:
        return self._undocumented.flat_map(self._texts) if self._texts else None


class _Field(NamedTuple):
    """Where a vendor's key goes: to a plain value, a structure, or (neither) ``_extra``."""

    name: str
    convert: ConvertValue | None
    structure: ConvertStructure | None
    is_number: bool


_DROPPED = _Field("", None, None, is_number=False)


class _Object:
    """Converts a declared object, key by key."""

    def __init__(self, fields: Mapping[str, _Field], dropped: frozenset[str]) -> None:
        self._fields = fields
        self._dropped = dropped
        self._blank: dict[str, Any] = dict.fromkeys(fields)
        self._met: dict[str, _Field] = {}

    def __call__(self, raw: Any, path: str, leftovers: _Leftovers) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise values.Misfit
        record, met = self._blank.copy(), self._met
        prefix = f"{path}." if path else ""
        for key, value in raw.items():
            if value is None:
                continue
            field = met.get(key) or self._meet(key)
            if field is _DROPPED:
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
        field: _Field,
        record: dict[str, Any],
        path: str,
        value: Any,
        leftovers: _Leftovers,
    ) -> None:
        """Place a structure, a second value for one property, or what is not declared."""
        if field.structure is None or record[field.name] is not None:
            leftovers.keep(path, value, is_number=field.is_number)
            return
        try:
            record[field.name] = field.structure(value, path, leftovers)
        except ValueError:
            leftovers.keep_misfit(path, value, is_number=field.is_number)

    def _meet(self, key: str) -> _Field:
        """Find out where a key goes that was not met before."""
        field = self._field(key)
        if len(self._met) < KEYS_REMEMBERED and len(key) <= LONGEST_KEY_CHARACTERS:
            self._met[key] = field
        return field

    def _field(self, key: str) -> _Field:
        name = snake_case(key) if len(key) <= LONGEST_KEY_CHARACTERS else key
        if name in self._fields:
            return self._fields[name]
        if name in self._dropped or is_credential(key):
            return _DROPPED
        return _Field("", None, None, is_number=names_number(key))


class _Array:
    """Converts a declared array, item by item; one that does not fit is null in its place."""

    def __init__(self, item: _Field) -> None:
        self._item = item

    def __call__(self, raw: Any, path: str, leftovers: _Leftovers) -> list[Any]:
        if not isinstance(raw, list):
            raise values.Misfit
        return [
            None if item is None else self._converted(item, f"{path}[{index}]", leftovers)
            for index, item in enumerate(raw)
        ]

    def _converted(self, item: Any, path: str, leftovers: _Leftovers) -> Any:
        _, convert, structure, is_number = self._item
        try:
            if structure is not None:
                return structure(item, path, leftovers)
            return convert(item) if convert is not None else None
        except ValueError:
            leftovers.keep_misfit(path, item, is_number=is_number)
            return None


class _Compiler:
    """Puts a schema's converting functions together."""

    def __init__(
        self,
        clock: Clock,
        deselected: frozenset[Breadcrumb],
        pseudonym: Callable[[str], str] | None,
    ) -> None:
        self.undocumented = Undocumented(pseudonym)
        self._clock = clock
        self._deselected = deselected
        self._pseudonym = pseudonym

    def object(self, node: Schema, breadcrumb: Breadcrumb) -> _Object:
        fields, dropped = {}, set()
        for name, child in node.get("properties", {}).items():
            place = (*breadcrumb, "properties", name)
            if place in self._deselected:
                dropped.add(name)
            elif place != _EXTRA_PLACE:
                fields[name] = self._field(child, place)
        return _Object(fields, frozenset(dropped))

    def _field(self, node: Schema, place: Breadcrumb) -> _Field:
        name = place[-1]
        if is_credential(name):
            raise ValueError(f"the schema declares a credential: {'.'.join(place)}")
        if len(place) > len(_EXTRA_PLACE) and "null" not in _types(node):
            raise ValueError(f"the schema forbids null: {'.'.join(place)}")
        is_number = bool(node.get(PHONE_NUMBER)) or names_number(name)
        kind = _kind(node)
        if kind == "object":
            return _Field(name, None, self.object(node, place), is_number)
        if kind == "array":
            items = self._field(node["items"], (*place, "items"))
            return _Field(name, None, _Array(items), is_number)
        return _Field(name, self._convert(kind, node), None, is_number)

    def _convert(self, kind: str, node: Schema) -> ConvertValue:
        if kind != "string":
            if node.get(PHONE_NUMBER):
                raise ValueError(f"a phone number cannot be declared as {kind}")
            return _CONVERT[kind]
        if node.get("format") == "date-time":
            return values.instant(self._clock.to_utc)
        if node.get("contentMediaType") == "application/json":
            return self.undocumented.document
        if node.get(PHONE_NUMBER) and self._pseudonym:
            embedded = node[PHONE_NUMBER] == "embedded"
            hide = partial(replace_numbers, pseudonym=self._pseudonym)
            return partial(values.hidden, hide if embedded else self._pseudonym)
        return values.text_or_zero if node.get("x-zero-is-null") else values.text


_CONVERT: Mapping[str, ConvertValue] = {
    "integer": values.integer,
    "number": values.number,
    "boolean": values.boolean,
}


def _types(node: Schema) -> list[str]:
    types = node["type"]
    return [types] if isinstance(types, str) else types


def _kind(node: Schema) -> str:
    kinds = [kind for kind in _types(node) if kind != "null"]
    if len(kinds) != 1:
        raise ValueError(f"the schema declares {kinds} for one value")
    return kinds[0]
