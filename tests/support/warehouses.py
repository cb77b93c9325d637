"""The databases in which the models are built, as the tests read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

import duckdb
import psycopg
from psycopg.conninfo import conninfo_to_dict
from typing_extensions import override

from .programs import Dbt, load, load_until_killed

if TYPE_CHECKING:
    from pathlib import Path

A_SMALL_BATCH = 200
"""Rows per batch where the loader is to be killed between batches."""


class Warehouse(ABC):
    """A database with its loader and its dbt."""

    loader: ClassVar[str]
    dbt: Dbt
    folder: Path

    def load(self, schema: str, messages: Path) -> None:
        """Loads Singer messages into a schema, with the real loader."""
        load(self.loader, self._settings(schema), messages, self.folder)

    def load_until_killed(
        self, schema: str, messages: Path, *, taken: int, seconds: float
    ) -> list[str]:
        """Starts to load them in small batches, kills the loader, and returns its states."""
        settings = self._settings(schema) | {"batch_size_rows": A_SMALL_BATCH}
        return load_until_killed(
            self.loader, settings, messages, self.folder, taken=taken, seconds=seconds
        )

    @abstractmethod
    def _settings(self, schema: str) -> dict[str, Any]:
        """The loader's settings, for a schema."""

    @abstractmethod
    def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query answers."""

    @abstractmethod
    def execute(self, statement: str) -> None:
        """Changes something by hand."""


class DuckDB(Warehouse):
    """A DuckDB file."""

    loader = "target-duckdb"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "calls.duckdb"
        self.dbt = Dbt("duckdb", folder, {"CALLHISTORY_DUCKDB_PATH": str(self.file)})

    @override
    def _settings(self, schema: str) -> dict[str, Any]:
        return {
            "filepath": str(self.file),
            "default_target_schema": schema,
            "add_metadata_columns": True,
            "flush_all_streams": True,
        }

    @override
    def rows(self, query: str) -> list[dict[str, Any]]:
        with closing(duckdb.connect(str(self.file), read_only=True)) as connection:
            answer = connection.execute(query)
            names = [column[0] for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    @override
    def execute(self, statement: str) -> None:
        with closing(duckdb.connect(str(self.file))) as connection:
            connection.execute(statement)


class PostgreSQL(Warehouse):
    """A PostgreSQL server."""

    loader = "target-postgres"

    def __init__(self, uri: str, folder: Path) -> None:
        self.uri = uri
        self.folder = folder
        reached = conninfo_to_dict(uri)
        self.dbt = Dbt(
            "postgres",
            folder,
            {
                "CALLHISTORY_POSTGRES_HOST": str(reached["host"]),
                "CALLHISTORY_POSTGRES_USER": str(reached["user"]),
                "CALLHISTORY_POSTGRES_DATABASE": str(reached["dbname"]),
            },
        )

    @override
    def _settings(self, schema: str) -> dict[str, Any]:
        return {
            "sqlalchemy_url": self.uri.replace("postgresql://", "postgresql+psycopg://", 1),
            "default_target_schema": schema,
        }

    @override
    def rows(self, query: str) -> list[dict[str, Any]]:
        with (
            closing(psycopg.connect(self.uri)) as connection,
            connection.cursor(row_factory=psycopg.rows.dict_row) as cursor,
        ):
            return cursor.execute(query.encode()).fetchall()

    @override
    def execute(self, statement: str) -> None:
        with closing(psycopg.connect(self.uri, autocommit=True)) as connection:
            connection.execute(statement.encode())
