"""Every word that a vendor is known to use, numbers of every shape, tables that lack columns.

The tables are made by hand, of the columns that matter: a column that was not selected in the tap,
or that it did not have yet, is null in `calls`.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.support.warehouses import DuckDB

AT: Final = "timestamp '2026-07-01 12:00:00' as {0}"
LATER: Final = "timestamp '2026-07-01 12:01:00'"

TWIN: Final = {
    "ANSWERED": "answered",
    "NOANSWER": "missed",
    "BUSY": "busy",
    **dict.fromkeys(
        ["CANCEL", "BLACKLIST", "FZ230", "EMPTY_AON", "EXPIRED", "REJECTED"], "cancelled"
    ),
    **dict.fromkeys(["CONGESTION", "CHANUNAVAIL", "FAILED", "INVALID", "UNAVAILABLE"], "failed"),
    **dict.fromkeys(["DIAL", "INPROGRESS", "SCHEDULED"], "in_progress"),
    "NEW_WORD": "unknown",
}
KAVENEGAR: Final = {
    **dict.fromkeys(["missed", "no_one_connected"], "missed"),
    **dict.fromkeys(["busy", "rejected"], "busy"),
    "hangup": "cancelled",
    **dict.fromkeys(
        ["unreachable", "killed", "media_connection_broken", "messaging_connection_broken"],
        "failed",
    ),
    **dict.fromkeys(["call_received", "call_duration_exceeded", "unknown", "new_word"], "unknown"),
}
"""Of calls that nobody answered."""

CINNOX: Final = {
    **dict.fromkeys(["Call Ended", "Answered", "Abandoned"], "answered"),
    **dict.fromkeys(["Not Answered", "Missed"], "missed"),
    **dict.fromkeys(["Busy", "Declined"], "busy"),
    "Cancelled": "cancelled",
    **dict.fromkeys(["Unreachable", "Call Failed", "Failed"], "failed"),
    "New word": "unknown",
}
ETELECOM_DIRECTIONS: Final = {
    "in": "inbound",
    "out": "outbound",
    **dict.fromkeys(["ext", "ext_in", "ext_out"], "internal"),
    **dict.fromkeys(["unknown", "new_word"], "unknown"),
}
ETELECOM_STATES: Final = {
    "answered": "answered",
    "not_answered": "missed",
    "unknown": "unknown",
}
UTEL_STATUSES: Final = {"1": "answered", "2": "missed", "3": "unknown"}

NUMBERS: Final = {
    "kavenegar": {
        "09120822930": "+989120822930",
        "9120822930": "+989120822930",
        "989120822930": "+989120822930",
        "00989120822930": "+989120822930",
        "+98 912 082-2930": "+989120822930",
        "ali": None,
        "175": None,
        "": None,
    },
    "etelecom": {
        "0983815588": "+84983815588",
        "02438251234": "+842438251234",
        "84983815588": "+84983815588",
        "0084983815588": "+84983815588",
        "983815588": None,
        "19001234": None,
        "116": None,
    },
    "cinnox": {
        "+85221231234": "+85221231234",
        "21231234": "+85221231234",
        "85221231234": "+85221231234",
        "001442071234567": "+442071234567",
        "+15551234567": "+15551234567",
        "anonymous": None,
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": None,
    },
    "utel": {
        "999995998": "+998999995998",
        "781130590": "+998781130590",
        "998901234567": "+998901234567",
        "+998901234567": "+998901234567",
        "100": None,
    },
}


def table(stream: str, rows: list[str]) -> str:
    return f"create table words.{stream} as " + " union all ".join(
        f"select cast({number} as varchar) as id, {row}" for number, row in enumerate(rows)
    )


def at(column: str) -> str:
    return AT.format(column)


TABLES: Final = (
    table(
        "twin_call_sessions",
        [f"{at('created_at')}, '{word}' as status, '79031234567' as phone" for word in TWIN],
    ),
    table(
        "kavenegar_calls",
        [
            f"{at('created_at')}, {LATER} as finished_at, '{word}' as finish_reason"
            for word in KAVENEGAR
        ],
    ),
    table(
        "cinnox_call_details",
        [f"{at('call_date')}, {LATER} as call_end_time, '{word}' as status" for word in CINNOX],
    ),
    table(
        "etelecom_call_logs",
        [
            f"{at('created_at')}, {LATER} as ended_at, '{state}' as call_state, "
            f"'{direction}' as direction"
            for direction in ETELECOM_DIRECTIONS
            for state in ETELECOM_STATES
        ],
    ),
    table(
        "utel_call_history",
        [
            f"{at('date_time')}, '{{\"number\": {status}}}'::json as status, 5 as duration, "
            "0 as conversation"
            for status in UTEL_STATUSES
        ],
    ),
)
NUMBER_COLUMNS: Final = {
    "kavenegar": (
        "kavenegar_calls",
        "{at}, json_object('username', '{number}') as caller",
        "created_at",
    ),
    "etelecom": ("etelecom_call_logs", "{at}, '{number}' as caller", "created_at"),
    "cinnox": ("cinnox_call_details", "{at}, '{number}' as caller", "call_date"),
    "utel": ("utel_call_history", "{at}, '{number}' as src", "date_time"),
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDB:
    made = DuckDB(tmp_path_factory.mktemp("words"))
    made.execute("create schema words; create schema numbers")
    for statement in TABLES:
        made.execute(statement)
    for vendor, (stream, columns, time) in NUMBER_COLUMNS.items():
        rows = [columns.format(at=at(time), number=number) for number in NUMBERS[vendor]]
        made.execute(table(stream, rows).replace("words.", "numbers."))
    variables = {"callhistory_schemas": "words, numbers"}
    variables["callhistory_timezone"] = "Pacific/Auckland"
    finished = made.dbt.run("run", variables, "--select", "calls")
    assert finished.returncode == 0, finished.stdout[-8000:]
    return made


def statuses(warehouse: DuckDB, vendor: str) -> set[tuple[str, str]]:
    rows = warehouse.rows(f"""
        select distinct raw_status, status from analytics.calls
        where vendor = '{vendor}' and account = 'words'
    """)  # noqa: S608 - our own words
    return {(row["raw_status"], row["status"]) for row in rows}


@pytest.mark.parametrize(
    ("vendor", "words"),
    [("twin", TWIN), ("kavenegar", KAVENEGAR), ("cinnox", CINNOX), ("etelecom", ETELECOM_STATES)],
)
def test_every_known_status_has_its_common_word_and_an_unknown_one_is_unknown(
    vendor: str, words: dict[str, str], warehouse: DuckDB
) -> None:
    assert statuses(warehouse, vendor) == set(words.items())


def test_utels_numbered_statuses_have_their_common_words(warehouse: DuckDB) -> None:
    rows = warehouse.rows(
        "select status from analytics.calls where vendor = 'utel' and account = 'words' "
        "order by call_id"
    )
    assert [row["status"] for row in rows] == list(UTEL_STATUSES.values())


def test_etelecoms_directions_have_their_common_words(warehouse: DuckDB) -> None:
    rows = warehouse.rows(
        "select distinct raw_direction, direction from analytics.calls "
        "where vendor = 'etelecom' and account = 'words'"
    )
    assert {row["raw_direction"]: row["direction"] for row in rows} == ETELECOM_DIRECTIONS


@pytest.mark.parametrize("vendor", NUMBERS)
def test_numbers_are_in_e164_where_their_country_is_known(vendor: str, warehouse: DuckDB) -> None:
    rows = warehouse.rows(f"""
        select from_number_e164 from analytics.calls
        where vendor = '{vendor}' and account = 'numbers' order by cast(call_id as integer)
    """)  # noqa: S608 - our own words
    found = [row["from_number_e164"] for row in rows]
    assert dict(zip(NUMBERS[vendor], found, strict=True)) == NUMBERS[vendor]


def test_one_zone_can_be_set_for_all_days(warehouse: DuckDB) -> None:
    rows = warehouse.rows("select distinct timezone, call_day from analytics.calls")
    assert [(row["timezone"], str(row["call_day"])) for row in rows] == [
        ("Pacific/Auckland", "2026-07-02")
    ]


def test_a_column_that_is_not_loaded_is_null(warehouse: DuckDB) -> None:
    nulls = "count(recording_url) + count(agent_id) + count(to_number) + count(updated_at)"
    assert warehouse.rows(f"select {nulls} as known from analytics.calls") == [{"known": 0}]  # noqa: S608
