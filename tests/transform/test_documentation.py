"""Each column of each model is described, and nothing is described that does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.support.programs import PROJECT

if TYPE_CHECKING:
    from tests.support.warehouses import Warehouse

VENDORS: Final = ("kavenegar", "etelecom", "twin", "cinnox", "utel")


def described_models() -> dict[str, dict[str, Any]]:
    files = sorted((PROJECT / "models").glob("*.yml"))
    return {
        model["name"]: model
        for file in files
        for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", [])
    }


def test_every_model_and_column_is_described_and_no_other(warehouse: Warehouse) -> None:
    described = {
        name: [column["name"] for column in model["columns"]]
        for name, model in described_models().items()
    }
    found: dict[str, list[str]] = {}
    for row in warehouse.rows("""
        select table_name, column_name from information_schema.columns
        where table_schema = 'analytics' order by table_name, ordinal_position
    """):
        found.setdefault(row["table_name"], []).append(row["column_name"])
    assert found == dict(sorted(described.items()))


@pytest.mark.parametrize("name", described_models())
def test_no_description_is_empty(name: str) -> None:
    model = described_models()[name]
    assert model["description"].strip()
    assert [
        column["name"] for column in model["columns"] if not column["description"].strip()
    ] == []


def test_times_and_lengths_say_their_unit() -> None:
    columns = described_models()["calls"]["columns"]
    units = {"_at": "UTC", "_seconds": "in seconds"}
    silent = [
        column["name"]
        for column in columns
        for ending, unit in units.items()
        if column["name"].endswith(ending) and unit not in column["description"]
        if column["name"] != "updated_at" or "UTC" not in column["description"]
    ]
    assert silent == []


def test_nothing_but_the_models_is_left_in_the_database(warehouse: Warehouse) -> None:
    views = warehouse.rows("""
        select table_name from information_schema.tables
        where table_schema in ('analytics', 'first_tenant') and table_type = 'VIEW'
    """)
    assert views == []
