from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_callhistory.errors import SettingsError
from tap_callhistory.settings.environment import (
    check_log_level,
    misspelt,
    over,
    settings_from,
    unread,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command import Command

SCHEMA = {
    "properties": {
        "start_date": {"type": "string"},
        "sandbox": {"type": "boolean"},
        "utel": {
            "type": "object",
            "properties": {"token": {"type": "string"}, "page_size": {"type": "integer"}},
        },
    }
}


def test_nested_settings_have_the_names_of_their_object_before_theirs() -> None:
    environment = {"TAP_START_DATE": "2026", "TAP_UTEL_TOKEN": "t", "TAP_UTEL_PAGE_SIZE": "5"}
    assert settings_from(environment, SCHEMA, "TAP_") == {
        "start_date": "2026",
        "utel": {"token": "t", "page_size": "5"},
    }


def test_an_object_may_be_given_whole() -> None:
    environment = {"TAP_UTEL": '{"token": "t"}'}
    assert settings_from(environment, SCHEMA, "TAP_") == {"utel": '{"token": "t"}'}


def test_a_part_of_an_object_is_laid_over_the_whole() -> None:
    environment = {"TAP_UTEL": '{"token": "t", "page_size": 5}', "TAP_UTEL_TOKEN": "u"}
    assert settings_from(environment, SCHEMA, "TAP_") == {"utel": {"token": "u", "page_size": 5}}
    environment["TAP_UTEL"] = "nonsense"
    assert settings_from(environment, SCHEMA, "TAP_") == {"utel": "nonsense"}


def test_a_misspelt_variable_is_not_taken_for_none() -> None:
    good = ("TAP_START_DATE", "TAP_UTEL", "TAP_UTEL_TOKEN", "TAP_LOGLEVEL", "TAP__SELECT", "TAPE")
    given = dict.fromkeys((*good, "TAP_UTEL_TOKN", "TAP_ZZZ"), "x")
    assert list(misspelt(given, SCHEMA, "TAP_")) == [
        "TAP_UTEL_TOKN is not a setting; did you mean TAP_UTEL_TOKEN?",
        "TAP_ZZZ is not a setting.",
    ]


def test_a_log_level_that_does_not_exist_is_an_error_without_its_value() -> None:
    check_log_level({"LOGLEVEL": "debug", "TAP_LOGLEVEL": ""}, "TAP_")
    with pytest.raises(SettingsError, match="TAP_LOGLEVEL must be DEBUG") as raised:
        check_log_level({"TAP_LOGLEVEL": "chatty"}, "TAP_")
    assert "chatty" not in str(raised.value)


def test_what_is_empty_or_of_another_tap_is_not_given() -> None:
    environment = {"TAP_UTEL_TOKEN": "", "TAP_SANDBOX": "", "OTHER_START_DATE": "2026"}
    assert settings_from(environment, SCHEMA, "TAP_") == {}


def test_settings_laid_over_others_leave_what_they_do_not_name() -> None:
    config = {"a": 1, "utel": {"token": "old", "page_size": 5}}
    assert over(config, {"b": 2, "utel": {"token": "new"}}) == {
        "a": 1,
        "b": 2,
        "utel": {"token": "new", "page_size": 5},
    }
    assert config["utel"] == {"token": "old", "page_size": 5}


def test_an_object_laid_over_something_else_takes_its_place() -> None:
    assert over({"utel": "text"}, {"utel": {"token": "t"}}) == {"utel": {"token": "t"}}
    assert over({"utel": {"token": "t"}}, {"utel": "text"}) == {"utel": "text"}


def test_settings_that_nobody_asked_to_read_are_pointed_at(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert list(unread({"OTHER": "x", "TAP_LOGLEVEL": "x"}, None, SCHEMA, "TAP_")) == []
    assert list(unread({"TAP_UTEL_TOKEN": "s3cret"}, None, SCHEMA, "TAP_")) == [
        "The environment holds settings, which count only with --config ENV."
    ]
    file.write_text("OTHER=x\nTAP_UTEL_TOKEN=s3cret\n", encoding="utf-8")
    assert list(unread({"TAP_START_DATE": "2026"}, str(file), SCHEMA, "TAP_")) == [
        "The file .env holds settings, which count only with --config ENV."
    ]
    file.write_bytes(b"TAP_UTEL_TOKEN=\xff\n")
    assert list(unread({}, str(file), SCHEMA, "TAP_")) == []


def test_a_run_without_config_points_at_the_settings_in_the_env_file(run_tap: Command) -> None:
    (run_tap.folder / ".env").write_text("TAP_CALLHISTORY_START_DATE=2026-01-01T00:00:00Z\n")
    run = run_tap()
    assert run.code == 1
    assert "The file .env holds settings, which count only with --config ENV." in run.errors
    assert "start_date is missing." in run.errors
    asked = run_tap(None, "--config", "ENV")
    assert not any("count only" in line or "start_date" in line for line in asked.errors)
