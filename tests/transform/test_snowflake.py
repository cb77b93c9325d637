"""Snowflake, as far as it can be had without an account: fakesnow runs its SQL on DuckDB.

The real loader makes the tables of all schemas; it cannot fill them there (fakesnow has no stages
to copy from), so rows go in by plain inserts. On these dbt-snowflake builds and tests all models.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import tap_callhistory
from tap_callhistory.output.ledger import NAME as LEDGER

from .ledger_texts import TEMPLATE, TO_WRITE, one_text, same_as_the_page
from .loaded import ACCOUNTS
from .programs import PROJECT, run
from .test_calls import differences, told

if TYPE_CHECKING:
    from .loaded import Account

REHEARSAL: Final = Path(__file__).with_name("snowflake_rehearsal.py")
REQUIREMENTS: Final = (
    "fakesnow==0.12.1",
    "dbt-core==1.11.16",
    "dbt-snowflake==1.12.3",
    "meltanolabs-target-snowflake==0.20.4",
)
LONGEST_NAME: Final = 255
UNUSABLE_NAMES: Final = frozenset({
    *("ACCOUNT_USAGE", "ALL", "ALTER", "AND", "ANY", "AS", "BETWEEN", "BY", "CASE", "CAST"),
    *("CHECK", "COLUMN", "CONNECT", "CONSTRAINT", "CREATE", "CROSS", "CURRENT", "CURRENT_DATE"),
    *("CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "DELETE", "DISTINCT", "DROP", "ELSE"),
    *("EXISTS", "FALSE", "FOLLOWING", "FOR", "FROM", "FULL", "GRANT", "GROUP", "HAVING", "ILIKE"),
    *("IN", "INCREMENT", "INNER", "INSERT", "INTERSECT", "INTO", "IS", "JOIN", "LATERAL", "LEFT"),
    *("LIKE", "LOCALTIME", "LOCALTIMESTAMP", "MINUS", "NATURAL", "NOT", "NULL", "OF", "ON", "OR"),
    *("ORDER", "QUALIFY", "REGEXP", "REVOKE", "RIGHT", "RLIKE", "ROW", "ROWS", "SAMPLE", "SELECT"),
    *("SET", "SOME", "START", "TABLE", "TABLESAMPLE", "THEN", "TO", "TRIGGER", "TRUE", "TRY_CAST"),
    *("UNION", "UNIQUE", "UPDATE", "USING", "VALUES", "VIEW", "WHEN", "WHENEVER", "WHERE", "WITH"),
})
"""Words that Snowflake refuses as names of columns without quotes."""

STREAMS: Final = sorted(
    file.stem for file in (Path(tap_callhistory.__file__).parent / "schemas").glob("*.json")
)


@pytest.fixture(scope="module")
def rehearsed(
    accounts: dict[str, Account], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the rehearsal found: the types of the loaded tables' columns, and the rows of calls."""
    folder = tmp_path_factory.mktemp("snowflake")
    asked, answered = folder / "asked.json", folder / "answered.json"
    messages = {schema: str(account.messages) for schema, account in accounts.items()}
    asked.write_text(json.dumps({"accounts": messages, "project": str(PROJECT)}), "utf-8")
    finished = run(
        "python",
        REQUIREMENTS,
        [str(REHEARSAL), str(asked), str(answered)],
        {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")},
    )
    assert finished.returncode == 0, finished.stdout[-8000:]
    found: dict[str, Any] = json.loads(answered.read_text("utf-8"))
    return found


@pytest.mark.parametrize("stream", STREAMS)
def test_the_loaders_table_has_every_property_in_the_type_that_fits(
    stream: str, rehearsed: dict[str, Any]
) -> None:
    schema_file = Path(tap_callhistory.__file__).parent / "schemas" / f"{stream}.json"
    properties = json.loads(schema_file.read_text("utf-8"))["properties"]
    columns = rehearsed["columns"][stream]
    expected = {name.upper(): fitting_type(schema) for name, schema in properties.items()}
    found = {name: kind for name, kind in columns.items() if not name.startswith("_SDC_")}
    assert found == expected
    assert not UNUSABLE_NAMES & columns.keys()
    assert max(map(len, columns)) <= LONGEST_NAME


def fitting_type(schema: dict[str, Any]) -> str:
    """Snowflake's type for a property."""
    if schema.get("format") == "date-time":
        return "TIMESTAMP_NTZ"
    (kind,) = set(schema["type"]) - {"null"}
    return {
        "string": "TEXT",
        "integer": "NUMBER",
        "number": "FLOAT",
        "boolean": "BOOLEAN",
        "object": "VARIANT",
        "array": "VARIANT",
    }[kind]


def test_calls_are_as_they_truly_were(
    rehearsed: dict[str, Any], calls_truth: dict[str, dict[str, Any]]
) -> None:
    calls = {row["CALL_KEY"]: lowered(row) for row in rehearsed["calls"]}
    assert len(calls) == len(rehearsed["calls"]) > 1_000
    assert {call["account"] for call in calls.values()} == set(ACCOUNTS)
    compared = [
        f"{key}: {difference}"
        for key, call in calls.items()
        for difference in differences(told(calls_truth[key]), call)
    ]
    assert compared[:9] == []


def lowered(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the other databases give it."""
    return {
        name.lower(): datetime.fromisoformat(value) if name.endswith("_AT") and value else value
        for name, value in row.items()
    }


def test_the_ledgers_text_in_the_docs_is_the_models_and_answers(
    rehearsed: dict[str, Any], tmp_path: Path
) -> None:
    covered = {row["STREAM"]: row for row in rehearsed["covered"]}
    assert covered.keys() >= set(STREAMS) - {LEDGER}
    schema = next(iter(ACCOUNTS))
    file = tmp_path / "ledger.sql"
    tables = re.compile(rf'"REHEARSAL"\."{schema.upper()}"\."(\w+)"')
    text = tables.sub(lambda found: f"{TEMPLATE}.{found[1].lower()}", rehearsed["ledger"])
    file.write_text(text.replace(schema, TEMPLATE), encoding="utf-8")
    assert same_as_the_page("snowflake", one_text(file)), TO_WRITE
