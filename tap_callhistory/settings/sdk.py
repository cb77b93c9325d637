"""The settings that singer-sdk adds to every tap: stream maps and flattening.

The SDK trusts their types. From the environment they are texts, and ``"false"`` would be true. It
also accepts a map of a stream that does not exist, silently: what the map should hide is then sent.
"""

from __future__ import annotations

import ast
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from singer_sdk import Tap

from tap_callhistory.errors import SettingsError
from tap_callhistory.settings.common import COMMON
from tap_callhistory.settings.values import BadValue, as_object, is_blank, read_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

LEFT_OUT: Final = frozenset({"batch_config"})
"""BATCH would bypass stream maps, selection and conforming."""
OBJECTS: Final = frozenset({"stream_maps", "stream_map_config", "faker_config"})
#: What the options of a stream's map can be.
OPTIONS: Final[dict[str, Callable[[Any], bool]]] = {
    "__else__": lambda value: value is None or value == "__NULL__",
    "__alias__": lambda value: isinstance(value, str),
    "__source__": lambda value: isinstance(value, str),
    "__key_properties__": lambda value: value is None or _is_list_of_names(value),
}
FLATTENING: Final[dict[str, dict[str, Any]]] = {
    "flattening_enabled": {"type": "boolean"},
    "flattening_max_depth": {"type": "integer", "minimum": 0},
    "flattening_max_key_length": {"type": "integer", "minimum": 1},
    "flattening_separator": {"type": "string"},
}
CONVERTIBLE: Final = frozenset({"string", "number", "integer", "boolean"})


@cache
def builtin_settings() -> Mapping[str, Mapping[str, Any]]:
    """The settings that the installed singer-sdk adds to a tap, each with its JSON schema."""
    schema: dict[str, Any] = {"properties": {}}
    Tap.append_builtin_config(schema)
    taken = {*COMMON, *LEFT_OUT}
    return {name: each for name, each in schema["properties"].items() if name not in taken}


def read_sdk_settings(config: Mapping[str, Any], streams: Sequence[str]) -> dict[str, Any]:
    """Convert those of the SDK's settings that are given.

    Args:
        config: The configuration as it came.
        streams: The names of all streams there are, configured or not.

    Raises:
        SettingsError: With all faults, if there are any.
    """
    values: dict[str, Any] = {}
    faults = []
    for name, schema in builtin_settings().items():
        given = config.get(name)
        if is_blank(given):
            continue
        try:
            values[name] = _read(name, given, schema)
        except BadValue as fault:
            faults.append(f"{name} {fault}.")
    faults += _Maps(values.get("stream_maps", {}), streams).faults()
    if faults:
        raise SettingsError(faults)
    return values


def _read(name: str, given: Any, schema: Mapping[str, Any]) -> Any:
    if name in OBJECTS:
        return dict(as_object(given))
    if known := FLATTENING.get(name):
        return read_value(given, known)
    # Of a newer SDK, which knows best what else it wants.
    types = schema.get("type")
    kinds = [kind for kind in types if kind != "null"] if isinstance(types, list) else [types]
    return read_value(given, {"type": kinds[0]}) if kinds[0] in CONVERTIBLE else given


class _Maps:
    """The user's stream maps, and what is wrong with them."""

    def __init__(self, maps: Mapping[str, Any], streams: Sequence[str]) -> None:
        self._maps = maps
        self._streams = streams

    def faults(self) -> Iterator[str]:
        if not all(map(str.isprintable, self._names())):
            yield "stream_maps has a name with control characters."
            return
        for name, definition in self._maps.items():
            if name.startswith("__"):
                yield from _faults_of_option(name, definition)
            elif isinstance(definition, dict):
                yield from self._faults_of_map(name, definition)
            elif definition is None or isinstance(definition, str):
                yield from self._faults_of_stream(name, name)
            else:
                yield f"stream_maps.{name} must be an object of fields."

    def _names(self) -> Iterator[str]:
        for name, definition in self._maps.items():
            yield name
            yield from definition if isinstance(definition, dict) else ()

    def _faults_of_map(self, name: str, definition: Mapping[str, Any]) -> Iterator[str]:
        for field, expression in definition.items():
            yield from _faults_of_field(f"stream_maps.{name}.{field}", field, expression)
        source = definition.get("__source__", name)
        if isinstance(source, str):
            place = f"{name}.__source__" if "__source__" in definition else name
            yield from self._faults_of_stream(place, source)

    def _faults_of_stream(self, place: str, pattern: str) -> Iterator[str]:
        if any(fnmatchcase(stream, pattern) for stream in self._streams):
            return
        near = get_close_matches(pattern, self._streams, n=1, cutoff=0.9)
        hint = f" Did you mean {near[0]}?" if near else ""
        yield f"stream_maps.{place} is no stream: there are {', '.join(self._streams)}.{hint}"


def _faults_of_option(name: str, value: Any) -> Iterator[str]:
    if name != "__else__":
        yield f"stream_maps.{name} is not an option; __else__ is one."
    elif not OPTIONS[name](value):
        yield f"stream_maps.{name} is not a value that it can have."


def _faults_of_field(place: str, name: str, expression: Any) -> Iterator[str]:
    """What is wrong with an expression, or with the value of one of the SDK's own options."""
    if name in OPTIONS:
        if not OPTIONS[name](expression):
            yield f"{place} is not a value that it can have."
    elif expression is not None:
        names = _names_in(expression) if isinstance(expression, str) else None
        if names is None:
            yield f"{place} is not an expression."
        elif "fake" in names and not find_spec("faker"):
            yield (
                f"{place} uses fake, which needs an extra: pip install 'tap-callhistory[faker]'."
            )


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _names_in(expression: str) -> set[str] | None:
    """The names that an expression uses; None for what is no expression."""
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
