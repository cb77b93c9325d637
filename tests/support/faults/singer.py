"""What a target takes: target-postgres is the strictest of those that we know."""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import jsonschema
import msgspec

from tap_callhistory.output import ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXED_WIDTH: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
SMALLEST, LARGEST = -(2**63), 2**63 - 1

_formats = jsonschema.FormatChecker(formats=())


@_formats.checks("date-time")
def _is_fixed_width(value: object) -> bool:
    return not isinstance(value, str) or bool(FIXED_WIDTH.fullmatch(value))


@lru_cache(maxsize=32)
def _validator(schema: bytes) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(msgspec.json.decode(schema), format_checker=_formats)


def faults(lines: list[bytes]) -> Iterator[str]:
    """What a target would stumble over in some messages."""
    validators: dict[str, jsonschema.Draft7Validator] = {}
    declared: dict[str, dict[str, Any]] = {}
    for line in lines:
        message = msgspec.json.decode(line)  # UTF-8, no lone surrogates, no NaN
        match message:
            case {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": keys}:
                if keys != (list(ledger.KEY) if stream == ledger.NAME else ["id"]):
                    yield f"odd keys of {stream}: {keys}"
                validators[stream] = _validator(msgspec.json.encode(schema))
                declared[stream] = schema["properties"]
            case {"type": "RECORD", "stream": stream, "record": record}:
                yield from (fault.message for fault in validators[stream].iter_errors(record))
                properties = declared[stream]
                yield from (f"{name} is not declared" for name in record.keys() - properties.keys())
                yield from (f"{name} is absent" for name in properties.keys() - record.keys())
                yield from _untakeable(record)
                yield from _not_json(record, properties)
            case {"type": "STATE", "value": {"bookmarks": dict()}}:
                pass
            case _:
                yield f"an odd message: {line[:80]!r}"


def _untakeable(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _untakeable(key)
            yield from _untakeable(item)
    elif isinstance(value, list):
        for item in value:
            yield from _untakeable(item)
    elif isinstance(value, str) and "\0" in value:
        yield "a NUL character"
    elif isinstance(value, int) and not SMALLEST <= value <= LARGEST:
        yield "an integer beyond 64 bits"
    elif isinstance(value, float) and not math.isfinite(value):
        yield "a number that is not finite"


def _not_json(record: dict[str, Any], properties: dict[str, Any]) -> Iterator[str]:
    """Faults of the JSON inside texts, which databases may be asked to parse."""
    for name, declared in properties.items():
        if declared.get("contentMediaType") == "application/json" or name == "_extra":
            text = record.get(name)
            if text is not None:
                yield from (f"{name}: {fault}" for fault in _inner_faults(text))


def _inner_faults(text: str) -> Iterator[str]:
    def refused(constant: str) -> Any:
        raise ValueError(constant)

    try:
        inner = json.loads(text, parse_constant=refused, parse_int=str)
    except (ValueError, RecursionError) as error:
        yield f"not JSON ({type(error).__name__})"
        return
    strings = list(_strings(inner))
    if any("\0" in each or re.search("[\ud800-\udfff]", each) for each in strings):
        yield "a character that PostgreSQL refuses"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
