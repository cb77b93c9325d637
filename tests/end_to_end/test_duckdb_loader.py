"""The pinned target-duckdb and duckdb lose no row, whatever the types of a table's columns.

The loader writes batches to CSV files whose first line duckdb may take for a header, and drop.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.end_to_end.warehouses import DuckDB, differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.end_to_end.project import Project

BATCH: Final = 40
"""Rows per batch; each batch is a file of its own."""

TEXT: Final = {"type": ["string", "null"]}
ALL_TEXT: Final = {"id": {"type": ["string"]}, "first": TEXT, "second": TEXT}
MIXED: Final = {
    "id": {"type": ["string"]},
    "at": {"type": ["string", "null"], "format": "date-time"},
    "count": {"type": ["integer", "null"]},
    "done": {"type": ["boolean", "null"]},
    "party": {"type": ["object", "null"], "properties": {"name": TEXT}},
    "files": {"type": ["array", "null"], "items": TEXT},
    "first": TEXT,
}
AWKWARD: Final = (
    *("plain", "id", "12", "true", "null", "NULL", "\\N", "2026-01-01", "{}", "#", "-", "0"),
    *("comma,", 'quote"', "semicolon;", "bar|", "tab\t", "line\nbreak", "line\r\nbreak", "back\\"),
    *("سلام", "Việt Nam", "привет", "電話", "☎️", " spaced ", '{"a": "b"}', "long" * 2000),
)


def all_text(number: int) -> dict[str, Any]:
    return {
        "id": f"key {number}",
        "first": AWKWARD[number % len(AWKWARD)],
        "second": AWKWARD[number // 7 % len(AWKWARD)] if number % 3 else None,
    }


def mixed(number: int) -> dict[str, Any]:
    text = AWKWARD[number % len(AWKWARD)]
    return {
        "id": f"key {number}",
        "at": f"2026-03-{1 + number % 28:02d}T10:00:00.{number:06d}Z",
        "count": number if number % 5 else None,
        "done": (True, False, None)[number % 3],
        "party": {"name": text} if number % 4 else None,
        "files": [text, None] if number % 2 else [],
        "first": text,
    }


@dataclass(frozen=True, slots=True)
class Table:
    """A table to load: its columns, its rows at first, and the rows of the second run."""

    properties: dict[str, Any]
    first: list[dict[str, Any]]
    second: list[dict[str, Any]]

    @classmethod
    def of(cls, properties: dict[str, Any], make: Any, rows: int) -> Table:
        changed = [{**make(each + 1), "id": make(each)["id"]} for each in range(0, rows, 2)]
        new = [make(each) for each in range(rows, rows + rows // 5)]
        return cls(properties, [make(each) for each in range(rows)], changed + new)

    def expected(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in [*self.first, *self.second]}


TABLES: Final = {
    f"{name}_{rows}": Table.of(properties, make, rows)
    for name, properties, make in (("all_text", ALL_TEXT, all_text), ("mixed", MIXED, mixed))
    for rows in (1, BATCH, BATCH + 1, 25 * BATCH)
}


def messages(stream: str, table: Table, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    schema = {"type": "object", "properties": table.properties}
    yield {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": ["id"]}
    for row in rows:
        yield {"type": "RECORD", "stream": stream, "record": row}


@pytest.fixture(scope="module")
def loaded(project: Project, tmp_path_factory: pytest.TempPathFactory) -> DuckDB:
    """All tables, loaded in two runs and in small batches."""
    warehouse = DuckDB(tmp_path_factory.mktemp("duckdb") / "rows.duckdb")
    settings = {**warehouse.settings, "TARGET_DUCKDB_BATCH_SIZE_ROWS": str(BATCH)}
    for run in ("first", "second"):
        lines = [
            json.dumps(message)
            for stream, table in TABLES.items()
            for message in messages(stream, table, getattr(table, run))
        ]
        project.meltano(
            "invoke", "target-duckdb", settings=settings, standard_input="\n".join(lines)
        )
    return warehouse


@pytest.mark.parametrize("stream", TABLES)
def test_every_row_is_loaded_and_updated(stream: str, loaded: DuckDB) -> None:
    expected, found = TABLES[stream].expected(), loaded.rows(stream)
    assert differences(expected, found)[:9] == []
    assert len(found) == len(expected)
