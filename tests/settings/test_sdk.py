"""The settings of singer-sdk: a mistake in a stream map may show what should be hidden."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk import Tap

from tap_callhistory.errors import SettingsError
from tap_callhistory.settings import sdk
from tap_callhistory.settings.checking import check
from tap_callhistory.settings.sdk import builtin_settings, read_sdk_settings
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.command import Command
    from tests.support.serving import Served

STREAMS = [each.name for each in VENDORS]
ALL_STREAMS = (
    "kavenegar_calls, etelecom_call_logs, twin_call_sessions, cinnox_call_details, "
    "utel_call_history"
)
OPTIONS = ["__else__", "__alias__", "__source__", "__key_properties__", "__filter__", "src"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def read(**config: Any) -> dict[str, Any]:
    return read_sdk_settings(config, STREAMS)


def faults(stream_maps: Any) -> list[str]:
    try:
        read(stream_maps=stream_maps)
    except SettingsError as error:
        return error.faults
    return []


@pytest.mark.parametrize("value", [[], {}, 5, True, "x"])
@pytest.mark.parametrize("level", ["stream", "all"])
def test_what_else_cannot_be_is_told_in_a_line(value: Any, level: str) -> None:
    maps: dict[str, Any] = {"__else__": value}
    where = "__else__" if level == "all" else "utel_call_history.__else__"
    found = faults(maps if level == "all" else {"utel_call_history": maps})
    assert found == [f"stream_maps.{where} is not a value that it can have."]


@pytest.mark.parametrize("value", [None, "__NULL__"])
def test_what_else_can_be(value: str | None) -> None:
    assert faults({"__else__": value, "utel_call_history": {"__else__": value}}) == []


@given(json_values, st.sampled_from(OPTIONS))
def test_no_value_in_a_map_breaks_the_check(value: Any, option: str) -> None:
    for maps in (value, {option: value}, {"*": value}, {"utel_call_history": {option: value}}):
        for line in faults(maps):
            assert line.startswith("stream_maps")
            assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("no_such_stream", ""),
        ("utel_call_histroy", " Did you mean utel_call_history?"),
        ("kavenegr_*", ""),
        ("Utel_call_history", " Did you mean utel_call_history?"),
    ],
)
def test_a_map_of_a_stream_that_does_not_exist_is_refused(name: str, hint: str) -> None:
    expected = f"stream_maps.{name} is no stream: there are {ALL_STREAMS}.{hint}"
    assert faults({name: {"src": "md5(src)"}}) == [expected]
    assert faults({name: None}) == [expected]


def test_a_source_that_does_not_exist_is_refused() -> None:
    assert faults({"hashed": {"__source__": "utel_calls", "src": "md5(src)"}}) == [
        f"stream_maps.hashed.__source__ is no stream: there are {ALL_STREAMS}."
    ]


@pytest.mark.parametrize(
    "maps",
    [
        {"*": {"src": "md5(src)"}},
        {"utel_*": {"src": "md5(src)"}},
        {"*_call_[hl]*": None},
        {"utel_call_history": {"__alias__": "calls"}},
        {"hashed": {"__source__": "utel_call_history", "src": "md5(src)"}},
        {"hashed": {"__source__": "*_call_history"}},
        {"__else__": None},
    ],
)
def test_patterns_aliases_and_options_are_no_unknown_streams(maps: dict[str, Any]) -> None:
    assert faults(maps) == []


def test_an_option_that_does_not_exist_is_refused() -> None:
    assert faults({"__els__": None}) == ["stream_maps.__els__ is not an option; __else__ is one."]


@pytest.mark.parametrize("maps", [{"a\nb": {}}, {"utel_call_history": {"a\nb": 5}}])
def test_a_name_that_cannot_be_shown_is_not(maps: dict[str, Any]) -> None:
    assert faults(maps) == ["stream_maps has a name with control characters."]


def test_fake_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = {"utel_call_history": {"src": "fake.phone_number() if src else None"}}
    assert faults(maps) == []
    monkeypatch.setattr(sdk, "find_spec", lambda _: None)
    [line] = faults(maps)
    assert line.startswith("stream_maps.utel_call_history.src uses fake, which needs an extra: ")
    assert line.endswith("pip install 'tap-callhistory[faker]'.")
    assert faults({"utel_call_history": {"src": "'fake'"}}) == []


def test_fake_numbers_take_the_place_of_real_ones(run_tap: Command, served: Served) -> None:
    maps = {"utel_call_history": {"src": "fake.numerify('+000 ### ####')"}}
    run = run_tap(served.config("utel", stream_maps=maps, faker_config={"seed": 7}))
    assert run.code == 0, run.log
    sources = {record["src"] for record in run.records("utel_call_history")}
    assert len(sources) > 100
    assert all(source.startswith("+000 ") for source in sources)


def test_a_map_of_no_stream_ends_the_run_in_one_line(run_tap: Command, served: Served) -> None:
    run = run_tap(served.config("utel", stream_maps={"utel_calls": {"src": "md5(src)"}}))
    assert run.code == 1
    assert run.output == ""
    assert f"stream_maps.utel_calls is no stream: there are {ALL_STREAMS}." in run.errors
    assert "Traceback" not in run.log


# What a newer singer-sdk adds.


@pytest.fixture
def newer_sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def append(config_jsonschema: dict[str, Any]) -> None:
        config_jsonschema["properties"] |= {
            "brand_new": {"type": ["boolean", "null"]},
            "brand_new_list": {"type": ["array", "null"], "items": {"type": "string"}},
            "start_date": {"type": ["string", "null"]},
            "batch_config": {"type": ["object", "null"]},
        }

    monkeypatch.setattr(Tap, "append_builtin_config", append)
    builtin_settings.cache_clear()
    yield
    builtin_settings.cache_clear()


def configured(**more: Any) -> Mapping[str, Any]:
    return {"start_date": "2026-01-01T00:00:00Z", "kavenegar": {"api_token": "t"}, **more}


@pytest.mark.usefixtures("newer_sdk")
def test_settings_of_a_newer_sdk_are_taken_and_converted() -> None:
    given = configured(brand_new="false", brand_new_list=["a"])
    assert check(given, VENDORS) == []
    assert read_sdk_settings(given, STREAMS) == {"brand_new": False, "brand_new_list": ["a"]}
    with pytest.raises(SettingsError, match="brand_new must be true or false"):
        read_sdk_settings(configured(brand_new="perhaps"), STREAMS)


@pytest.mark.usefixtures("newer_sdk")
def test_batch_stays_refused() -> None:
    assert check(configured(batch_config={}), VENDORS) == ["batch_config is not a setting."]


def test_a_setting_of_the_sdk_is_looked_for_among_them_when_misspelt() -> None:
    [line] = check(configured(stream_map={}), VENDORS)
    assert line == "stream_map is not a setting; did you mean stream_maps?"


def test_texts_from_environment_variables_become_their_types() -> None:
    given = {
        "stream_maps": json.dumps({"utel_call_history": None}),
        "flattening_enabled": "false",
        "flattening_max_depth": "2",
    }
    assert read_sdk_settings(given, STREAMS) == {
        "stream_maps": {"utel_call_history": None},
        "flattening_enabled": False,
        "flattening_max_depth": 2,
    }
