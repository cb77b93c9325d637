"""Loads and models calls on fakesnow; runs in an environment of its own, see test_snowflake.py.

Usage: snowflake_rehearsal.py ASKED ANSWERED, two JSON files. Asked are accounts (schema to a file
of Singer messages) and the dbt project's folder; answered are columns and rows.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fakesnow  # type: ignore[import-not-found]
import snowflake.connector  # type: ignore[import-not-found]
from dbt.cli.main import dbtRunner  # type: ignore[import-not-found]
from target_snowflake.target import TargetSnowflake  # type: ignore[import-not-found]

ROWS_PER_STREAM = 300
CREDENTIALS = {"account": "rehearsal", "user": "nobody", "password": "none"}
DATABASE = "REHEARSAL"


def main(asked_file: str, answered_file: str) -> None:
    """Load, build, and write down what came of it."""
    asked = json.loads(Path(asked_file).read_text("utf-8"))
    with fakesnow.patch():
        connection = snowflake.connector.connect(**CREDENTIALS, database=DATABASE, schema="PUBLIC")
        cursor = connection.cursor()
        columns: dict[str, dict[str, str]] = {}
        kept_from = ""
        for schema, file in asked["accounts"].items():
            made, since = load(cursor, schema, Path(file))
            columns |= made
            kept_from = max(kept_from, since)
        build(asked["project"], list(asked["accounts"]), kept_from)
        ledger = compiled_ledger(next(iter(asked["accounts"])))
        cursor = connection.cursor(snowflake.connector.DictCursor)
        calls = cursor.execute("select * from analytics.calls").fetchall()
        covered = cursor.execute(ledger).fetchall()
    answered = {"columns": columns, "calls": calls, "ledger": ledger, "covered": covered}
    Path(answered_file).write_text(json.dumps(answered, default=written), "utf-8")


def load(cursor: Any, schema: str, messages: Path) -> tuple[dict[str, dict[str, str]], str]:
    """Let the loader make the tables of an account, and insert the newest rows of each stream.

    Returns:
        The types of each table's columns, and since when all calls are there.
    """
    rows: dict[str, dict[Any, dict[str, Any]]] = defaultdict(dict)
    known_by: dict[str, dict[str, Any]] = {}
    schemas = messages.with_suffix(".schemas.jsonl")
    with messages.open(encoding="utf-8") as lines, schemas.open("w", encoding="utf-8") as kept:
        for line in lines:
            message = json.loads(line)
            if message["type"] == "SCHEMA":
                known_by[message["stream"]] = message
                kept.write(line)
            elif message["type"] == "RECORD":
                stream, row = message["stream"], message["record"]
                key = tuple(row[name] for name in known_by[stream]["key_properties"])
                rows[stream][key] = row
    config = {
        **CREDENTIALS,
        "database": DATABASE,
        "warehouse": "none",
        "default_target_schema": schema,
    }
    with schemas.open(encoding="utf-8") as lines:
        TargetSnowflake(config=config).listen(lines)
    types = {stream: types_of(cursor, schema, stream) for stream in rows}
    since = ""
    for stream, by_key in rows.items():
        newest = list(by_key.values())[-ROWS_PER_STREAM:]
        insert(cursor, f"{DATABASE}.{schema}.{stream}", types[stream], newest)
        if len(newest) < len(by_key):
            (moment,) = known_by[stream]["bookmark_properties"]
            since = max(since, newest[0][moment])
    return types, since


def types_of(cursor: Any, schema: str, stream: str) -> dict[str, str]:
    """Return the types of a table's columns."""
    found = cursor.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = %s and table_name = %s",
        (schema.upper(), stream.upper()),
    )
    return dict(found.fetchall())


def insert(cursor: Any, table: str, types: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Insert rows of a stream."""
    names = list(rows[0])
    selects = [
        "select " + ", ".join(literal(row[name], types[name.upper()]) for name in names)
        for row in rows
    ]
    cursor.execute(f"insert into {table} ({', '.join(names)}) " + " union all ".join(selects))


def literal(value: Any, kind: str) -> str:
    """Write a value in SQL."""
    if value is None:
        return "null"
    if kind == "VARIANT":
        return f"parse_json({literal(json.dumps(value), 'TEXT')})"
    if isinstance(value, str):
        text = value.removesuffix("Z") if kind.startswith("TIMESTAMP") else value
        return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return json.dumps(value)


def build(project: str, schemas: list[str], kept_from: str) -> None:
    """Build and test all models, in this process, where Snowflake is not the real one."""
    os.environ |= {
        "CALLHISTORY_DBT_TARGET": "snowflake",
        "CALLHISTORY_SNOWFLAKE_ACCOUNT": CREDENTIALS["account"],
        "CALLHISTORY_SNOWFLAKE_USER": CREDENTIALS["user"],
        "CALLHISTORY_SNOWFLAKE_PASSWORD": CREDENTIALS["password"],
        "CALLHISTORY_SNOWFLAKE_DATABASE": DATABASE,
        "CALLHISTORY_SNOWFLAKE_WAREHOUSE": "none",
        "DBT_PROJECT_DIR": project,
        "DBT_PROFILES_DIR": project,
    }
    variables = json.dumps({"callhistory_schemas": schemas, "keep_from": kept_from[:19]})
    outcome = dbtRunner().invoke(["build", "--vars", variables, "--no-use-colors"])
    if not outcome.success:
        sys.exit(1)


def compiled_ledger(schema: str) -> str:
    """Let dbt make one text of the ledger's models, for one account."""
    variables = json.dumps({"callhistory_schemas": [schema], "as_one_text": True})
    # Two threads may write one model into another twice.
    asked = ["compile", "--threads", "1", "--vars", variables, "--select", "ledger", "--quiet"]
    outcome = dbtRunner().invoke(asked)
    if not outcome.success:
        sys.exit(1)
    compiled = Path(os.environ["DBT_TARGET_PATH"]) / "compiled/callhistory/analyses/ledger.sql"
    return compiled.read_text("utf-8")


def written(value: Any) -> Any:
    """Write a value of a row in JSON."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


if __name__ == "__main__":
    main(*sys.argv[1:])
