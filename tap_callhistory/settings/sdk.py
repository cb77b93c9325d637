"""The settings that singer-sdk adds to every tap: stream maps and flattening.

The SDK trusts their types. From the environment they are texts, and ``"false"`` would be true.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from tap_callhistory.errors import SettingsError
from tap_callhistory.settings.values import BadValue, as_object, is_blank, read_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OBJECTS: Final = ("stream_maps", "stream_map_config", "faker_config")
#: What the options of a stream's map can be.
OPTIONS: Final[dict[str, Callable[[Any], bool]]] = {
    "__else__": lambda value: value in {None, "__NULL__"},
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


def read_sdk_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Convert those of the SDK's settings that are given.

    Raises:
        SettingsError: With all faults, if there are any.
    """
    values: dict[str, Any] = {}
    faults = []
    for name in (*OBJECTS, *FLATTENING):
        given = config.get(name)
        if is_blank(given):
            continue
        try:
            known = FLATTENING.get(name)
            values[name] = read_value(given, known) if known else dict(as_object(given))
        except BadValue as fault:
            faults.append(f"{name} {fault}.")
    faults += _faults_of_maps(values.get("stream_maps", {}))
    if faults:
        raise SettingsError(faults)
    return values


def _faults_of_maps(maps: Mapping[str, Any]) -> Iterator[str]:
    for stream, definition in maps.items():
        if isinstance(definition, dict):
            for name, expression in definition.items():
                if not _can_be_read(name, expression):
                    what = "a value that it can have" if name in OPTIONS else "an expression"
                    yield f"stream_maps.{stream}.{name} is not {what}."
        elif not (definition is None or isinstance(definition, str)):
            yield f"stream_maps.{stream} must be an object of fields."


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _can_be_read(name: str, expression: Any) -> bool:
    """Whether the SDK can take an expression, or the value of one of its own options."""
    if name in OPTIONS:
        return OPTIONS[name](expression)
    if expression is None:
        return True
    if not isinstance(expression, str):
        return False
    try:
        ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True
