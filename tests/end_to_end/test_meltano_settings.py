"""The settings in meltano.yml are the tap's own: none missing, none too many, none different."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.end_to_end.project import CHECKOUT, Project

KINDS: Final = {
    "string": None,
    "number": None,
    "integer": "integer",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
}
"""Meltano's kind of a JSON type. It fails on a decimal from the environment: numbers have none."""

PROGRAMS: Final = (
    ("extractors", "tap-callhistory", "--version"),
    ("loaders", "target-duckdb", "--help"),
    ("loaders", "target-postgres", "--version"),
    ("loaders", "target-snowflake", "--version"),
    ("loaders", "target-jsonl", "--help"),
    ("utilities", "duckdb", "-version"),
)


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    """The extractor of meltano.yml."""
    content = yaml.safe_load((CHECKOUT / "meltano.yml").read_text(encoding="utf-8"))
    extractor: dict[str, Any] = content["plugins"]["extractors"][0]
    return extractor


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """What the tap says of itself."""
    program = Path(sys.executable).with_name("tap-callhistory")
    about = subprocess.run(  # noqa: S603
        [program, "--about", "--format=json"], capture_output=True, text=True, check=True
    )
    description: dict[str, Any] = json.loads(about.stdout)
    return description


def spelled(name: str, schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A setting of the tap as meltano.yml spells it; those of a vendor's object are dotted."""
    if schema.get("additionalProperties") is False:
        own = schema["properties"].items()
        return {
            dotted: setting | {"value": None}  # a value would switch the vendor's stream on
            for part, inner in own
            for dotted, setting in spelled(f"{name}.{part}", inner).items()
        }
    kind = KINDS[schema["type"][0] if isinstance(schema["type"], list) else schema["type"]]
    kind = "date_iso8601" if schema.get("format") == "date-time" else kind
    return {
        name: {
            "kind": "options" if schema.get("enum") else kind,
            "options": schema.get("enum"),
            "sensitive": bool(schema.get("secret")),
            "value": schema.get("default"),
        }
    }


def test_meltano_yml_has_the_settings_of_the_tap(
    declared: dict[str, Any], described: dict[str, Any]
) -> None:
    expected: dict[str, dict[str, Any]] = {}
    for name, schema in described["settings"]["properties"].items():
        expected |= spelled(name, schema)
    found = {
        setting["name"]: {
            "kind": setting.get("kind"),
            "options": [option["value"] for option in setting.get("options", [])] or None,
            "sensitive": setting.get("sensitive", False),
            "value": setting.get("value"),
        }
        for setting in declared["settings"]
    }
    assert found == expected


def test_every_setting_has_a_label_and_a_description(declared: dict[str, Any]) -> None:
    bare = [
        each["name"] for each in declared["settings"] if not {"label", "description"} <= each.keys()
    ]
    assert bare == []


def test_meltano_yml_claims_only_capabilities_of_the_tap(
    declared: dict[str, Any], described: dict[str, Any]
) -> None:
    assert set(declared["capabilities"]) <= set(described["capabilities"])
    assert "batch" not in described["capabilities"]


def test_valid_groups_of_settings_name_settings_that_exist(declared: dict[str, Any]) -> None:
    names = {setting["name"] for setting in declared["settings"]}
    groups = declared["settings_group_validation"]
    assert [group for group in groups if not set(group) <= names] == []


def test_a_setting_from_the_environment_reaches_the_tap(project: Project) -> None:
    settings = {
        "TAP_CALLHISTORY_START_DATE": "2026-01-01T00:00:00Z",
        "TAP_CALLHISTORY_REQUESTS_PER_SECOND": "2.5",
        "TAP_CALLHISTORY_REVISIT_HOURS": "[24]",
        "TAP_CALLHISTORY_KAVENEGAR_API_TOKEN": "sandbox-token",
        "TAP_CALLHISTORY_ETELECOM_HOTLINE_IDS": '["1"]',
    }
    dumped = project.meltano(
        *("--log-level", "disabled"),
        *("invoke", "--dump", "config", "tap-callhistory"),
        settings=settings,
    )
    config = json.loads(dumped)
    assert config["requests_per_second"] == "2.5"
    assert config["revisit_hours"] == [24]
    assert config["kavenegar"] == {"api_token": "sandbox-token"}
    assert config["etelecom"] == {"hotline_ids": ["1"]}
    assert not {"twin", "cinnox", "utel"} & config.keys()


def test_the_name_of_snowflakes_database_reaches_the_loader_in_capitals(project: Project) -> None:
    printed = project.meltano(
        *("--log-level", "disabled", "config", "print", "target-snowflake", "--format", "json"),
        settings={"TARGET_SNOWFLAKE_DATABASE": "analytics"},
    )
    assert json.loads(printed)["database"] == "ANALYTICS"


def test_snowflakes_loader_is_offered_no_times_that_move_with_the_session() -> None:
    content = yaml.safe_load((CHECKOUT / "meltano.yml").read_text(encoding="utf-8"))
    (loader,) = (
        each for each in content["plugins"]["loaders"] if each["name"] == "target-snowflake"
    )
    (setting,) = (each for each in loader["settings"] if each["name"] == "timestamp_type")
    offered = {option["value"] for option in setting["options"]}
    assert offered == {"TIMESTAMP_NTZ", "TIMESTAMP_TZ"}


def test_every_plugin_installs_and_starts(project: Project) -> None:
    project.meltano("install")
    for kind, name, option in PROGRAMS:
        program = project.folder / ".meltano" / kind / name / "venv" / "bin" / name
        subprocess.run([program, option], check=True, capture_output=True)  # noqa: S603
