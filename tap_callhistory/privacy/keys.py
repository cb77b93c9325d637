"""Which keys, by their names, hold credentials, which never leave, or phone numbers."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS_REMEMBERED = 4_096
LONGEST_REMEMBERED_CHARACTERS = 128
"""A longer key is nobody's; remembering it would only hold memory."""

_WORD = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")

_CREDENTIAL_WORD = re.compile(
    r".*(?:token|pass_?(?:word|code|phrase)|passwd|secret(?:_?key)?|credential|api_?key|access_?key"
    r"|private_?key|cookie)s?"
    r"|pass|pwd|pin|otp|authorization|jwt|bearer|(?:app|auth|encryption|hash|session|shop"
    r"|signing)_key"
)

_NUMBER_WORD = re.compile(
    r".*phones?|tel|telephones?|mobiles?|cell|msisdns?|numbers?|nums?|callers?|callees?|receptors?"
    r"|usernames?|user_name|src|dst|ani|dnis|cid|clid|ext|extensions?"
)


def is_credential(key: str) -> bool:
    """Say whether a key's name means a credential: ``accessToken``, ``api_key``, ``X-Api-Key``.

    Words count, not letters: ``tokenizer`` and ``keyboard`` are no credentials.
    """
    return _says(_CREDENTIAL_WORD, key)


def names_number(key: str) -> bool:
    """Say whether a key's name means that a phone number or an extension stands under it."""
    return _says(_NUMBER_WORD, key)


def scrub(value: Any) -> Any:
    """Take the credential keys out of every object in a JSON value of any depth.

    Returns:
        The value itself where it holds none, otherwise a copy.
    """
    if not any(map(is_credential, _keys(value))):
        return value
    top = _hollow(value)
    todo = [(value, top)]
    while todo:
        full, hollow = todo.pop()
        for place, item in _places(full):
            hollow[place] = kept = _hollow(item)
            if kept is not item:
                todo.append((item, kept))
    return top


def _says(meaning: re.Pattern[str], key: str) -> bool:
    long = len(key) > LONGEST_REMEMBERED_CHARACTERS
    return _has_word(meaning, key) if long else _remembered_has_word(meaning, key)


def _has_word(meaning: re.Pattern[str], key: str) -> bool:
    """Look for a meaning in a key's words, and in each two that stand side by side."""
    words = [word.lower() for word in _WORD.findall(key)]
    return any(map(meaning.fullmatch, (*words, *map("_".join, pairwise(words)))))


_remembered_has_word = lru_cache(KEYS_REMEMBERED)(_has_word)


def _keys(value: Any) -> Iterator[str]:
    """Yield the keys of every object in a JSON value of any depth."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            yield from item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        return ((key, item) for key, item in value.items() if not is_credential(key))
    return iter(enumerate(value))


def _hollow(value: Any) -> Any:
    """Give an empty container of the same kind; what is no container is given as it is."""
    if isinstance(value, dict):
        return {}
    return [None] * len(value) if isinstance(value, list) else value
