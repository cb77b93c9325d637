"""The streams' schemas against the documented samples in ``tests/samples``.

The samples of Kavenegar, eTelecom and Utel are the vendors' own, but for the credentials in them.
CINNOX documents its answer with types in place of values, and TWIN documents field names only: the
values in their samples are made up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator

from tap_callhistory.clocks import Clock
from tap_callhistory.privacy.keys import is_credential
from tap_callhistory.records.conforming import Conformer
from tap_callhistory.records.declared import snake_case

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = Path(__file__).parents[2] / "tap_callhistory" / "schemas"
SAMPLES = Path(__file__).parents[1] / "samples"

LONGEST_NAME = 63  # PostgreSQL cuts longer ones

STREAMS = {
    "kavenegar_calls": ("result", "created_at"),
    "etelecom_call_logs": ("call_logs", "created_at"),
    "twin_call_sessions": ("items", "created_at"),
    "cinnox_call_details": ("result", "call_date"),
    "utel_call_history": ("data", "date_time"),
}
"""Each stream's name, with where its records are in an answer, and its replication key."""

PHONE_NUMBERS = {
    "kavenegar_calls": {
        *("caller.username", "receptor.username"),
        *("caller.mobile_number", "receptor.mobile_number"),
    },
    "etelecom_call_logs": {"caller", "callee", "call_targets.target_number"},
    "twin_call_sessions": {"phone", "short_number"},
    "cinnox_call_details": {"caller", "callee", "call_prepare_from_num"},
    "utel_call_history": {"src", "dst", "external_number"},
}
FREE_TEXTS = {
    "kavenegar_calls": {"caller.display_name", "receptor.display_name", "recording.name"},
    "etelecom_call_logs": {"note", "external_id", "call_targets.trunk_name"},
    "twin_call_sessions": {"messages_as_string", "responder", "external_id"},
    "cinnox_call_details": {
        "release_party",
        "last_handled_party",
        "from_display_name",
        "to_display_name",
        "caller_first_name",
        "caller_last_name",
        "callee_first_name",
        "callee_last_name",
        "recording_event_list.files.name",
    },
    "utel_call_history": {"integration.error_message"},
}

UNDOCUMENTED_STRUCTURES = {"messages", "additional", "dialog_results", "markers"}

each_stream = pytest.mark.parametrize("stream", STREAMS)


def schema_of(stream: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{stream}.json").read_text(encoding="utf-8"))
    return schema


def records_of(stream: str) -> list[dict[str, Any]]:
    body = json.loads((SAMPLES / f"{stream}.json").read_text(encoding="utf-8"))
    records: list[dict[str, Any]] = body[STREAMS[stream][0]]
    return records


def declared(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All properties, dotted, through the items of arrays."""
    for name, each in schema.get("properties", {}).items():
        yield path + name, each
        yield from declared(each, f"{path}{name}.")
        yield from declared(each.get("items", {}), f"{path}{name}.")


def fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All fields of a sample, dotted and in snake_case, through the items of lists."""
    if isinstance(value, list):
        for item in value:
            yield from fields(item, path)
    if isinstance(value, dict):
        for key, each in value.items():
            name = path + snake_case(key)
            yield name, each
            if snake_case(key) not in UNDOCUMENTED_STRUCTURES:
                yield from fields(each, f"{name}.")


def kinds(schema: dict[str, Any]) -> set[str]:
    return set(schema["type"]) - {"null"}


def kind_of(value: Any) -> str:
    return {
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
        dict: "object",
        list: "array",
    }[type(value)]


def test_there_is_one_schema_and_one_sample_for_each_stream() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {*STREAMS, "callhistory_windows"}
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(STREAMS)


@each_stream
def test_it_is_a_draft_7_schema_of_an_object(stream: str) -> None:
    schema = schema_of(stream)
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["type"] == "object"


@each_stream
def test_every_field_of_the_sample_is_declared_unless_it_is_a_credential(stream: str) -> None:
    names = {name for name, _ in declared(schema_of(stream))}
    for record in records_of(stream):
        sent = {name for name, _ in fields(record)}
        assert {name for name in sent - names if not is_credential(name.split(".")[-1])} == set()


@each_stream
def test_nothing_is_declared_that_the_vendor_does_not_send(stream: str) -> None:
    sent = {name for record in records_of(stream) for name, _ in fields(record)}
    beyond = {name for name, _ in declared(schema_of(stream))} - sent
    told_elsewhere = {
        f"{party}.{name}"
        for party in ("caller", "receptor")
        for name in ("display_name", "mobile_number")
    }
    assert beyond - told_elsewhere == {"_extra"}


@each_stream
def test_the_declared_type_is_the_one_that_the_sample_proves(stream: str) -> None:
    properties = dict(declared(schema_of(stream)))
    for record in records_of(stream):
        for name, value in fields(record):
            each = properties.get(name)
            if each is None or value is None or "contentMediaType" in each:
                continue
            assert kind_of(value) in kinds(each) or (kinds(each), kind_of(value)) == (
                {"number"},
                "integer",
            ), name


@each_stream
def test_no_credential_is_declared(stream: str) -> None:
    names = [name.split(".")[-1] for name, _ in declared(schema_of(stream))]
    assert [name for name in names if is_credential(name)] == []


def test_the_samples_hold_credentials_that_prove_it_and_they_are_fake() -> None:
    sent = [
        value
        for record in records_of("kavenegar_calls")
        for name, value in fields(record)
        if is_credential(name.split(".")[-1])
    ]
    assert len(sent) == 10
    assert all("-fake-" in value for value in sent)


@each_stream
def test_every_property_says_in_a_sentence_what_it_is(stream: str) -> None:
    for name, each in declared(schema_of(stream)):
        assert each["description"].endswith("."), name
        assert len(each["description"].split()) >= 3, name


@each_stream
def test_every_property_has_one_type_beside_null(stream: str) -> None:
    for name, each in declared(schema_of(stream)):
        assert isinstance(each["type"], list), name
        assert len(kinds(each)) == 1, name
        assert ("properties" in each) == (kinds(each) == {"object"}), name
        assert ("items" in each) == (kinds(each) == {"array"}), name
        assert "anyOf" not in each, name


@each_stream
def test_only_the_key_and_the_replication_key_are_never_null(stream: str) -> None:
    properties = dict(declared(schema_of(stream)))
    never_null = {name for name, each in properties.items() if "null" not in each["type"]}
    assert never_null == {"id", STREAMS[stream][1]}
    assert properties[STREAMS[stream][1]]["format"] == "date-time"


@each_stream
def test_exactly_the_timestamps_are_date_times(stream: str) -> None:
    properties = dict(declared(schema_of(stream)))
    marked = {name for name, each in properties.items() if each.get("format") == "date-time"}
    sent = {
        name
        for record in records_of(stream)
        for name, value in fields(record)
        if isinstance(value, str) and value[:2] == "20" and value[4:5] == "-"
    }
    assert marked == sent
    assert all(kinds(properties[name]) == {"string"} for name in marked)


@each_stream
def test_exactly_the_phone_numbers_are_marked(stream: str) -> None:
    properties = dict(declared(schema_of(stream)))
    marked = {name for name, each in properties.items() if each.get("x-phone-number") is True}
    assert marked == PHONE_NUMBERS[stream]
    assert all(kinds(properties[name]) == {"string"} for name in marked)


@each_stream
def test_texts_that_may_hold_a_phone_number_are_marked(stream: str) -> None:
    properties = dict(declared(schema_of(stream)))
    marked = {n for n, each in properties.items() if each.get("x-phone-number") == "embedded"}
    assert marked == FREE_TEXTS[stream]


@each_stream
def test_hiding_numbers_leaves_the_ids_and_names_of_the_samples_as_they_are(stream: str) -> None:
    schema = schema_of(stream)
    keep = Conformer(schema, Clock("UTC"))
    hide = Conformer(schema, Clock("UTC"), pseudonym=lambda _: "*")
    for record in records_of(stream):
        kept, hidden = fields(keep(record)[0]), fields(hide(record)[0])
        changed = {
            name
            for (name, before), (_, after) in zip(kept, hidden, strict=True)
            if isinstance(before, str) and before != after
        }
        assert changed <= PHONE_NUMBERS[stream]


@each_stream
def test_undocumented_structures_are_json_strings(stream: str) -> None:
    properties = dict(declared(schema_of(stream)))
    marked = {name for name, each in properties.items() if "contentMediaType" in each}
    undocumented = UNDOCUMENTED_STRUCTURES if stream == "twin_call_sessions" else set()
    assert marked == {"_extra"} | undocumented
    for name in marked:
        assert properties[name]["contentMediaType"] == "application/json"
        assert kinds(properties[name]) == {"string"}


def test_a_zero_means_none_in_etelecoms_ids() -> None:
    properties = dict(declared(schema_of("etelecom_call_logs")))
    marked = {name for name, each in properties.items() if each.get("x-zero-is-null")}
    assert marked == {"extension_id", "user_id", "contact_id"}


@each_stream
def test_names_are_snake_case_and_short_enough_for_every_warehouse(stream: str) -> None:
    for name, _ in declared(schema_of(stream)):
        own = name.split(".")[-1]
        assert own.lstrip("_") == snake_case(own.lstrip("_"))
        assert own.isascii()
        assert len(own) <= LONGEST_NAME


@each_stream
def test_no_two_fields_of_the_vendor_become_one_property(stream: str) -> None:
    def keys(value: Any) -> Iterator[list[str]]:
        if isinstance(value, dict):
            yield list(value)
        for each in value.values() if isinstance(value, dict) else value:
            if isinstance(each, (dict, list)):
                yield from keys(each)

    for names in keys(records_of(stream)):
        assert len({snake_case(name) for name in names}) == len(names)
