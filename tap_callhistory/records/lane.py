"""The fast lane: records that are just what the schema declares, decoded and encoded in one go.

    body ── list of records ─┬─ fits: a struct of the vendor's keys ── a struct of ours ── JSON
                             ╰─ does not: a dict, which the conformer takes

A struct is made of the schema and of the vendor's spellings that the conformer has met. Whatever
is not exactly as declared (a key not met, a number written as text, a stamp that is none) goes to
the conformer, so that this module knows nothing of misfits, ``_extra`` or bad records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from operator import attrgetter
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from typing_extensions import override

from tap_callhistory.records import values
from tap_callhistory.records.conforming import EXTRA, Conformer
from tap_callhistory.records.declared import DROPPED, Array, Field, Object

if TYPE_CHECKING:
    from collections.abc import Sequence

Convert = Callable[[Any], Any]

#: What needs no conversion, by the function that would make it.
_EXACT: Final[Mapping[Any, Any]] = {
    values.text: str,
    values.integer: Annotated[
        int, msgspec.Meta(ge=values.SMALLEST_INTEGER, le=values.LARGEST_INTEGER)
    ],
    values.boolean: bool,
}

_NESTED: Final = (msgspec.Struct, list)

#: The byte that begins a JSON array.
_OPENING: Final = ord("[")

_decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_astuple = msgspec.structs.astuple


class Fitting(msgspec.Struct, frozen=True, gc=False):
    """A record that fits, conformed and encoded.

    Attributes:
        key: The record's key.
        moment: The property that the stream is read by, fixed-width UTC.
        encoded: The declared record, as JSON.
        unfinished_since: When the call began, if it is unfinished; fixed-width UTC.
    """

    key: str | int
    moment: str
    encoded: bytes
    unfinished_since: str | None


class Lane:
    """Decodes answers; used by several threads.

    Args:
        conform: Tells what is declared, and which of the vendor's keys it has met.
        key: The property that is the key.
        moment: The property that the stream is read by.
        unfinished_since: When a vendor's record began, if the call is unfinished. It is shown the
            vendor's fields that are declared or left out; those not given are null.
    """

    def __init__(
        self,
        conform: Conformer,
        *,
        key: str,
        moment: str,
        unfinished_since: Callable[[Mapping[str, Any]], str | None],
    ) -> None:
        self._conform = conform
        self._key, self._moment = key, moment
        self._unfinished_since = unfinished_since
        self._met = 0
        self._decode: Callable[[bytes | bytearray], Any] = _decode

    def decode(self, body: bytes | bytearray) -> Any:
        """Decode JSON as `msgspec.json.decode` does, except for the records that fit.

        Every array that is an answer, or directly in it, may be of records. Each that fits comes
        as `Fitting`, all else as it would.

        Raises:
            msgspec.DecodeError: It is no JSON.
            UnicodeDecodeError: It is no UTF-8.
            RecursionError: It is nested too deeply.
        """
        met = self._conform.met
        if met != self._met:
            self._decode, self._met = self._fitting_decoder(), met
        # A NUL has to be taken out. It cannot come but escaped.
        if b"\\" in body and b"\\u0000" in body:
            return _decode(body)
        return self._decode(body)

    def _fitting_decoder(self) -> Callable[[bytes | bytearray], Any]:
        conform = self._conform
        shape = _Shape(conform.declared, extra=conform.keeps_extra)
        converted, spelt, since = shape.convert, shape.spelt, self._unfinished_since
        needed = attrgetter(
            *map(shape.place, (self._key, self._moment, *conform.needed)),
        )

        def fitting(sent: msgspec.Struct) -> Fitting:
            record = converted(sent)
            found = needed(record)
            if not all(found):
                raise ValueError("a record without what is needed")
            return Fitting(found[0], found[1], _encode(record), since(_AsSent(sent, spelt)))

        return _Decoder(shape.sent, fitting).decode


class _Decoder:
    """Decodes answers with records of one shape.

    An answer is decoded at once for as long as all records fit, and record by record from the
    first one on that does not: histories have some kind of misfit everywhere, or nowhere.

    Args:
        sent: The struct of a record as the vendor sends it.
        fitting: Makes a fitting record of it; raises ValueError where a value does not fit.
    """

    def __init__(self, sent: type[msgspec.Struct], fitting: Callable[[Any], Fitting]) -> None:
        records: Any = GenericAlias(list, (sent,))
        value = records | dict[str, Any] | str | int | float | bool | None
        self._all_fit = True
        self._fitting = fitting
        self._sent = msgspec.json.Decoder(sent).decode
        self._array = msgspec.json.Decoder(records).decode
        self._object = msgspec.json.Decoder(GenericAlias(dict, (str, value))).decode

    def decode(self, body: bytes | bytearray) -> Any:
        """Decode JSON as `Lane.decode` does."""
        is_array = body.lstrip()[:1] == b"["
        if self._all_fit:
            try:
                return self._at_once(body, is_array=is_array)
            except ValueError:
                self._all_fit = False
        if is_array:
            return self._one_by_one(body)
        return {
            name: self._one_by_one(raw) if memoryview(raw)[0] == _OPENING else _decode(raw)
            for name, raw in _decode_object(body).items()
        }

    def _at_once(self, body: bytes | bytearray, *, is_array: bool) -> Any:
        if is_array:
            return list(map(self._fitting, self._array(body)))
        return {
            name: list(map(self._fitting, value)) if isinstance(value, list) else value
            for name, value in self._object(body).items()
        }

    def _one_by_one(self, raw: msgspec.Raw | bytes | bytearray) -> list[Any]:
        return list(map(self._fit, _decode_array(raw)))

    def _fit(self, raw: msgspec.Raw) -> Any:
        try:
            return self._fitting(self._sent(raw))
        except ValueError:
            return _decode(raw)


class _AsSent(Mapping[str, Any]):
    """A vendor's record by the vendor's keys."""

    __slots__ = ("_places", "_sent")

    def __init__(self, sent: msgspec.Struct, places: Mapping[str, str]) -> None:
        self._sent, self._places = sent, places

    @override
    def __getitem__(self, key: str) -> Any:
        value = getattr(self._sent, self._places[key])
        return msgspec.to_builtins(value) if isinstance(value, _NESTED) else value

    @override
    def get(self, key: str, default: Any = None) -> Any:
        # Asked for every record: Mapping's own would take an exception for a key that is none.
        return self[key] if key in self._places else default

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    @override
    def __len__(self) -> int:
        return len(self._places)


class _Shape:
    """The two structs of a declared object, and the way from one to the other.

    Attributes:
        sent: The struct as the vendor sends it.
        convert: Makes the struct that is written of the one that was sent; raises ValueError where
            a value does not fit.
        spelt: The attribute of ``sent`` for each of the vendor's keys.
    """

    def __init__(self, declared: Object, *, extra: bool = False) -> None:
        # Names of attributes are numbered, as a vendor's key may be any text.
        self._places = {name: f"p{number}" for number, name in enumerate(declared.fields)}
        met = tuple(declared.met.items())
        keys = {field.name: key for key, field in reversed(met) if field.name in self._places}
        left_out = [key for key, field in met if field is DROPPED]
        kinds = [_kind(field) for field in declared.fields.values()]
        steps = [(number, step) for number, (_, step) in enumerate(kinds) if step is not None]

        self.spelt = {keys.get(name, name): place for name, place in self._places.items()}
        self.spelt |= {key: f"x{number}" for number, key in enumerate(left_out)}
        types = [kind for kind, _ in kinds] + [Any] * len(left_out)
        self.sent = _struct("Sent", self.spelt, types, forbid_unknown_fields=True)
        written = {**self._places, **({EXTRA: "extra"} if extra else {})}
        self.convert = _conversion(
            _struct("Written", written, [Any] * len(written)), len(kinds), steps
        )

    def place(self, name: str) -> str:
        """The attribute of a property."""
        return self._places[name]


def _struct(
    name: str, places: Mapping[str, str], types: Sequence[Any], **options: Any
) -> type[msgspec.Struct]:
    """A struct with an attribute for each key, null where it is not given."""
    fields = [
        (place, kind | None, None) for place, kind in zip(places.values(), types, strict=True)
    ]
    renamed = {place: key for key, place in places.items()}
    return msgspec.defstruct(name, fields, rename=renamed, gc=False, **options)


def _conversion(
    written: type[msgspec.Struct], count: int, steps: Sequence[tuple[int, Convert]]
) -> Convert:
    """What makes the written struct of the first so many attributes of the sent one."""

    def unchanged(sent: msgspec.Struct) -> msgspec.Struct:
        return written(*_astuple(sent)[:count])

    def changed(sent: msgspec.Struct) -> msgspec.Struct:
        found = list(_astuple(sent)[:count])
        for place, step in steps:
            value = found[place]
            if value is not None:
                found[place] = step(value)
        return written(*found)

    return changed if steps else unchanged


def _kind(field: Field) -> tuple[Any, Convert | None]:
    """The type that a field is decoded to, and what is done to it then."""
    if isinstance(field.structure, Object):
        shape = _Shape(field.structure)
        return shape.sent, shape.convert
    if isinstance(field.structure, Array):
        item, step = _kind(field.structure.item)
        return GenericAlias(list, (item | None,)), step and partial(_each, step)
    convert = field.convert
    if isinstance(convert, partial) and convert.func is values.instant:
        # An empty stamp, which is null, does not fit.
        return str, convert.args[0]
    exact = _EXACT.get(convert)
    return (Any, convert) if exact is None else (exact, None)


def _each(step: Convert, items: list[Any]) -> list[Any]:
    return [None if item is None else step(item) for item in items]
