from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_callhistory.clocks import Clock
from tap_callhistory.errors import BadRecord
from tap_callhistory.privacy.keys import is_credential
from tap_callhistory.privacy.pseudonyms import Pseudonyms
from tap_callhistory.records.conforming import Conformer
from tap_callhistory.records.declared import snake_case
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = Path(__file__).parents[2] / "tap_callhistory" / "schemas"

TEXT = {"type": ["string", "null"]}
DATE = {"type": ["string", "null"], "format": "date-time"}
PHONE = {"type": ["string", "null"], "x-phone-number": True}
INTEGER = {"type": ["integer", "null"]}
DOCUMENT = {"type": ["string", "null"], "contentMediaType": "application/json"}


def schema_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**properties, "_extra": DOCUMENT}}


CALL = schema_of(
    id={"type": ["string"]},
    created_at={"type": "string", "format": "date-time"},
    duration=INTEGER,
    price={"type": ["number", "null"]},
    is_finished={"type": ["boolean", "null"]},
    contact_id={"type": ["string", "null"], "x-zero-is-null": True},
    phone=PHONE,
    messages=DOCUMENT,
    recording_urls={"type": ["array", "null"], "items": TEXT},
    caller={
        "type": ["object", "null"],
        "properties": {"username": PHONE, "updated_at": DATE, "svc_id": INTEGER},
    },
    call_targets={
        "type": ["array", "null"],
        "items": {
            "type": ["object", "null"],
            "properties": {"target_number": PHONE, "ring_time": DATE, "fail_code": INTEGER},
        },
    },
)
NEEDED = {"id": "b80b0aa3", "createdAt": "2018-11-20T14:24:46.206"}
PSEUDONYM = Pseudonyms("key", "IR")

conform = Conformer(CALL, Clock("Asia/Tehran"))


def declared(**raw: Any) -> dict[str, Any]:
    """Conform a call and return it without what every call has."""
    record, _ = conform({**NEEDED, **raw})
    extra = record.pop("_extra")
    return {
        **{name: value for name, value in record.items() if value is not None},
        **({} if extra is None else {"_extra": json.loads(extra)}),
    }


def one(value: Any, node: dict[str, Any]) -> tuple[Any, Any, int]:
    """Conform one value: what it became, what of it is in ``_extra``, and the misfits."""
    record, misfits = Conformer(schema_of(field=node), Clock("Asia/Tehran"))({"field": value})
    extra = json.loads(record["_extra"])["field"] if record["_extra"] else None
    return record["field"], extra, misfits


# What each type takes


@pytest.mark.parametrize(
    ("kind", "value", "converted"),
    [
        ("integer", 12, 12),
        ("integer", "12", 12),
        ("integer", " -12 ", -12),
        ("integer", 3.0, 3),
        ("integer", "3.00", 3),
        ("integer", 2**63 - 1, 2**63 - 1),
        ("integer", -(2**63), -(2**63)),
        ("integer", "", None),
        ("number", 12, 12),
        ("number", 1.5, 1.5),
        ("number", "1.5", 1.5),
        ("number", "1e3", 1000.0),
        ("number", "9007199254740993", 9007199254740993),
        ("number", "", None),
        ("boolean", True, True),
        ("boolean", "false", False),
        ("boolean", "True", True),
        ("boolean", 0, False),
        ("boolean", "1", True),
        ("boolean", "", None),
        ("string", "", ""),
        ("string", "012", "012"),
        ("string", 12, "12"),
        ("string", 2**70, str(2**70)),
        ("string", 1.5, "1.5"),
        ("string", 9120822930.0, "9120822930"),
        ("string", True, "true"),
        ("string", "a\0b\ud800", "ab"),
    ],
)
def test_a_value_that_fits_is_converted(kind: str, value: Any, converted: Any) -> None:
    result, extra, misfits = one(value, {"type": [kind, "null"]})
    assert (result, type(result)) == (converted, type(converted))
    assert (extra, misfits) == (None, 0)


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("integer", "abc", "abc"),
        ("integer", 3.5, 3.5),
        ("integer", "3.5", "3.5"),
        ("integer", "1_000", "1_000"),
        ("integer", "۱۲", "۱۲"),
        ("integer", True, True),
        ("integer", 2**63, 2**63),
        ("integer", -(2**63) - 1, -(2**63) - 1),
        ("integer", "9" * 5_000, "9" * 5_000),
        ("integer", 1e300, 1e300),
        ("integer", float("nan"), "nan"),
        ("integer", [1], [1]),
        ("number", float("inf"), "inf"),
        ("number", "nan", "nan"),
        ("number", "1e999", "1e999"),
        ("number", 2**64, 2**64),
        ("number", False, False),
        ("boolean", 2, 2),
        ("boolean", "yes", "yes"),
        ("boolean", [], []),
        ("string", {"a": 1}, {"a": 1}),
        ("string", float("-inf"), "-inf"),
        ("object", "text", "text"),
        ("object", [1], [1]),
    ],
)
def test_a_value_that_does_not_fit_is_null_and_kept(kind: str, value: Any, kept: Any) -> None:
    assert one(value, {"type": [kind, "null"]}) == (None, kept, 1)


@pytest.mark.parametrize(
    "value",
    [
        *("yesterday", 1542723886, "2018-11-20", True, {"date": "x"}),
        *("1405-09-02T10:00:00.000", "2569-01-13 12:00:00", "1970-01-01T00:00:00Z"),
    ],
)
def test_a_date_that_is_none_is_null_and_kept(value: Any) -> None:
    assert one(value, DATE) == (None, value, 1)


@pytest.mark.parametrize("value", ["", "0001-01-01T00:00:00Z", "0000-00-00 00:00:00"])
def test_a_date_that_says_there_is_none_is_null(value: str) -> None:
    assert one(value, DATE) == (None, None, 0)


def test_naive_dates_are_read_by_the_vendors_clock_at_every_level() -> None:
    record = declared(
        caller={"updatedAt": "2018-09-16T14:33:42.000"},
        callTargets=[{"ringTime": "2018-11-20T14:24:46+07:00"}],
    )
    assert record["created_at"] == "2018-11-20T10:54:46.206000Z"
    assert record["caller"]["updated_at"] == "2018-09-16T10:03:42.000000Z"
    assert record["call_targets"][0]["ring_time"] == "2018-11-20T07:24:46.000000Z"


@pytest.mark.parametrize("zero", ["0", 0])
def test_a_zero_id_is_no_id(zero: Any) -> None:
    assert "contact_id" not in declared(contact_id=zero)
    assert declared(contact_id="00")["contact_id"] == "00"


def test_an_undocumented_structure_becomes_json_text() -> None:
    assert declared(messages=[{"b": 1, "a": 2.50}])["messages"] == '[{"a":2.5,"b":1}]'
    assert declared(messages='[ "as it came" ]')["messages"] == '[ "as it came" ]'
    assert declared(messages="no json")["messages"] == '"no json"'
    assert declared(messages=[{"token": "97ade"}])["messages"] == "[{}]"


# Where values go


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("fromEID", "from_eid"),
        ("svcID", "svc_id"),
        ("fromIP", "from_ip"),
        ("messagesAsString", "messages_as_string"),
        ("downloadUrl", "download_url"),
        ("callPrepareFromNum", "call_prepare_from_num"),
        ("recorderEID", "recorder_eid"),
        ("HTTPServer", "http_server"),
        ("created_at", "created_at"),
        ("display-name", "display_name"),
        ("", ""),
    ],
)
def test_vendors_keys_become_snake_case(key: str, name: str) -> None:
    assert snake_case(key) == name


def test_every_declared_property_is_there_in_the_schemas_order() -> None:
    record, misfits = conform({**NEEDED, "caller": {}, "call_targets": [{}]})
    assert list(record) == list(CALL["properties"])
    assert record["caller"] == {"username": None, "updated_at": None, "svc_id": None}
    assert list(record["call_targets"][0].values()) == [None, None, None]
    assert record["_extra"] is None
    assert misfits == 0


def test_what_the_schema_does_not_declare_is_kept_under_the_vendors_path() -> None:
    record, misfits = conform({
        **NEEDED,
        "zNew": {"deep": [1]},
        "duration": "abc",
        "caller": {"displayName": "x", "svcID": "y"},
        "call_targets": [{}, {"new": 1}, "odd"],
        "_extra": "theirs",
        "nothing": None,
    })
    assert record["_extra"] == (
        '{"_extra":"theirs","call_targets[1].new":1,"call_targets[2]":"odd",'
        '"caller.displayName":"x","caller.svcID":"y","duration":"abc","zNew":{"deep":[1]}}'
    )
    assert misfits == 3
    assert record["call_targets"][2] is None


def test_the_second_key_of_one_property_is_kept_apart() -> None:
    assert declared(isFinished=True, is_finished=False) == {
        **declared(),
        "is_finished": True,
        "_extra": {"is_finished": False},
    }
    assert declared(duration=None, Duration=5)["duration"] == 5


def test_two_paths_that_look_alike_lose_nothing() -> None:
    record = declared(**{"caller.x": 1, "caller": {"x": 2}})
    assert record["_extra"] == {"caller.x": 1, "caller.x (2)": 2}


def test_credentials_never_leave() -> None:
    secret = "97ade06a-e09a"
    raw = {
        **NEEDED,
        "accessToken": secret,
        "caller": {"accessToken": secret, "api_key": [secret]},
        "new": {"deep": [{"password": secret}]},
        "messages": {"secret": secret},
        "duration": {"token": secret},
        "call_targets": [{"authorization": secret}],
        "log": json.dumps({"accessToken": secret}),
    }
    for conformer in (conform, Conformer(CALL, Clock(None), pseudonym=PSEUDONYM)):
        assert secret not in json.dumps(conformer(raw))


def test_a_schema_cannot_declare_a_credential() -> None:
    with pytest.raises(ValueError, match="access_token"):
        Conformer(schema_of(access_token=TEXT), Clock(None))


@pytest.mark.parametrize(
    "node",
    [
        {"type": ["string", "integer", "null"]},
        {"type": "null"},
        {"type": ["integer", "null"], "x-phone-number": True},
        {"type": ["object", "null"], "properties": {"id": {"type": "string"}}},
    ],
)
def test_a_schema_that_cannot_be_kept_is_refused_at_once(node: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"schema|declared"):
        Conformer(schema_of(field=node), Clock(None))


def test_deselected_properties_are_nowhere() -> None:
    conformer = Conformer(
        CALL,
        Clock(None),
        deselected=frozenset({
            ("properties", "phone"),
            ("properties", "messages"),
            ("properties", "caller", "properties", "username"),
            ("properties", "call_targets", "items", "properties", "target_number"),
        }),
    )
    record, _ = conformer({
        **NEEDED,
        "phone": "gone",
        "Phone": "gone",
        "messages": "gone",
        "caller": {"username": "gone", "svcID": 1},
        "call_targets": [{"target_number": "gone", "targetNumber": {"x": "gone"}}],
    })
    assert "gone" not in json.dumps(record)
    assert not {"phone", "messages"} & record.keys()
    assert list(record["caller"]) == ["updated_at", "svc_id"]
    assert list(record["call_targets"][0]) == ["ring_time", "fail_code"]
    assert record["_extra"] is None


def test_extra_itself_can_be_deselected() -> None:
    conformer = Conformer(CALL, Clock(None), deselected=frozenset({("properties", "_extra")}))
    assert "_extra" not in conformer({**NEEDED, "new": 1})[0]


def test_a_call_of_a_far_but_possible_year_is_kept() -> None:
    assert declared(createdAt="2030-05-01T10:00:00.000")["created_at"].startswith("2030-05-01")


# Records that cannot be used, and hostile ones


@pytest.mark.parametrize("raw", [None, [], "text", 1])
def test_what_is_no_object_is_a_bad_record(raw: Any) -> None:
    with pytest.raises(BadRecord, match="not a JSON object"):
        conform(raw)


@pytest.mark.parametrize("change", [{"id": None}, {"id": ""}, {"id": {"a": 1}}])
def test_a_record_without_its_key_is_bad(change: dict[str, Any]) -> None:
    with pytest.raises(BadRecord, match="without a usable id"):
        conform({**NEEDED, **change})


@pytest.mark.parametrize(
    "stamp", [None, "", "yesterday", "0001-01-01T00:00:00Z", "1405-09-02T10:00:00.000", 12345]
)
def test_a_record_without_its_replication_key_is_bad(stamp: Any) -> None:
    with pytest.raises(BadRecord, match="without a usable created_at") as caught:
        conform({**NEEDED, "createdAt": stamp})
    assert caught.value.declared["id"] == NEEDED["id"]
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize("levels", [1_000, 20_000])
@pytest.mark.parametrize("key", ["new", "messages", "duration", "caller", "id"])
def test_deep_nesting_does_no_harm(key: str, levels: int) -> None:
    deep: Any = {"password": "97ade", "phone": "09120822930"}
    for _ in range(levels):
        deep = {"x": [deep]}
    for conformer in (conform, Conformer(CALL, Clock(None), pseudonym=PSEUDONYM)):
        try:
            record, _ = conformer({**NEEDED, key: deep})
        except BadRecord:
            assert key == "id"
            continue
        text = msgspec.json.encode(record).decode()
        assert "97ade" not in text
        assert ("09120822930" in text) == (conformer is conform)
        json.loads(record["_extra"] or "null")


def test_huge_keys_and_strings_pass_through() -> None:
    huge = "x" * 1_000_000
    assert declared(**{huge: huge, "duration": huge, "phone": huge}) == {
        **declared(),
        "phone": huge,
        "_extra": {huge: huge, "duration": huge},
    }


def test_ten_thousand_new_keys_are_not_remembered() -> None:
    conformer = Conformer(CALL, Clock(None))
    for number in range(10_000):
        record, _ = conformer({**NEEDED, f"new{number}": 1})
        assert json.loads(record["_extra"]) == {f"new{number}": 1}
    assert len(conformer.declared.met) < 2_000


# Pseudonyms


def test_phone_numbers_are_pseudonyms_at_every_level() -> None:
    number, written = "09120822930", "+98 912 082 2930"
    conformer = Conformer(CALL, Clock("Asia/Tehran"), pseudonym=PSEUDONYM)
    record, _ = conformer({
        **NEEDED,
        "phone": int(number),
        "caller": {"username": written, "note": f"ask {written}", "callee": "101"},
        "call_targets": [{"target_number": number}, {"targetNumber": [number]}],
        "messages": [{"text": f"my number is {number}"}],
        "duration": number + "x",
        number: {"mobile": number},
    })
    hidden = PSEUDONYM(number)
    text = json.dumps(record)
    assert record["phone"] == record["caller"]["username"] == hidden
    assert record["call_targets"][0]["target_number"] == hidden
    assert json.loads(record["messages"]) == [{"text": f"my number is {hidden}"}]
    assert json.loads(record["_extra"]) == {
        "call_targets[1].targetNumber": [hidden],
        "caller.callee": PSEUDONYM("101"),
        "caller.note": f"ask {hidden}",
        "duration": f"{hidden}x",
        hidden: {"mobile": hidden},
    }
    assert record["created_at"] == "2018-11-20T10:54:46.206000Z"
    assert "912" not in text.replace(hidden, "")


def test_what_does_not_fit_a_phone_numbers_property_is_hidden_whole() -> None:
    conformer = Conformer(schema_of(line=PHONE, name=TEXT), Clock(None), pseudonym=PSEUDONYM)
    record, _ = conformer({"line": ["101", 102], "name": ["101"]})
    assert json.loads(record["_extra"]) == {
        "line": [PSEUDONYM("101"), PSEUDONYM("102")],
        "name": ["101"],
    }


def test_numbers_embedded_in_a_declared_text_are_hidden_where_the_schema_says_so() -> None:
    note = {"type": ["string", "null"], "x-phone-number": "embedded"}
    hiding = Conformer(schema_of(note=note), Clock(None), pseudonym=PSEUDONYM)
    keeping = Conformer(schema_of(note=note), Clock(None))
    raw = {"note": "call 09120822930 at 2018-11-20 14:24"}
    assert hiding(raw)[0]["note"] == f"call {PSEUDONYM('09120822930')} at 2018-11-20 14:24"
    assert keeping(raw)[0] == {**raw, "_extra": None}


# What holds for every schema of ours and whatever a vendor sends


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


class Leaf:
    """A place in a made-up record, filled with a marker that occurs nowhere else."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return self.kind

    def filled(self, marker: int) -> Any:
        return {
            "integer": marker,
            "digits": str(marker),
            "float": float(marker),
            "text": f"x{marker}",
            "dirty": f"a\0{marker}\ud800b",
            "date": f"2018-11-20T14:24:46.{marker}",
            "huge": marker * 10**20,
            "list": [marker],
        }[self.kind]


leaves = st.sampled_from([
    "integer",
    "digits",
    "float",
    "text",
    "dirty",
    "date",
    "huge",
    "list",
]).map(Leaf)
markless: st.SearchStrategy[Any] = (
    st.none() | st.just("") | st.just("0001-01-01T00:00:00Z") | st.just([]) | st.just({})
)
odd_keys = st.sampled_from(["new", "accessToken", "a.b", "a", "x\0", "x", "password"]) | st.text(
    max_size=3
)
wild = st.recursive(
    leaves | markless,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_keys, inner, max_size=3),
    max_leaves=6,
)


def raws(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Make up values as a vendor would send them for a schema's node, and worse ones."""
    if "properties" in node:
        known = {
            key: raws(child)
            for name, child in node["properties"].items()
            for key in {camel(name), name}
            if name != "_extra"
        }
        objects = st.fixed_dictionaries({}, optional=known)
        odd = st.dictionaries(odd_keys, wild, max_size=2)
        return st.tuples(objects, odd).map(lambda both: {**both[1], **both[0]}) | wild
    if "items" in node:
        return st.lists(raws(node["items"]), max_size=3) | wild
    return leaves | wild


def filled(value: Any, markers: Iterator[int]) -> Any:
    if isinstance(value, Leaf):
        return value.filled(next(markers))
    if isinstance(value, dict):
        return {key: filled(item, markers) for key, item in value.items()}
    return [filled(item, markers) for item in value] if isinstance(value, list) else value


def markers_in(value: Any, *, secret: bool, within: bool = False) -> set[str]:
    """Find the markers that stand under credential keys, or those that do not."""
    if isinstance(value, dict):
        return set().union(
            *(
                markers_in(item, secret=secret, within=within or is_credential(key))
                for key, item in value.items()
            )
        )
    if isinstance(value, list):
        return set().union(*(markers_in(item, secret=secret, within=within) for item in value))
    return set(re.findall(r"7\d{5}", str(value))) if secret == within else set()


def is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value + 0.5) < 2**63


def is_number(_: Any, value: Any) -> bool:
    return is_integer(_, value) or isinstance(value, float)


StrictValidator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft7Validator,
    type_checker=jsonschema.Draft7Validator.TYPE_CHECKER.redefine_many({
        "integer": is_integer,
        "number": is_number,
    }),
)


def closed(node: dict[str, Any]) -> dict[str, Any]:
    """Forbid undeclared properties, and want all declared ones, at every level."""
    node = dict(node)
    if "properties" in node:
        node["properties"] = {name: closed(child) for name, child in node["properties"].items()}
        node |= {"required": list(node["properties"]), "additionalProperties": False}
    if "items" in node:
        node["items"] = closed(node["items"])
    if node.get("format") == "date-time":
        node["pattern"] = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
    return node


def schema_named(name: str) -> dict[str, Any]:
    if name == "call":
        return CALL
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    return loaded


STREAMS = ["call", *sorted(each.name for each in VENDORS)]


def made_up(schema: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """Draw a record, with a good key and replication key and otherwise anything."""
    raw = data.draw(raws(schema).filter(lambda drawn: isinstance(drawn, dict)))
    for name, node in schema["properties"].items():
        if "null" not in node["type"]:
            raw.pop(camel(name), None)
            raw[name] = Leaf("date" if "format" in node else "integer")
    made: dict[str, Any] = filled(raw, count(700_000))
    return made


@pytest.mark.parametrize("stream", STREAMS)
@settings(max_examples=60)
@given(data=st.data())
def test_whatever_comes_the_declared_record_comes_out_and_nothing_is_lost(
    stream: str, data: st.DataObject
) -> None:
    schema = schema_named(stream)
    raw = made_up(schema, data)
    before = repr(raw)
    record, misfits = Conformer(schema, Clock("Asia/Tehran"))(raw)
    text = msgspec.json.encode(record).decode()

    StrictValidator(closed(schema)).validate(record)
    assert "\0" not in text
    assert "\\u0000" not in text
    kept = set(re.findall(r"7\d{5}", text))
    assert markers_in(raw, secret=False) <= kept
    assert not (markers_in(raw, secret=True) - markers_in(raw, secret=False)) & kept
    assert repr(raw) == before
    assert misfits <= len(json.loads(record["_extra"] or "{}"))


@pytest.mark.parametrize("stream", STREAMS)
@settings(max_examples=20)
@given(data=st.data())
def test_conforming_does_not_depend_on_the_records_before(stream: str, data: st.DataObject) -> None:
    schema = schema_named(stream)
    first, second = made_up(schema, data), made_up(schema, data)
    seasoned = Conformer(schema, Clock("Asia/Tehran"), pseudonym=PSEUDONYM)
    seasoned(first)
    assert seasoned(second) == Conformer(schema, Clock("Asia/Tehran"), pseudonym=PSEUDONYM)(second)
    assert seasoned(second) == seasoned(second)


@pytest.mark.parametrize("stream", STREAMS)
@settings(max_examples=40)
@given(data=st.data(), number=st.from_regex(r"(\+98|0)9[0-9]{9}", fullmatch=True))
def test_no_phone_number_is_left_anywhere_when_numbers_are_hidden(
    stream: str, data: st.DataObject, number: str
) -> None:
    schema = schema_named(stream)
    raw = made_up(schema, data)
    place = data.draw(odd_keys)
    # The record's own key stays as it is, or the record would be refused.
    raw = {place: {"who": [number, f"call {number}!"]}, f"tel{number}": int(number[-10:])} | raw
    record, _ = Conformer(schema, Clock("Asia/Tehran"), pseudonym=PSEUDONYM)(raw)
    text = msgspec.json.encode(record).decode().replace(PSEUDONYM(number), "")
    assert number[-10:] not in text
