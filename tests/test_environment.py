from __future__ import annotations

from tap_callhistory.environment import over, settings_from

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
