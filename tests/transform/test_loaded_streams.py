"""Models where streams are missing, and where `calls` is wrong: dbt's tests find it."""

from __future__ import annotations

from typing import Final

import pytest

from tests.support.warehouses import DuckDB

VARIABLES: Final = {"callhistory_schemas": ["account"]}
ONCE: Final = "every_raw_call_is_in_calls_once"
FORWARD: Final = "times_run_forward"
COUNTED: Final = "every_call_counts_once"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDB:
    """A database with two vendors' streams only, and the models built.

    eTelecom's are the two records of an internal call and one of an inbound call, all of them made
    after their calls.
    """
    made = DuckDB(tmp_path_factory.mktemp("one"))
    made.execute("create schema account")
    made.execute("""
        create table account.twin_call_sessions as
        select id, timestamp '2026-07-01 12:00:00' as created_at, 'ANSWERED' as status
        from (values ('first'), ('second')) as calls (id)
    """)
    made.execute("""
        create table account.etelecom_call_logs as
        select
            id, direction, external_id, 'answered' as call_state, 200 as duration,
            timestamp '2026-07-01 12:00:00' as started_at,
            timestamp '2026-07-01 12:04:00' as ended_at,
            timestamp '2026-07-01 12:07:00' as created_at
        from (
            values ('1', 'ext_out', 'one'), ('2', 'ext_in', 'one'), ('3', 'in', 'other')
        ) as logs (id, direction, external_id)
    """)
    made.dbt.build(**VARIABLES)
    return made


def test_models_need_no_vendor_that_is_not_loaded(warehouse: DuckDB) -> None:
    rows = warehouse.rows("select vendor, call_id from analytics.calls order by call_id")
    assert [(row["vendor"], row["call_id"]) for row in rows] == [
        *(("etelecom", "1"), ("etelecom", "2"), ("etelecom", "3")),
        *(("twin", "first"), ("twin", "second")),
    ]


def test_a_record_made_after_its_call_is_dated_by_the_call_and_two_of_one_call_count_once(
    warehouse: DuckDB,
) -> None:
    rows = warehouse.rows("""
        select
            conversation_id, counts_as_call, created_at = timestamp '2026-07-01 12:00:00' as dated
        from analytics.calls where vendor = 'etelecom' order by call_id
    """)
    assert [tuple(row.values()) for row in rows] == [
        *(("one", True, True), ("one", False, True), ("other", True, True)),
    ]


def test_calls_dated_by_their_records_and_counted_twice_fail_the_tests(warehouse: DuckDB) -> None:
    warehouse.execute("""
        update analytics.calls
        set created_at = timestamp '2026-07-01 12:07:00', counts_as_call = true
        where vendor = 'etelecom'
    """)
    finished = warehouse.dbt.run("test", VARIABLES, "--select", FORWARD, COUNTED)
    assert finished.returncode == 1
    assert f"FAIL 3 {FORWARD}" in finished.stdout
    assert f"FAIL 1 {COUNTED}" in finished.stdout


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
