"""Bodies of answers that no vendor documents: the documented ones, changed in every way.

A body is a tree of Python values in which `Text` stands for JSON text that Python cannot hold
(NaN, lone surrogates, bytes that are not UTF-8) and `Pairs` for an object with a key given twice.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from tap_callhistory.records.declared import snake_case
from tests.support.faults.remembered import PLANTED
from tests.support.sample_vendor import sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Text:
    """JSON, or what is taken for it, as it goes over the wire."""

    written: bytes


@dataclass(frozen=True)
class Pairs:
    """An object whose keys may repeat."""

    pairs: tuple[tuple[str, Any], ...]


def written(value: Any) -> bytes:
    """Write a body."""
    if isinstance(value, Text):
        return value.written
    if isinstance(value, Pairs | dict):
        pairs = value.pairs if isinstance(value, Pairs) else tuple(value.items())
        return b"{" + b",".join(json.dumps(k).encode() + b":" + written(v) for k, v in pairs) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(written, value)) + b"]"
    return json.dumps(value).encode()


# Values that no schema foresees.

nested = st.builds(
    lambda depth, opening, closing, inner: Text(opening * depth + inner + closing * depth),
    st.one_of(st.integers(1, 70), st.integers(900, 2000)),
    st.just(b"["),
    st.just(b"]"),
    st.sampled_from([b"", b"1", b'"x"']),
) | st.builds(
    lambda depth: Text(b'{"a":' * depth + b"1" + b"}" * depth),
    st.one_of(st.integers(1, 70), st.integers(450, 2000)),
)

numbers = st.sampled_from([
    *(
        0,
        -1,
        1,
        3.0,
        3.5,
        2**31,
        2**53 + 1,
        2**63 - 1,
        2**63,
        -(2**63),
        -(2**63) - 1,
        2**64,
        10**400,
    ),
    *(1e308, -0.0, 5e-324),
    *map(Text, (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1E400", b"9" * 5000)),
    Text(b"0." + b"1" * 400),
])

texts = st.sampled_from([
    *("", " ", "0", "1", "true", "abc", "null", "1e999", "NaN", "9" * 5000, "3.5", "x" * 10_000),
    *("a\0b", "\0", "[1, 2", "{}", '{"a": 1, "a": 2}', "[" * 3000, "\u202e\u2028", "\U0001f600"),
    *(
        "0001-01-01T00:00:00Z",
        "0000-00-00 00:00:00",
        "2018-02-30T00:00:00Z",
        "2030-01-01T00:00:00Z",
    ),
    *("9999-12-31T23:59:59.999999999-14:00", "0001-01-02T00:00:00+23:59", "1900-01-01 00:00:00"),
    *("2018-11-20T14:24:46.206", "2018-11-20T24:00:00Z", "\u0662\u0660\u0661\u0668-01-01T00:00:00"),
    *map(Text, (b'"\\ud800"', b'"\\udc00x\\ud83d"', b'"a\\u0000b"', b'"\xff\xfe"', b'"\xc3("')),
    *map(Text, (b'"tab\there"', b'"line\nhere"')),
])

anything = st.one_of(
    numbers, texts, nested, st.sampled_from([None, True, False, [], {}, [[]], [None], {"": None}])
)

keys = st.sampled_from([
    *("x", "", "a\0b", "_extra", "id", "ID", "created_at", "createdAt", "CreatedAt", "k" * 3000),
    *("\ud800", "__proto__", "a.b", "a[0]", " id", "messagesAsString", "total", "1"),
])

CREDENTIAL_KEYS: Final = (
    *("accessToken", "access_token", "ACCESS-TOKEN", "token", "Token", "refreshToken", "x-token"),
    *("X-Api-Key", "apiKey", "api_key", "APIKEY", "api key", "private_key", "secretKey"),
    *("password", "Passwd", "passWord", "clientSecret", "SECRET", "credentials", "Authorization"),
    *("sessionTokens", "userPassword", "auth.token", "my credential", "authToken2", "cookie"),
)

planted_values = st.sampled_from([
    f"{PLANTED}-text",
    [f"{PLANTED}-in-a-list", {"deep": f"{PLANTED}-deep"}],
    {"value": f"{PLANTED}-in-an-object", "more": [[{"x": f"{PLANTED}-deeper"}]]},
    json.dumps({"x": f"{PLANTED}-in-json-text"}),
])

PHONE_DIGITS: Final = "9127654321"
phones = st.sampled_from([
    *(
        "+98 912 765 4321",
        "0098-912-765-4321",
        "+98(912)7654321",
        "0912 765 4321",
        "+98.912.765.4321",
    ),
    *(
        "call +98 912 765 4321 now",
        "sip:+98 912 765 4321@example.com",
        "+98\u2011912\u2011765\u20114321",
    ),
])


# Places in a body.


def _inner(value: Any) -> Iterator[Any]:
    items = value.values() if isinstance(value, dict) else value
    for item in items:
        if isinstance(item, dict | list):
            yield item
            yield from _inner(item)


def containers(body: Any) -> list[Any]:
    """All objects and arrays of a body, itself first."""
    return [body, *_inner(body)] if isinstance(body, dict | list) else []


def objects(body: Any) -> list[dict[str, Any]]:
    return [each for each in containers(body) if isinstance(each, dict)]


# Mutations, each made in place.


def _drawn(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Any:
    """A value of its own: what is sampled is shared, and what is in the body may be changed."""
    return copy.deepcopy(draw(values))


def _replace(draw: st.DrawFn, body: Any) -> None:
    place = draw(st.sampled_from(containers(body)))
    if place:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        place[key] = _drawn(draw, anything)


def _replace_a_number(draw: st.DrawFn, body: Any) -> None:
    """Put a number that is none of the vendor's where one was."""
    places = [
        (place, key)
        for place in objects(body)
        for key, value in place.items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    if places:
        place, key = draw(st.sampled_from(places))
        place[key] = draw(numbers)


def _drop(draw: st.DrawFn, body: Any) -> None:
    place = draw(st.sampled_from(containers(body)))
    if place:
        del place[draw(st.sampled_from(sorted(place) if isinstance(place, dict) else [0]))]


def _add(draw: st.DrawFn, body: Any) -> None:
    place = draw(st.sampled_from(objects(body) or [{}]))
    place[draw(keys)] = _drawn(draw, anything)


def _repeat_an_item(draw: st.DrawFn, body: Any) -> None:
    arrays = [each for each in containers(body) if isinstance(each, list) and each]
    if arrays:
        array = draw(st.sampled_from(arrays))
        array.append(copy.deepcopy(array[0]))


def _repeat_a_key(draw: st.DrawFn, body: Any) -> None:
    place = draw(st.sampled_from(objects(body) or [{}]))
    inner = [key for key, value in place.items() if isinstance(value, dict) and value]
    if inner:
        key = draw(st.sampled_from(inner))
        twice = draw(st.sampled_from(sorted(place[key])))
        again = (twice, _drawn(draw, anything))
        place[key] = Pairs((*place[key].items(), again))


def plant_credential(draw: st.DrawFn, body: Any) -> None:
    """Put a credential into an object, under any spelling; or into JSON inside a text."""
    place = draw(st.sampled_from(objects(body) or [{}]))
    credential = {draw(st.sampled_from(CREDENTIAL_KEYS)): _drawn(draw, planted_values)}
    hidden = draw(st.integers(0, 3))
    if hidden == 0:
        place |= credential
    elif hidden == 1:
        place["unknown"] = [1, {"x": credential}]
    elif hidden == 2:
        place["unknown"] = json.dumps({"x": [credential]})
    elif place:
        place[draw(st.sampled_from(sorted(place)))] = {"x": [credential]}


MUTATIONS: Final = (
    *(_replace, _replace, _replace, _replace_a_number, _replace_a_number, _drop, _add, _add),
    *(_repeat_an_item, _repeat_a_key, plant_credential, plant_credential),
)

RECORDS: Final = {
    "kavenegar_calls": "result",
    "etelecom_call_logs": "call_logs",
    "twin_call_sessions": "items",
    "cinnox_call_details": "result",
    "utel_call_history": "data",
}


@st.composite
def records(draw: st.DrawFn, stream: str) -> list[Any]:
    """A page's records, changed."""
    changed: list[Any] = copy.deepcopy(sample(stream)[RECORDS[stream]])
    _mutate(draw, changed, MUTATIONS)
    return changed


def _change_the_frame(draw: st.DrawFn, body: Any) -> None:
    """Change what stands around the records: totals, sizes, cursors, codes."""
    frame = [each for each in _frame(body) if each]
    if frame:
        place = draw(st.sampled_from(frame))
        place[draw(st.sampled_from(sorted(place)))] = _drawn(draw, anything)


def _frame(body: Any) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict):
        yield body
        yield from (each for each in body.values() if isinstance(each, dict))


_LONG_CURSOR: Final = b'"%s"' % (b"z" * 10**6)
CURSORS: Final = (
    *map(Text, (b'"\\ud800"', b'"a\\u0000b"', b'"\\u202e"', b"1e999", b"{}", _LONG_CURSOR)),
)

LOGINS: Final = (
    {"token": f"{PLANTED}-login", "refreshToken": f"{PLANTED}-refresh"},
    {"result": {"access_token": f"{PLANTED}-login", "token_type": "Bearer"}},
)
ERRORS: Final = (
    {"status": "bad_request", "reasons": ["invalid_input_parameter"]},
    {"code": "invalid_argument", "msg": "the filter is wrong"},
    {"error": "Validation failed", "details": "limit"},
    {"code": 6451000, "message": "missing one of startAt, endAt"},
    {"message": "The given data was invalid.", "errors": {"per_page": ["too large"]}},
)


@st.composite
def bodies(draw: st.DrawFn, stream: str) -> bytes:
    """A whole body (calls, an error, a login), changed, and perhaps damaged."""
    templates = [sample(stream)] * 4 + [*LOGINS, *ERRORS]
    body: Any = copy.deepcopy(draw(st.sampled_from(templates)))
    _mutate(draw, body, (*MUTATIONS, *[_change_the_frame] * 4))
    text = written(body)
    damage = draw(st.sampled_from(["", "", "", "", "cut", "garbled", "prefixed", "other"]))
    if damage == "cut":
        return text[: draw(st.integers(0, len(text)))]
    if damage == "garbled":
        place = draw(st.integers(0, len(text) - 1))
        return text[:place] + draw(st.binary(min_size=1, max_size=4)) + text[place + 1 :]
    if damage == "prefixed":
        return draw(st.sampled_from([b"\xef\xbb\xbf", b")]}',\n", b"\0", b" \n"])) + text
    if damage == "other":
        return draw(
            st.sampled_from([b"", b"null", b"1", b'"x"', b"[]", b"{}", b"[{}]", b"<html>", b"[1]"])
            | st.binary(max_size=40)
        )
    return text


def _mutate(
    draw: st.DrawFn, body: Any, mutations: tuple[Callable[[st.DrawFn, Any], None], ...]
) -> None:
    for _ in range(draw(st.integers(1, 5))):
        draw(st.sampled_from(mutations))(draw, body)


# Phone numbers, where a vendor may put them.


def schema(stream: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (files("tap_callhistory.schemas") / f"{stream}.json").read_text(encoding="utf-8")
    )
    return found


@st.composite
def records_with_phones(draw: st.DrawFn, stream: str) -> list[Any]:
    """A page's records with a phone number planted in fields that may hold one, or unknown ones."""
    changed: list[Any] = copy.deepcopy(sample(stream)[RECORDS[stream]])
    for _ in range(draw(st.integers(1, 3))):
        record = draw(st.sampled_from(changed))
        places = list(_phone_places(record, schema(stream)))
        place, key = draw(st.sampled_from(places))
        phone = draw(phones)
        shape = draw(st.integers(0, 4))
        place[key] = [phone, {"x": phone}, [phone, [phone]], json.dumps({"y": phone}), phone][shape]
    return changed


def _phone_places(record: Any, node: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """Where a record may hold a phone number: marked, undocumented, unknown, misfits."""
    yield record, "unknown"
    yield record, "secondPhone"
    for name, declared in node.get("properties", {}).items():
        key = next((key for key in record if snake_case(key) == name), None)
        if key is None or name == "id":
            continue
        if isinstance(record[key], dict) and "properties" in declared:
            yield from _phone_places(record[key], declared)
        innermost = declared.get("items", declared)
        kinds = set(innermost["type"]) - {"null"}
        open_text = "contentMediaType" in declared or "x-phone-number" in declared
        if open_text or kinds != {"string"}:
            yield record, key
