"""fakesnow's server, with a user's stage added; runs in the environment of snowflake_rehearsal.py.

Usage: snowflake_server.py PORT

fakesnow speaks Snowflake's protocol and runs its SQL on DuckDB. What it has not got is the stage
`@~` that every user has at Snowflake, and that target-snowflake loads through: a place for PUT to
write to, for MERGE and COPY INTO to read from, and for REMOVE to clear. These four come here; the
loader's connector itself uploads the files.
"""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import fakesnow.arrow  # type: ignore[import-not-found]
import fakesnow.server  # type: ignore[import-not-found]
import pyarrow as pa  # type: ignore[import-not-found]
import uvicorn  # type: ignore[import-not-found]
from fakesnow.cursor import FakeSnowflakeCursor  # type: ignore[import-not-found]
from fakesnow.dialect import parse_one  # type: ignore[import-not-found]
from fakesnow.transforms.stage import internal_dir  # type: ignore[import-not-found]
from snowflake.connector.errors import ProgrammingError  # type: ignore[import-not-found]
from sqlglot import exp  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Callable

DATABASE: Final = "REHEARSAL"
SCHEMA: Final = "PUBLIC"
USER_STAGE: Final = f"{DATABASE}.{SCHEMA}.USER_STAGE"
"""A named stage, as fakesnow has them, that stands for `@~`."""

TEMPORARY: Final = re.compile(r"\s+temporary\s+table\b", re.IGNORECASE)

_execute: Final[Callable[..., Any]] = FakeSnowflakeCursor.execute
_times: Final[Callable[..., Any]] = fakesnow.arrow.timestamp_to_sf_struct


def main(port: str) -> None:
    """Serve until killed."""
    session = fakesnow.server.shared_fs.connect(DATABASE, SCHEMA)
    session.cursor().execute(f"create stage {USER_STAGE}")
    FakeSnowflakeCursor.execute = execute
    fakesnow.arrow.timestamp_to_sf_struct = times
    for chatty in ("fakesnow.server", "sqlglot"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    uvicorn.run(fakesnow.server.app, host="127.0.0.1", port=int(port), log_level="error")


def times(column: Any) -> Any:
    """Write times as the connector reads them, a null as a null: fakesnow makes it 1970."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    written = _times(whole)
    return pa.StructArray.from_arrays(
        [written.field(number) for number in range(written.type.num_fields)],
        fields=[written.type.field(number) for number in range(written.type.num_fields)],
        mask=whole.is_null(),
    )


def execute(cursor: Any, command: str, *arguments: Any, **named: Any) -> Any:
    """Run a statement, or the one that fakesnow can run in its place.

    Raises:
        ProgrammingError: It cannot be run. Another error would be an answer 500, after which the
            connector tries again for long.
    """
    try:
        return _execute(cursor, in_its_place(cursor, command), *arguments, **named)
    except duckdb.Error as error:
        raise ProgrammingError(msg=str(error), errno=1003, sqlstate="42000") from error


def in_its_place(cursor: Any, command: str) -> str:
    """Do what a statement asks of the stage, and return a statement that answers as it would."""
    verb = command.split(maxsplit=1)[0].upper() if command.strip() else ""
    if verb == "PUT":
        return command.replace(" '@~/", f" @{USER_STAGE}/").rstrip("' ")
    if verb == "LIST":
        return listed(command.split("'")[1])
    if verb == "REMOVE":
        return remove(command.split("'")[1])
    if verb == "DROP":
        return drop(cursor, command)
    if verb in LOADING and "'@~/" in command:
        return LOADING[verb](cursor, parse_one(command))
    # DuckDB has its temporary tables in a database of their own. dbt drops its own in the end.
    return TEMPORARY.sub(" table", command, count=1) if verb == "CREATE" else command


def staged(location: str) -> list[Path]:
    """The files whose names begin with a location, which is how Snowflake takes it."""
    if not location.startswith("@~/"):
        raise ValueError(location)
    root = Path(internal_dir(USER_STAGE))
    beginning = location.removeprefix("@~/")
    files = (file for file in sorted(root.rglob("*")) if file.is_file())
    return [file for file in files if file.relative_to(root).as_posix().startswith(beginning)]


def remove(location: str) -> str:
    """REMOVE: delete files of the stage."""
    for file in staged(location):
        file.unlink()
    return f"select '{location}' as name, 'removed' as result"


def listed(location: str) -> str:
    """LIST: name files of the stage."""
    names = ", ".join(f"('{file.name}')" for file in staged(location)) or "(null)"
    return f'select * from (values {names}) as files ("name") where "name" is not null'  # noqa: S608


def drop(cursor: Any, command: str) -> str:
    """DROP, if it is of a file format, which fakesnow cannot drop."""
    statement = parse_one(command)
    if statement.args["kind"] != "FILE FORMAT":
        return command
    name = statement.args["tables"][0].name
    formats = "_fs_global._fs_information_schema._fs_file_formats"
    cursor._duck_conn.execute(f"delete from {formats} where name = ?", [name])  # noqa: S608
    return f"select '{name} successfully dropped.' as status"


def merge(cursor: Any, statement: Any) -> str:
    """MERGE INTO a table from files of the stage, by DuckDB's own MERGE.

    fakesnow's wants a schema of the session, which the loader has not, and does not bear several
    at once.
    """
    make_staged_rows(cursor, statement)
    source = statement.args["using"]
    source.replace(exp.alias_(exp.to_table("staged_rows"), source.alias, table=True))
    for update in statement.find_all(exp.Update):
        for assignment in update.expressions:
            assignment.this.set("table", None)
    merged = f"{statement.sql('duckdb')} returning merge_action"
    actions = [action for (action,) in cursor._duck_conn.execute(merged).fetchall()]
    inserted = actions.count("INSERT")
    return (
        f'select {inserted} as "number of rows inserted", '
        f'{len(actions) - inserted} as "number of rows updated"'
    )


def copy(cursor: Any, statement: Any) -> str:
    """COPY INTO a table from files of the stage."""
    make_staged_rows(cursor, statement)
    names = ", ".join(identifier.sql("duckdb") for identifier in statement.this.expressions)
    table = statement.this.this.sql("duckdb")
    rows = f"insert into {table} ({names}) select {names} from staged_rows"  # noqa: S608
    (count,) = cursor._duck_conn.execute(rows).fetchone()
    return (
        f"select '@~' as file, 'LOADED' as status, {count} as rows_parsed, {count} as rows_loaded"
    )


def make_staged_rows(cursor: Any, statement: Any) -> None:
    """Make a table of what a statement selects from files of the stage.

    `$1` is a line of a file, and SEQ8() its number. A VARIANT stays the JSON that it is, a null of
    JSON's too: it is not SQL's at Snowflake, as fakesnow would make it.
    """
    (source,) = [table for table in statement.find_all(exp.Table) if table.name.startswith("@~/")]
    select = source.find_ancestor(exp.Select)
    files = [str(file) for file in staged(source.name)]
    lines = f"read_ndjson_objects({files!r}, compression = 'gzip')"
    cursor._duck_conn.execute(
        "create or replace temp table staged_lines as "  # noqa: S608
        f"select json, row_number() over () as line from {lines}"
    )
    source.replace(exp.to_table("staged_lines"))
    for parameter in list(select.find_all(exp.Parameter)):
        parameter.replace(exp.column("json"))
    for function in list(select.find_all(exp.Seq8)):
        function.replace(exp.column("line"))
    for cast in list(select.find_all(exp.Cast)):
        if cast.to.is_type(exp.DType.VARIANT):
            cast.replace(cast.this)
    rows = cursor._transform(parse_one(select.sql("snowflake")), None).sql("duckdb")
    cursor._duck_conn.execute(f"create or replace temp table staged_rows as {rows}")


LOADING: Final[dict[str, Callable[[Any, Any], str]]] = {"MERGE": merge, "COPY": copy}


if __name__ == "__main__":
    main(sys.argv[1])
