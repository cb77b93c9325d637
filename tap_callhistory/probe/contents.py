"""What records hold: undeclared fields, values that do not fit, the shapes of phone numbers."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import phonenumbers

from tap_callhistory.errors import BadRecord
from tap_callhistory.privacy.numbers import mask_numbers
from tap_callhistory.probe.findings import Finding, Sureness, as_assumed, cannot_tell, judged
from tap_callhistory.records.conforming import PHONE_NUMBER, Conformer
from tap_callhistory.records.declared import snake_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_callhistory.probe.gathering import Gathered

MOST_NAMES: Final = 12
SHORTEST_NUMBER: Final = 7
ENOUGH_SHARE: Final = 0.99
_INDEX: Final = re.compile(r"\[\d+\]")
_JSON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def contents(gathered: Gathered) -> Iterator[Finding]:
    """Hold the records seen against the stream's schema."""
    names = ("declared fields", "value types", "phone numbers")
    assumed = (
        "the schema declares every field",
        "values have their declared types, or can be converted",
        f"numbers are written as in {gathered.endpoint.country}, or with a plus sign",
    )
    calls = gathered.calls
    if not calls:
        for name, what in zip(names, assumed, strict=True):
            yield cannot_tell(name, what, "no call was seen", "calls of the last days")
        return
    undeclared, misfits, bad = _leftovers(gathered)
    yield _fields(names[0], assumed[0], undeclared, len(calls))
    yield _types(gathered, names[1], assumed[1], misfits, bad)
    yield _numbers(gathered, names[2], assumed[2])


def _leftovers(gathered: Gathered) -> tuple[Counter[str], Counter[str], int]:
    """Count undeclared fields and misfits by path, and bad records."""
    schema = gathered.endpoint.schema
    conform = Conformer(schema, gathered.endpoint.clock)
    undeclared: Counter[str] = Counter()
    misfits: Counter[str] = Counter()
    bad = 0
    for call in gathered.calls:
        try:
            record, _ = conform(call.record)
        except BadRecord:
            bad += 1
            continue
        for path in msgspec.json.decode(record.get("_extra") or "{}"):
            counted = misfits if _is_declared(schema, path) else undeclared
            counted[mask_numbers(_INDEX.sub("[]", path))] += 1
    return undeclared, misfits, bad


def _is_declared(schema: Mapping[str, Any], path: str) -> bool:
    """Whether a path of a vendor's keys leads to a declared property."""
    node: Any = schema
    for part in _INDEX.sub("", path).split("."):
        node = node.get("items", node).get("properties", {}).get(snake_case(part))
        if node is None:
            return False
    return True


def _fields(name: str, assumed: str, undeclared: Counter[str], calls: int) -> Finding:
    if not undeclared:
        return as_assumed(name, assumed, f"in {calls} calls", [], Sureness.CERTAIN)
    seen = f"not declared: {_named(undeclared)}"
    advice = "Nothing is lost: they are in _extra. Tell us, and they get columns."
    return judged(name, assumed, seen, reading=sorted(undeclared), agrees=False, advice=advice)


def _types(gathered: Gathered, name: str, assumed: str, misfits: Counter[str], bad: int) -> Finding:
    as_text = _given_as_text(gathered)
    converted = f"; given as text: {_named(as_text)}" if as_text else ""
    reading = {"misfits": sorted(misfits), "as_text": sorted(as_text), "bad": bad}
    if not misfits and not bad:
        seen = f"in {len(gathered.calls)} calls{converted}"
        return as_assumed(name, assumed, seen, reading)
    parts = [f"did not fit: {_named(misfits)}"] if misfits else []
    parts += [f"{bad} records have no usable key or replication key"] if bad else []
    return judged(
        name,
        assumed,
        "; ".join(parts) + converted,
        reading=reading,
        agrees=False,
        advice="Values that do not fit are kept in _extra; for bad records see on_bad_record.",
    )


def _given_as_text(gathered: Gathered) -> Counter[str]:
    """Count numbers and booleans that came as text, by path."""
    found: Counter[str] = Counter()
    for call in gathered.calls:
        for path, kind, value in _declared_values(gathered.endpoint.schema, call.record, ""):
            if kind in _JSON_TYPES and isinstance(value, str):
                found[path] += 1
    return found


def _declared_values(
    node: Mapping[str, Any], value: Any, path: str
) -> Iterator[tuple[str, str, Any]]:
    """Walk a record along its schema: path, declared type, value as it came."""
    types = [node["type"]] if isinstance(node["type"], str) else node["type"]
    kind = next((each for each in types if each != "null"), "")
    if kind == "object" and isinstance(value, dict):
        properties = node.get("properties", {})
        for key, inner in value.items():
            if snake_case(key) in properties:
                below = f"{path}.{key}" if path else key
                yield from _declared_values(properties[snake_case(key)], inner, below)
    elif kind == "array" and isinstance(value, list):
        for inner in value:
            yield from _declared_values(node["items"], inner, f"{path}[]")
    else:
        yield path, kind, value


def _numbers(gathered: Gathered, name: str, assumed: str) -> Finding:
    """Describe the shapes of phone numbers: what they begin with, and how many digits."""
    numbers = [
        str(value)
        for call in gathered.calls
        for value in _marked(gathered.endpoint.schema, call.record)
        if str(value or "").strip()
    ]
    if not numbers:
        return cannot_tell(name, assumed, "no number was seen", "calls with numbers")
    shapes = Counter(map(_shape, numbers))
    told = ", ".join(f"{shape} ({count})" for shape, count in shapes.most_common(5))
    full = [number for number in numbers if sum(map(str.isdigit, number)) >= SHORTEST_NUMBER]
    possible = sum(_is_possible(number, gathered.endpoint.country) for number in full)
    agrees = not full or possible >= ENOUGH_SHARE * len(full)
    seen = f"{told}; {possible} of {len(full)} long ones are possible numbers"
    return judged(
        name,
        assumed,
        seen,
        reading=round(possible / len(full), 3) if full else None,
        agrees=agrees,
        sureness=Sureness.LIKELY,
        advice="With phone_numbers: hash, such numbers get pseudonyms of their digits as they are.",
    )


def _marked(node: Mapping[str, Any], value: Any) -> Iterator[Any]:
    """Yield the values of properties that the schema marks as phone numbers."""
    if node.get(PHONE_NUMBER) is True:
        yield value
    elif isinstance(value, dict):
        properties = node.get("properties", {})
        for key, inner in value.items():
            if snake_case(key) in properties:
                yield from _marked(properties[snake_case(key)], inner)
    elif isinstance(value, list) and "items" in node:
        for inner in value:
            yield from _marked(node["items"], inner)


def _shape(number: str) -> str:
    """Describe a number without a digit of it."""
    digits = sum(map(str.isdigit, number))
    if not digits:
        return "no digits"
    start = "+" if number.startswith("+") else "00" if number.startswith("00") else ""
    start = start or ("0" if number.startswith("0") else "")
    mixed = "" if re.fullmatch(r"[+\d\s().-]*", number) else " among other characters"
    return f"{start + ' and ' if start else ''}{digits - len(start.strip('+'))} digits{mixed}"


@lru_cache(maxsize=4096)
def _is_possible(number: str, country: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, country))
    except phonenumbers.NumberParseException:
        return False


def _named(counted: Counter[str]) -> str:
    """List field names, the most frequent first."""
    shown = [name for name, _ in counted.most_common(MOST_NAMES)]
    more = len(counted) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
