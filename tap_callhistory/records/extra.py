"""What no schema describes, as JSON text: every value kept, no credential, no number to hide."""

from __future__ import annotations

import json
import math
import re
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tap_callhistory.privacy.keys import names_number, scrub
from tap_callhistory.privacy.numbers import replace_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DEEPEST_LEVELS = 64
"""What lies deeper inside a value becomes text, as readers of JSON end at some depth."""

SHORTEST_NUMBER_CHARACTERS = 3
"""Under a key that names a number, a shorter value is a kind or a count of something."""

EXACT_FLOATS_BELOW = 2.0**53

_BLANK = " \t\r\n\v\f\xa0\u200b\u200e\u200f\u2060\ufeff"
"""What may stand around a JSON text and is no part of it, byte-order mark included."""

_OPENING = frozenset('{["')
_BEFORE_DOCUMENT = _OPENING | frozenset(_BLANK)

_SURROGATE = re.compile(r"[\ud800-\udfff]")

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def storable(text: str) -> str:
    """Take NUL characters and lone surrogates out of a text, as PostgreSQL refuses them."""
    return text if text.isprintable() else _SURROGATE.sub("", text.replace("\0", ""))


class Undocumented:
    """Writes undocumented values as compact JSON text with sorted keys.

    NUL characters and lone surrogates are taken out, NaN and infinities become strings, integers
    keep all their digits, credential keys are left out. Where two keys look alike once written,
    the later one is numbered.

    Args:
        pseudonym: Replaces phone numbers, in keys too; None leaves them.
    """

    def __init__(self, pseudonym: Callable[[str], str] | None = None) -> None:
        self._pseudonym = pseudonym

    def text(self, value: Any, *, is_number: bool = False) -> str:
        """Write a value of any depth; ``is_number`` marks the value of a phone number's field."""
        return self._written(_Node(scrub(value), is_number, 0), DEEPEST_LEVELS)

    def document(self, value: Any) -> str:
        """Write an undocumented structure; a string that is JSON already stays as it came."""
        text = self._inner_document(value.strip(_BLANK)) if isinstance(value, str) else None
        return self.text(value) if text is None else text

    def flat_map(self, texts: Sequence[tuple[str, str]]) -> str:
        """Write pairs of a path and a JSON text as one JSON object."""
        places = _distinct(self._name(path) for path, _ in texts)
        entries = (f"{_quoted(name)}:{texts[place][1]}" for name, place in places)
        return f"{{{','.join(entries)}}}"

    def _written(self, node: _Node, deepest_levels: float) -> str:
        """Write without recursion: ``waiting`` holds what is still to come, the next one last."""
        pieces: list[str] = []
        waiting: list[_Node | str] = [node]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                pieces.append(item)
            elif not isinstance(item.value, dict | list):
                pieces.append(self._scalar(item.value, is_number=item.is_number))
            elif item.level >= deepest_levels:
                pieces.append(_quoted(self._written(item, math.inf)))
            else:
                waiting.extend(reversed(self._parts(item)))
        return "".join(pieces)

    def _parts(self, node: _Node) -> list[_Node | str]:
        level = node.level + 1
        parts: list[_Node | str] = []
        if isinstance(node.value, list):
            for item in node.value:
                parts += (",", _Node(item, node.is_number, level))
            return ["[", *parts[1:], "]"]
        entries = list(node.value.items())
        for name, place in _distinct(self._name(key) for key, _ in entries):
            key, item = entries[place]
            parts += (",", f"{_quoted(name)}:", _Node(item, names_number(key), level))
        return ["{", *parts[1:], "}"]

    def _name(self, key: str) -> str:
        key = storable(key)
        return replace_numbers(key, self._pseudonym) if self._pseudonym else key

    def _scalar(self, value: Any, *, is_number: bool) -> str:
        if isinstance(value, str):
            return _quoted(self._shown(value, is_number=is_number))
        if isinstance(value, float) and not math.isfinite(value):
            return _quoted(str(value))
        if value is None or isinstance(value, bool):
            return _encode(value).decode()
        text = number_text(value)
        shown = self._hidden_number(text, is_number=is_number)
        return text if shown == text else _quoted(shown)

    def _hidden_number(self, text: str, *, is_number: bool) -> str:
        """Hide the digits of a whole number; one with a fraction is no phone number."""
        if not self._pseudonym or not text.lstrip("-").isdigit():
            return text
        hidden = is_number and len(text) >= SHORTEST_NUMBER_CHARACTERS
        return self._pseudonym(text) if hidden else replace_numbers(text, self._pseudonym)

    def _shown(self, text: str, *, is_number: bool) -> str:
        text = storable(text)
        if text[:1] in _BEFORE_DOCUMENT:
            bare = text.strip(_BLANK)
            if bare[:1] in _OPENING and (inner := self._inner_document(bare, is_number=is_number)):
                return text if inner == bare else inner
        if not self._pseudonym:
            return text
        if is_number and len(text) >= SHORTEST_NUMBER_CHARACTERS:
            return self._pseudonym(text)
        return replace_numbers(text, self._pseudonym)

    def _inner_document(self, text: str, *, is_number: bool = False) -> str | None:
        """Return a string's JSON, as it came if nothing had to be changed; None if it is none."""
        try:
            value, is_strict = _parsed(text)
        except (ValueError, RecursionError):
            return None
        written = self.text(value, is_number=is_number)
        return text if is_strict and _says_the_same(text, value, written) else written


class _Node(NamedTuple):
    value: Any
    is_number: bool
    level: int


def number_text(value: float) -> str:
    """Write a finite number; one without a fraction as its digits, up to where floats are exact."""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOATS_BELOW:
        value = int(value)
    return str(value) if isinstance(value, int) else _encode(value).decode()


def _quoted(text: str) -> str:
    return _encode(text).decode()


def _parsed(text: str) -> tuple[Any, bool]:
    """Read JSON, also with NaN, 1e999 and lone surrogates in it; and say if it was without."""
    try:
        return msgspec.json.decode(text), True
    except msgspec.DecodeError:
        return json.loads(text), False


def _says_the_same(text: str, value: Any, written: str) -> bool:
    """Tell whether nothing was changed between a text, the value read from it, and its writing."""
    plain = _encode_sorted(value).decode()
    # A key given twice is read once, so what its first value held would leave unseen.
    return plain == written and text.count('"') == plain.count('"')


def _distinct(names: Iterable[str]) -> list[tuple[str, int]]:
    """Sort names, each with its place; numbers those that repeat."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        unused = name
        for number in count(2):
            if unused not in places:
                break
            unused = f"{name} ({number})"
        places[unused] = place
    return sorted(places.items())
