"""Settings that narrow a load: the vendor gives what they name, and the ledger's scope says it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tap_callhistory.output.ledger import scope_of
from tap_callhistory.sandbox.vendors.registry import make_calls
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.settings.checking import check
from tap_callhistory.vendors import VENDORS
from tests.support.in_process import NOON, Clock, made_world, run_tap, truth

FILTERS: tuple[tuple[str, str, Any], ...] = (
    ("etelecom", "extension_ids", "extension_id"),
    ("etelecom", "user_id", "user_id"),
    ("twin", "task_id", "task_id"),
    ("cinnox", "call_type", "call_type"),
    ("utel", "external_number", "external_number"),
    ("utel", "type", ("type", "number")),
)
"""Vendor, setting, and the field that it is about."""


pytestmark = pytest.mark.usefixtures("no_logs")


def value_of(row: dict[str, Any], field: str | tuple[str, str]) -> Any:
    return row[field[0]][field[1]] if isinstance(field, tuple) else row[field]


@pytest.mark.parametrize(("vendor", "setting", "field"), FILTERS)
def test_only_the_calls_that_a_setting_names_are_read_and_all_of_them(
    vendor: str, setting: str, field: str | tuple[str, str]
) -> None:
    calls = make_calls(vendor, 1, 300, NOON - timedelta(hours=12), days=20)
    world = made_world(vendor, calls, Clock(NOON), Behaviour())
    true = truth(world)
    wanted = next(value_of(row, field) for row in true.values() if value_of(row, field))
    expected = {key: row for key, row in true.items() if value_of(row, field) == wanted}
    given = [wanted] if setting.endswith("ids") else wanted
    run = run_tap(world, began=NOON, vendor={setting: given})
    assert run.failure is None
    assert run.table() == expected
    assert 0 < len(expected) < len(true)


def test_etelecoms_departments_part_its_calls() -> None:
    calls = make_calls("etelecom", 1, 300, NOON - timedelta(hours=12), days=20)
    world = made_world("etelecom", calls, Clock(NOON), Behaviour())
    parts = [
        run_tap(world, began=NOON, vendor={"department_id": str(1_200_000_000_000_000_000 + part)})
        for part in range(3)
    ]
    assert all(part.records() for part in parts)
    assert sum(len(part.table()) for part in parts) == len(truth(world))


def endpoint(vendor: str, **given: Any) -> Any:
    made = next(each for each in VENDORS if each.vendor == vendor)
    usual = {"page_size": 10, "timezone": "UTC", "api_url": "http://127.0.0.1"}
    return made({**usual, **given})


@pytest.mark.parametrize("made", VENDORS, ids=lambda made: made.vendor)
def test_every_setting_that_chooses_calls_is_one_and_says_so(made: Any) -> None:
    described = made.settings["properties"]
    choosing = {name for name, each in described.items() if "only" in each["description"]}
    assert set(made.chosen_by) == choosing


def test_a_scope_tells_filters_apart_and_not_the_order_of_a_list() -> None:
    def scope(vendor: str, **given: Any) -> str:
        return scope_of(endpoint(vendor, **given).filters, None, None)

    plain = scope("etelecom")
    assert scope("etelecom", hotline_ids=[]) == plain
    one, other = (scope("etelecom", hotline_ids=ids) for ids in (["1", "2"], ["2", "1", "2"]))
    assert one == other != plain
    apart = {plain, one, scope("etelecom", extension_ids=["1", "2"]), scope("utel", type=1)}
    assert len(apart) == 4


@pytest.mark.parametrize(
    ("vendor", "setting", "value", "fault"),
    [
        ("cinnox", "call_type", "conference", "must be onnet or offnet or smartcall"),
        ("utel", "type", 0, "must be at least 1"),
        ("utel", "type", "incoming", "must be a whole number"),
        ("utel", "external_number", "78 113", "contains characters that it cannot have"),
        ("etelecom", "user_id", ["1"], "must be a text"),
        ("twin", "task_id", {"id": 1}, "must be a text"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_a_fault(
    vendor: str, setting: str, value: Any, fault: str
) -> None:
    made = next(each for each in VENDORS if each.vendor == vendor)
    access = {
        "cinnox": {"api_url": "https://a.invalid", "app_id": "a", "app_token": "t"},
        "utel": {"api_url": "https://a.invalid", "token": "t"},
        "etelecom": {"api_key": "k"},
        "twin": {"token": "t"},
    }[vendor]
    config = {"start_date": "2026-01-01T00:00:00Z", vendor: {**access, setting: value}}
    assert check(config, VENDORS) == [f"{vendor}.{setting} {fault}."]
    assert made.settings["properties"][setting]["title"]
