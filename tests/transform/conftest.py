from __future__ import annotations

import pytest

from tests.support.postgres import new_database
from tests.support.warehouses import DuckDB, PostgreSQL, Warehouse


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A database of the module's own, with nothing in it."""
    folder = tmp_path_factory.mktemp(f"ledger_{request.param}")
    if request.param == "duckdb":
        return DuckDB(folder)
    server = request.getfixturevalue("postgres_uri")
    return PostgreSQL(new_database(server, folder.name), folder)
