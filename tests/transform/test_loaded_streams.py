"""Models where streams are missing, and where a raw call is not in `calls`."""

from __future__ import annotations

from typing import Final

import pytest

from tests.support.warehouses import DuckDB

VARIABLES: Final = {"callhistory_schemas": ["account"]}
ONCE: Final = "every_raw_call_is_in_calls_once"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDB:
    """A database with TWIN's stream only, of two calls, and the models built."""
    made = DuckDB(tmp_path_factory.mktemp("one"))
    made.execute("create schema account")
    made.execute("""
        create table account.twin_call_sessions as
        select id, timestamp '2026-07-01 12:00:00' as created_at, 'ANSWERED' as status
        from (values ('first'), ('second')) as calls (id)
    """)
    made.dbt.build(**VARIABLES)
    return made


def test_models_need_no_vendor_that_is_not_loaded(warehouse: DuckDB) -> None:
    rows = warehouse.rows("select vendor, call_id from analytics.calls order by call_id")
    assert [(row["vendor"], row["call_id"]) for row in rows] == [
        ("twin", "first"),
        ("twin", "second"),
    ]


def test_calls_that_are_not_there_exactly_once_fail_the_tests(warehouse: DuckDB) -> None:
    warehouse.execute("insert into account.twin_call_sessions (id) values ('not in calls')")
    warehouse.execute("insert into analytics.calls select * from analytics.calls limit 1")
    warehouse.execute("""
        insert into analytics.calls (call_key) values ('twin/account/in no raw table')
    """)
    finished = warehouse.dbt.run("test", VARIABLES, "--select", ONCE)
    assert finished.returncode == 1
    assert f"FAIL 3 {ONCE}" in finished.stdout


def test_nothing_loaded_is_a_clear_error(warehouse: DuckDB) -> None:
    finished = warehouse.dbt.run("build", {"callhistory_schemas": ["elsewhere"]})
    assert finished.returncode == 1
    assert "No table of tap-callhistory is in elsewhere." in finished.stdout
