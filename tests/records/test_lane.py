"""The fast lane gives what the slow one gives, for every vendor, byte by byte, whatever comes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.mapper import SameRecordTransform

from tap_callhistory.output.messages import RecordMessages
from tap_callhistory.privacy.pseudonyms import Pseudonyms
from tap_callhistory.records.conforming import Conformer
from tap_callhistory.records.lane import Fitting, Lane
from tap_callhistory.transport.bodies import NotJson, parse
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from tap_callhistory.reading.pages import ReadCall
    from tap_callhistory.vendors.base import Endpoint

SAMPLES = Path(__file__).parents[1] / "samples"
EXTRACTED = "2026-01-13T12:00:00.000000Z"
RECORDS = {
    "kavenegar": "result",
    "etelecom": "call_logs",
    "twin": "items",
    "cinnox": "result",
    "utel": "data",
}

#: What a vendor may send in the place of anything.
ODD: list[Any] = [
    *(None, "", 0, 1, -1, 3.0, 3.5, 1e300, 1e2, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**70),
    *(
        True,
        False,
        "0",
        "00",
        " 12 ",
        "1.5",
        "true",
        "yes",
        "a\0b",
        "\\u0000",
        "line\nbreak",
        "\x7f",
    ),
    *("\u06f1\u06f2", "\u202e", "\U0001f4de", "\ud800", float("nan"), float("inf")),
    *("0001-01-01T00:00:00Z", "0000-00-00 00:00:00", "2018-11-20T14:24:46+07:00", "2018-11-20"),
    *("2018-03-22T00:30:00.000", "2018-09-21T23:30:00", "1397-08-29T10:00:00", "2018-11-20T14:24"),
    *([], [1], ["a", None, 3], {}, {"a": 1}, {"token": "x"}, "[1,2]", '{"a": 1}', '{"pin": "x"}'),
    *("+98 912 082 2930", 9120822930, "called +98 912 082 2930 twice"),
]
STAMPS = ["2018-11-20T14:24:46.206", "2018-11-20T14:24:46.206Z", "2018-11-20 14:24:46"]
NEW_KEYS = ["accessToken", "password", "new", "newNumber", "id", "ID", "status", "page", "x" * 200]


def endpoint_of(vendor: str) -> Endpoint:
    kind = next(each for each in VENDORS if each.vendor == vendor)
    given = {
        name: node["default"]
        for name, node in kind.settings["properties"].items()
        if "default" in node
    }
    return kind(given)


class Both:
    """The two lanes of one stream, each with a conformer of its own."""

    def __init__(self, endpoint: Endpoint, *, hashed: bool, deselected: frozenset[Any]) -> None:
        self.slow = self._messages(endpoint, deselected, hashed=hashed, fast=False)
        self.fast = self._messages(endpoint, deselected, hashed=hashed, fast=True)

    @staticmethod
    def _messages(
        endpoint: Endpoint, deselected: frozenset[Any], *, hashed: bool, fast: bool
    ) -> RecordMessages:
        pseudonym = Pseudonyms("a key of tests", endpoint.country) if hashed else None
        conform = Conformer(
            endpoint.schema, endpoint.clock, deselected=deselected, pseudonym=pseudonym
        )
        since = endpoint.unfinished_since
        lane = Lane(conform, key="id", moment=endpoint.read_by, unfinished_since=since)
        return RecordMessages(
            conform,
            stream=endpoint.name,
            without_secrets=lambda line: line.replace(b"t0ken", b"***"),
            key="id",
            replication_key=endpoint.read_by,
            unfinished_since=since,
            stream_maps=[SameRecordTransform(endpoint.name, endpoint.schema, ["id"], None)],
            plain=True,
            skip_bad_records=True,
            lane=lane if fast else None,
        )


def calls_of(
    messages: RecordMessages, endpoint: Endpoint, body: bytes
) -> tuple[list[ReadCall], int]:
    """The calls of an answer, and how many of them took the fast lane."""
    raw = endpoint.page_of(parse(body, decode=messages.decode).value)
    fitting = sum(isinstance(each, Fitting) for each in raw.records)
    return messages.of(raw.records, extracted=EXTRACTED, version=None), fitting


def spelt(name: str, *, camel: bool) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name) if camel else name


def kind_of(node: Any) -> str:
    types = [node["type"]] if isinstance(node["type"], str) else node["type"]
    return next(each for each in types if each != "null")


def fitting_value(draw: st.DrawFn, node: Any, *, camel: bool) -> Any:
    kind = kind_of(node)
    if kind == "object":
        return {
            spelt(name, camel=camel): varied_value(draw, child, camel=camel)
            for name, child in node.get("properties", {}).items()
            if name != "_extra" and draw(st.integers(0, 30))
        }
    if kind == "array":
        return [
            varied_value(draw, node["items"], camel=camel) for _ in range(draw(st.integers(0, 2)))
        ]
    if node.get("format") == "date-time":
        return draw(st.sampled_from(STAMPS))
    if node.get("contentMediaType"):
        return draw(st.sampled_from([{"k": 1}, [1], "hi"]))
    choices: dict[str, list[Any]] = {
        "string": ["x", "101", "09120822930", "t0ken", "\u0633\u0644\u0627\u0645"],
        "integer": [0, 7, 2**53 + 1],
        "number": [1, 1.25],
        "boolean": [True, False],
    }
    return draw(st.sampled_from(choices[kind]))


def varied_value(draw: st.DrawFn, node: Any, *, camel: bool) -> Any:
    if not draw(st.integers(0, 60)):
        return draw(st.sampled_from(ODD))
    return fitting_value(draw, node, camel=camel)


@st.composite
def answers(draw: st.DrawFn, endpoint: Endpoint) -> bytes:
    """A page of records, most as declared, some with something odd, in any way of writing JSON."""
    camel = draw(st.booleans())
    records = []
    for _ in range(draw(st.integers(1, 6))):
        record = fitting_value(draw, endpoint.schema, camel=camel)
        if not draw(st.integers(0, 5)):
            record[draw(st.sampled_from(NEW_KEYS))] = draw(st.sampled_from(ODD))
        records.append(record if draw(st.integers(0, 40)) else draw(st.sampled_from(ODD)))
    sample = json.loads((SAMPLES / f"{endpoint.name}.json").read_text())
    body = json.dumps(
        {**sample, RECORDS[endpoint.vendor]: records},
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1])),
    )
    return body.encode(errors="surrogatepass")


def some_deselected(endpoint: Endpoint) -> frozenset[Any]:
    names = [each for each in endpoint.schema["properties"] if each not in {"id", endpoint.read_by}]
    return frozenset({("properties", "_extra"), ("properties", names[1])})


@pytest.mark.parametrize("vendor", RECORDS)
@settings(max_examples=30)
@given(data=st.data())
def test_both_lanes_give_the_same(vendor: str, data: st.DataObject) -> None:
    endpoint = endpoint_of(vendor)
    deselected = some_deselected(endpoint) if data.draw(st.booleans()) else frozenset()
    both = Both(endpoint, hashed=data.draw(st.booleans()), deselected=deselected)
    # What the lane takes for declared grows from page to page.
    for body in data.draw(st.lists(answers(endpoint), min_size=2, max_size=4)):
        try:
            expected, _ = calls_of(both.slow, endpoint, body)
        except NotJson as refused:
            with pytest.raises(type(refused)):
                calls_of(both.fast, endpoint, body)
            continue
        came, _ = calls_of(both.fast, endpoint, body)
        assert came == expected


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("vendor", RECORDS)
def test_the_vendors_own_records_take_the_fast_lane_from_the_second_page_on(
    vendor: str, *, hashed: bool
) -> None:
    endpoint = endpoint_of(vendor)
    body = (SAMPLES / f"{endpoint.name}.json").read_bytes()
    both = Both(endpoint, hashed=hashed, deselected=frozenset())
    expected, none = calls_of(both.slow, endpoint, body)
    first, met_nothing = calls_of(both.fast, endpoint, body)
    second, fitting = calls_of(both.fast, endpoint, body)
    assert first == second == expected
    assert (none, met_nothing) == (0, 0)
    assert fitting == len(expected)


@pytest.mark.parametrize(
    "odd",
    [
        {"duration": "12"},
        {"createdAt": "yesterday"},
        {"startedAt": ""},
        {"id": ""},
        {"caller": {"createdAt": "soon"}},
        {"new": 1},
    ],
)
def test_one_that_does_not_fit_keeps_no_other_off_the_fast_lane(odd: dict[str, Any]) -> None:
    endpoint = endpoint_of("kavenegar")
    body = json.loads((SAMPLES / "kavenegar_calls.json").read_bytes())
    both = Both(endpoint, hashed=False, deselected=frozenset())
    calls_of(both.fast, endpoint, json.dumps(body).encode())
    some = len(body["result"])
    mixed = json.dumps(body | {"result": [*body["result"], body["result"][0] | odd]}).encode()
    plain = json.dumps(body).encode()
    for answer, expected_fitting in ((plain, some), (mixed, some), (plain, some), (mixed, some)):
        came, fitting = calls_of(both.fast, endpoint, answer)
        assert came == calls_of(both.slow, endpoint, answer)[0]
        assert fitting == expected_fitting


@pytest.mark.parametrize(
    "body",
    [
        b'{"result": [{"id": "1", "createdAt": "2018-11-20T14:24:46.206", "id": "2"}]}',
        b'{"result": [{"id": "1", "created_at": "2018-11-20T14:24:46", "createdAt": "x"}]}',
        b'{"result": {"3": {"id": "1", "createdAt": "2018-11-20T14:24:46.206"}}}',
        b'{"result": []}',
        b'{"result": null}',
        b'{"result": [[], 1, null, "x", {}]}',
        b" []",
    ],
)
def test_the_shape_of_an_answer_does_not_change(body: bytes) -> None:
    endpoint = endpoint_of("kavenegar")
    both = Both(endpoint, hashed=False, deselected=frozenset())
    sample = (SAMPLES / "kavenegar_calls.json").read_bytes()
    calls_of(both.fast, endpoint, sample)
    if body.startswith(b"{"):
        page = {"total": 1, "size": 100, "number": 0}
        body = b'{"page":' + msgspec.json.encode(page) + b"," + body[1:]
    assert calls_of(both.fast, endpoint, body)[0] == calls_of(both.slow, endpoint, body)[0]


def test_only_plain_maps_take_the_fast_lane() -> None:
    endpoint = endpoint_of("kavenegar")
    conform = Conformer(endpoint.schema, endpoint.clock)
    since = endpoint.unfinished_since
    messages = RecordMessages(
        conform,
        stream=endpoint.name,
        without_secrets=bytes,
        key="id",
        replication_key=endpoint.read_by,
        unfinished_since=since,
        stream_maps=[SameRecordTransform(endpoint.name, endpoint.schema, ["id"], None)],
        plain=False,
        skip_bad_records=False,
        lane=Lane(conform, key="id", moment=endpoint.read_by, unfinished_since=since),
    )
    body = (SAMPLES / "kavenegar_calls.json").read_bytes()
    for _ in range(2):
        _, fitting = calls_of(messages, endpoint, body)
        assert fitting == 0
