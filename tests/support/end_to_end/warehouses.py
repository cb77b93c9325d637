"""The databases that calls are loaded into, and their tables in the form that the tap declares."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

import duckdb
import psycopg
from typing_extensions import override

if TYPE_CHECKING:
    from pathlib import Path

Rows: TypeAlias = dict[Any, dict[str, Any]]
SCHEMA: Final = "callhistory"
LOADED_AT: Final = "_sdc_batched_at"
METADATA_PREFIX: Final = "_sdc_"


class Warehouse(ABC):
    """A database with a loader.

    Attributes:
        loader: Name of the loader.
        settings: Environment variables that lead the loader to the database.
        empty_text_is_null: Whether the loader stores an empty text as null.
    """

    loader: ClassVar[str]
    empty_text_is_null: ClassVar[bool]
    settings: dict[str, str]

    @abstractmethod
    def table(self, stream: str) -> list[dict[str, Any]]:
        """All rows of a stream's table, structures parsed."""

    def rows(self, stream: str) -> Rows:
        """A stream's rows by their keys, as the tap declares them; a key twice is an error."""
        table = self.table(stream)
        rows = {row["id"]: _declared(row) for row in table}
        assert len(rows) == len(table), f"{stream} has a key twice"
        return rows

    def times_of_loading(self, stream: str) -> dict[Any, datetime]:
        """When each row was loaded last, by the rows' keys."""
        return {row["id"]: row[LOADED_AT] for row in self.table(stream)}

    def expected(self, truth: list[dict[str, Any]]) -> Rows:
        """True rows by their keys, as this loader stores them."""
        return {row["id"]: self._stored(row) for row in truth}

    def _stored(self, row: dict[str, Any]) -> dict[str, Any]:
        if not self.empty_text_is_null:
            return row
        return {name: None if value == "" else value for name, value in row.items()}


class DuckDB(Warehouse):
    """A DuckDB file."""

    loader = "target-duckdb"
    empty_text_is_null = True

    def __init__(self, file: Path) -> None:
        self.file = file
        self.settings = {"TARGET_DUCKDB_FILEPATH": str(file)}

    @override
    def table(self, stream: str) -> list[dict[str, Any]]:
        with closing(duckdb.connect(str(self.file), read_only=True)) as connection:
            found = connection.sql(f'SELECT * FROM "{SCHEMA}"."{stream}"')  # noqa: S608
            structures = {
                name
                for name, kind in zip(found.columns, found.types, strict=True)
                if str(kind) == "JSON"
            }
            rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        return [
            {
                name: json.loads(value) if name in structures and value is not None else value
                for name, value in row.items()
            }
            for row in rows
        ]


class PostgreSQL(Warehouse):
    """A PostgreSQL server."""

    loader = "target-postgres"
    empty_text_is_null = False

    def __init__(self, uri: str, schema: str = SCHEMA) -> None:
        self.uri = uri
        self.schema = schema
        driven = uri.replace("postgresql://", "postgresql+psycopg://", 1)
        self.settings = {"TARGET_POSTGRES_SQLALCHEMY_URL": driven}

    @override
    def table(self, stream: str) -> list[dict[str, Any]]:
        with (
            closing(psycopg.connect(self.uri)) as connection,
            connection.cursor(row_factory=psycopg.rows.dict_row) as cursor,
        ):
            query = psycopg.sql.SQL("SELECT * FROM {}").format(
                psycopg.sql.Identifier(self.schema, stream)
            )
            return cursor.execute(query).fetchall()


def _declared(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value
        for name, value in row.items()
        if not name.startswith(METADATA_PREFIX)
    }


def differences(expected: Rows, found: Rows) -> list[str]:
    """What of the expected rows is missing or different in the found ones, field by field."""
    lines = [f"{key}: missing" for key in expected.keys() - found.keys()]
    for key in expected.keys() & found.keys():
        row, other = expected[key], found[key]
        lines += [
            f"{key}.{name}: expected {row.get(name)!r}, found {other.get(name)!r}"
            for name in sorted(row.keys() | other.keys())
            if (name in row) != (name in other) or row.get(name) != other.get(name)
        ]
    return lines
