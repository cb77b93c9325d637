"""What the same calls cost from the vendor into a database, by the processes of the pipeline.

PostgreSQL's own processes are not counted; DuckDB works inside its loader and is. Every load is
counted in the database: who loses a call has no place in the table.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import psycopg

from tests.benchmarks.processes import environment, pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.processes import Cost

    Load = Callable[[str], Cost]

SCHEMA = "callhistory"
TABLE = "kavenegar_calls"
#: Of the loaders' settings in meltano.yml, those that decide what a load costs.
POSTGRES_SETTINGS = {"use_copy": True, "validate_records": False}
DUCKDB_SETTINGS = {"batch_size_rows": 16_000, "flush_all_streams": True}


def through_target_postgres(tap: Sequence[str], database: str) -> Cost:
    """Run a tap into PostgreSQL with the loader's settings as shipped."""
    python = environment("target-postgres", "meltanolabs-target-postgres==0.8.1")
    url = database.replace("postgresql://", "postgresql+psycopg://", 1)
    config = {"sqlalchemy_url": url, "default_target_schema": SCHEMA, **POSTGRES_SETTINGS}
    return _through(tap, python.parent / "target-postgres", config)


def through_target_duckdb(tap: Sequence[str], database: str) -> Cost:
    """Run a tap into DuckDB with the loader's settings as shipped."""
    python = environment("target-duckdb", "target-duckdb==0.8.0", "duckdb==1.2.2")
    config = {"filepath": database, "default_target_schema": SCHEMA, **DUCKDB_SETTINGS}
    return _through(tap, python.parent / "target-duckdb", config)


def _through(tap: Sequence[str], loader: Path, config: dict[str, Any]) -> Cost:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        return pipe([tap, [str(loader), "--config", file.name]])


def loaded_into_postgres(load: Load, uri: str, calls: int) -> Cost:
    """Load into an empty schema, and count what is there.

    Raises:
        RuntimeError: Not all calls are there.
    """
    with closing(psycopg.connect(uri, autocommit=True)) as connection:
        for schema in (SCHEMA, f"{SCHEMA}_staging"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
        connection.execute(f"CREATE SCHEMA {SCHEMA}".encode())
        cost = load(uri)
        found = connection.execute(f"SELECT count(*) FROM {SCHEMA}.{TABLE}".encode()).fetchone()  # noqa: S608
    _require(found, calls)
    return cost


def loaded_into_duckdb(load: Load, calls: int) -> Cost:
    """Load into a new file, and count what is there.

    Raises:
        RuntimeError: Not all calls are there.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "calls.duckdb")
        cost = load(file)
        with closing(duckdb.connect(file, read_only=True)) as connection:
            found = connection.execute(f"SELECT count(*) FROM {SCHEMA}.{TABLE}").fetchone()  # noqa: S608
    _require(found, calls)
    return cost


def _require(found: Any, calls: int) -> None:
    if found != (calls,):
        raise RuntimeError(f"{found} calls are in the database, of {calls}")
