"""The database in which dbt built the models."""

from __future__ import annotations

import re
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[[str], list[dict[str, Any]]]

DUCKDB_PREFIX = "duckdb:///"
POSTGRES_PREFIXES = ("postgresql://", "postgres://")
SCHEMA_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class WarehouseError(Exception):
    """One line for the user: the database cannot be read."""


@contextmanager
def opened(url: str, schema: str) -> Iterator[Ask]:
    """Open a database to read from.

    Args:
        url: `duckdb:///` and a file, or PostgreSQL's `postgresql://user:password@host/database`.
        schema: Where the models are: plain table names in queries mean tables of this schema.

    Yields:
        A function from a query to its rows.

    Raises:
        WarehouseError: There is no such database, or one of another kind.
    """
    if not SCHEMA_PATTERN.fullmatch(schema):
        raise WarehouseError(f"{schema!r} is not a schema's name.")
    if url.startswith(DUCKDB_PREFIX):
        with _duckdb(Path(url.removeprefix(DUCKDB_PREFIX)), schema) as ask:
            yield ask
    elif url.startswith(POSTGRES_PREFIXES):
        with _postgres(url, schema) as ask:
            yield ask
    else:
        raise WarehouseError("The database must begin with duckdb:/// or postgresql://.")


def columns(ask: Ask, table: str) -> frozenset[str]:
    """Return the names of a model's columns: none where the model is not in the schema.

    Args:
        ask: Asks the warehouse.
        table: The model's name, one of our own.
    """
    rows = ask(f"""
        select lower(column_name) as name
        from information_schema.columns
        where table_schema = current_schema() and lower(table_name) = '{table}'
    """)  # noqa: S608 - our own words
    return frozenset(row["name"] for row in rows)


@contextmanager
def _duckdb(file: Path, schema: str) -> Iterator[Ask]:
    if not file.is_file():
        raise WarehouseError(f"There is no file {file}: load calls and run dbt first.")
    with closing(duckdb.connect(str(file), read_only=True)) as connection:

        def ask(query: str) -> list[dict[str, Any]]:
            try:
                answer = connection.execute(query)
            except duckdb.CatalogException as missing:
                raise _without_models(schema) from missing
            names = [column[0] for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

        if not ask(f"SELECT 1 FROM information_schema.schemata WHERE schema_name = '{schema}'"):  # noqa: S608 - a checked name
            raise _without_models(schema)
        connection.execute(f"SET schema = '{schema}'")
        yield ask


@contextmanager
def _postgres(url: str, schema: str) -> Iterator[Ask]:
    try:
        import psycopg  # noqa: PLC0415 - the extra `postgres`
    except ModuleNotFoundError:
        raise WarehouseError("PostgreSQL needs callhistory-report[postgres].") from None
    try:
        connection = psycopg.connect(url, options=f"-c search_path={schema}")
    except psycopg.OperationalError:
        raise WarehouseError("PostgreSQL cannot be reached with this address.") from None
    with connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:

        def ask(query: str) -> list[dict[str, Any]]:
            try:
                return cursor.execute(query.encode()).fetchall()
            except psycopg.errors.UndefinedTable as missing:
                raise _without_models(schema) from missing

        yield ask


def _without_models(schema: str) -> WarehouseError:
    return WarehouseError(
        f"The models of dbt are not in the schema {schema}: run dbt build first, or name another "
        "with --schema."
    )
