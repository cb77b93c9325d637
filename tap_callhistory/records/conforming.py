"""A vendor's records turned into declared ones, by functions put together once from the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_callhistory.errors import BadRecord
from tap_callhistory.privacy.keys import is_credential, names_number
from tap_callhistory.privacy.numbers import replace_numbers
from tap_callhistory.records import values
from tap_callhistory.records.declared import Array, ConvertValue, Field, Leftovers, Object
from tap_callhistory.records.extra import Undocumented

if TYPE_CHECKING:
    from tap_callhistory.clocks import Clock

EXTRA = "_extra"
_EXTRA_PLACE = ("properties", EXTRA)

PHONE_NUMBER = "x-phone-number"

Schema = Mapping[str, Any]
Breadcrumb = tuple[str, ...]


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

    Attributes:
        declared: The selected properties, each object with the vendor's keys that it has met.
        needed: The properties without which a record is bad.
        keeps_extra: Whether records have ``_extra``.

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
        self.declared = compiler.object(schema, ())
        self.keeps_extra = _EXTRA_PLACE not in deselected
        self.needed = tuple(
            name
            for name, node in schema.get("properties", {}).items()
            if "null" not in _types(node) and ("properties", name) not in deselected
        )
        self._undocumented = compiler.undocumented
        self._objects = compiler.objects

    @property
    def met(self) -> int:
        """How many of the vendor's keys were met that are declared, or left out."""
        return sum(each.known for each in self._objects)

    def __call__(self, raw: Any) -> tuple[dict[str, Any], int]:
        """Conform one record.

        Returns:
            The declared record, and the number of values that did not fit.

        Raises:
            BadRecord: The record is no object, or has no usable value where the schema wants one.
        """
        if not isinstance(raw, dict):
            raise BadRecord("the vendor sent a record that is not a JSON object")
        leftovers = Leftovers(self._undocumented)
        record = self.declared(raw, "", leftovers)
        for name in self.needed:
            if record[name] is None or record[name] == "":
                raise BadRecord(f"the vendor sent a record without a usable {name}", record)
        if self.keeps_extra:
            record[EXTRA] = leftovers.text()
        return record, leftovers.misfits


class _Compiler:
    """Puts a schema's converting functions together."""

    def __init__(
        self,
        clock: Clock,
        deselected: frozenset[Breadcrumb],
        pseudonym: Callable[[str], str] | None,
    ) -> None:
        self.undocumented = Undocumented(pseudonym)
        self.objects: list[Object] = []
        self._clock = clock
        self._deselected = deselected
        self._pseudonym = pseudonym

    def object(self, node: Schema, breadcrumb: Breadcrumb) -> Object:
        fields, dropped = {}, set()
        for name, child in node.get("properties", {}).items():
            place = (*breadcrumb, "properties", name)
            if place in self._deselected:
                dropped.add(name)
            elif place != _EXTRA_PLACE:
                fields[name] = self._field(child, place)
        self.objects.append(Object(fields, frozenset(dropped)))
        return self.objects[-1]

    def _field(self, node: Schema, place: Breadcrumb) -> Field:
        name = place[-1]
        if is_credential(name):
            raise ValueError(f"the schema declares a credential: {'.'.join(place)}")
        if len(place) > len(_EXTRA_PLACE) and "null" not in _types(node):
            raise ValueError(f"the schema forbids null: {'.'.join(place)}")
        is_number = bool(node.get(PHONE_NUMBER)) or names_number(name)
        kind = _kind(node)
        if kind == "object":
            return Field(name, None, self.object(node, place), is_number)
        if kind == "array":
            items = self._field(node["items"], (*place, "items"))
            return Field(name, None, Array(items), is_number)
        return Field(name, self._convert(kind, node, place), None, is_number)

    def _convert(self, kind: str, node: Schema, place: Breadcrumb) -> ConvertValue:
        if kind != "string":
            if node.get(PHONE_NUMBER):
                raise ValueError(f"a phone number cannot be declared as {kind}")
            return _CONVERT[kind]
        if node.get("format") == "date-time":
            # A call's own stamps do not repeat; those of its parties do, from call to call.
            is_own = len(place) == len(_EXTRA_PLACE)
            to_utc = self._clock.fresh_to_utc if is_own else self._clock.to_utc
            return partial(values.instant, to_utc)
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
