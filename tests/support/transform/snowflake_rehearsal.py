"""Loads calls with target-snowflake and models them with dbt-snowflake, on fakesnow's server.

It runs in an environment of its own, see test_snowflake.py. The loader, dbt and the connector with
which both reach Snowflake are the real ones; the connector alone is told that Snowflake is here.

Usage: snowflake_rehearsal.py ASKED ANSWERED, two JSON files. Asked are

    loads: by name and in order, each a schema, a file of Singer messages, the loader's settings,
        whether it logs in by a key pair, and perhaps where it is to be stopped:
        {"signal": ..., "at": "MERGE", "number": 2, "after": true}
    settings: of the loader at all loads
    added_to_after: the load after which `calls` is built of its schema, to be added to later
    built: the schemas to build the models of
    ledger_of: the schema to compile the ledger's text for
    project: the folder of the dbt project

and answered are, of each load, the loader's exit code, states, log and statements, what is left in
the temporary folder of its schema and in the stage, and the schema's tables; then the settings that
the loader knows, the rows of `calls`, how many of them the later build has left as they were, the
text of the ledger and what that answers.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager, redirect_stdout, suppress
from datetime import datetime
from decimal import Decimal
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import snowflake.connector  # type: ignore[import-not-found]
from cryptography.hazmat.primitives import serialization  # type: ignore[import-not-found]
from cryptography.hazmat.primitives.asymmetric import rsa  # type: ignore[import-not-found]
from dbt.cli.main import dbtRunner  # type: ignore[import-not-found]
from snowflake.connector.cursor import SnowflakeCursor  # type: ignore[import-not-found]
from target_snowflake.target import TargetSnowflake  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER: Final = Path(__file__).with_name("snowflake_server.py")
DATABASE: Final = "REHEARSAL"
ACCOUNT: Final = {"account": "rehearsal", "user": "nobody"}
PASSWORD: Final = {"password": "none"}
STAGE: Final = "@~/target-snowflake/"
OTHERS: Final = 0o077
"""The bits of a file's mode that let others in."""

_connect: Final[Callable[..., Any]] = snowflake.connector.connect
_execute: Final[Callable[..., Any]] = SnowflakeCursor.execute


def main(asked_file: str, answered_file: str) -> None:
    """Do what is asked, and write down what came of it."""
    asked = json.loads(Path(asked_file).read_text("utf-8"))
    folder = Path(answered_file).parent
    with snowflake_here(folder):
        key = made_key(folder / "key.p8")
        loads = {}
        for name, load in asked["loads"].items():
            loads[name] = loaded(settings_of(asked, load, key), load, folder / name)
            if name == asked["added_to_after"]:
                # The later build tests all models, and those beside `calls` are made anew by each.
                let_dbt("run", asked["project"], [load["schema"]], key, "--select", "calls")
                rows_of("alter table analytics.calls add column seen integer")
                rows_of("update analytics.calls set seen = 1")
        let_dbt("build", asked["project"], asked["built"], key)
        ledger = compiled_ledger(asked["ledger_of"])
        answered = {
            "loads": loads,
            "ledger": ledger,
            "covered": rows_of(ledger),
            "calls": rows_of("select * from analytics.calls"),
            "kept": rows_of("select sum(seen) as calls from analytics.calls")[0]["CALLS"],
            "known": known_settings(),
        }
    Path(answered_file).write_text(json.dumps(answered, default=written), "utf-8")


@contextmanager
def snowflake_here(folder: Path) -> Iterator[None]:
    """Run the server, and let all connections lead to it."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = {"host": "127.0.0.1", "port": port, "protocol": "http", "network_timeout": 120}
    snowflake.connector.connect = lambda **asked: _connect(**(asked | here))
    temporary = folder / "server"
    temporary.mkdir()
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, str(SERVER), str(port)],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=(temporary / "log").open("w"),
    )
    try:
        wait_for(server, port)
        yield
    finally:
        server.kill()
        server.wait()
        sys.stdout.write((temporary / "log").read_text("utf-8")[-4000:])


def wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server answers."""
    while server.poll() is None:
        with closing(socket.socket()) as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server has ended")


def made_key(file: Path) -> dict[str, str]:
    """Make a key pair, and return the settings that name it."""
    passphrase = "open sesame"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase.encode()),
        )
    )
    return {"private_key_path": str(file), "private_key_passphrase": passphrase}


def settings_of(asked: dict[str, Any], load: dict[str, Any], key: dict[str, str]) -> dict[str, Any]:
    """The loader's settings for a load."""
    return {
        **ACCOUNT,
        **(key if load.get("by_key") else PASSWORD),
        "database": DATABASE,
        "warehouse": "none",
        **asked["settings"],
        **load.get("settings", {}),
        "default_target_schema": load["schema"],
    }


def loaded(settings: dict[str, Any], load: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Let the loader load, in a process of its own, and look at what it has left."""
    folder.mkdir()
    config = folder / "config.json"
    config.write_text(json.dumps(settings), "utf-8")
    temporary = folder.with_name(f"temporary-{load['schema']}")
    temporary.mkdir(exist_ok=True)
    code = apart(run_loader, load, folder, temporary)
    apart(look_at, load["schema"], folder / "seen.json")
    left_here = [str(file.relative_to(temporary)) for file in sorted(temporary.rglob("*.gz"))]
    return {
        "code": code,
        "states": [json.loads(line) for line in lines_of(folder / "states")],
        "log": "\n".join(lines_of(folder / "log"))[-8000:],
        "statements": lines_of(folder / "statements"),
        "left_here": left_here,
        "open_to_others": [
            str(file) for file in temporary.rglob("*") if file.stat().st_mode & OTHERS
        ],
        **json.loads((folder / "seen.json").read_text("utf-8")),
    }


def apart(work: Callable[..., None], *arguments: Any) -> int | None:
    """Do some work in a process that begins as this one, and return its exit code."""
    process = get_context("fork").Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def run_loader(load: dict[str, Any], folder: Path, temporary: Path) -> None:
    """Be the loader."""
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    os.umask(load.get("umask", 0o022))
    for name, number in (("states", 1), ("log", 2)):
        os.dup2(os.open(folder / name, os.O_CREAT | os.O_WRONLY), number)
    SnowflakeCursor.execute = noting(folder / "statements", load.get("stopped", {}))
    asked = ["--config", str(folder / "config.json"), "--input", load["messages"]]
    TargetSnowflake.cli.main(asked)


def noting(file: Path, stopped: dict[str, Any]) -> Callable[..., Any]:
    """Execute statements, note down the verb of each, and get a signal at one of them."""
    file.touch()
    seen: Counter[str] = Counter()
    one_at_a_time = Lock()  # the loader's streams are loaded in threads

    def execute(cursor: Any, command: str, *arguments: Any, **named: Any) -> Any:
        verb = command.split(maxsplit=1)[0].upper()
        with one_at_a_time, file.open("a", encoding="utf-8") as notes:
            notes.write(f"{verb}\n")
            seen[verb] += 1
            now = verb == stopped.get("at") and seen[verb] == stopped["number"]
        if now and not stopped["after"]:
            os.kill(os.getpid(), signal.Signals[stopped["signal"]])
        answer = _execute(cursor, command, *arguments, **named)
        if now and stopped["after"]:
            os.kill(os.getpid(), signal.Signals[stopped["signal"]])
        return answer

    return execute


def look_at(schema: str, file: Path) -> None:
    """Write down the columns and the rows of a schema's tables, and what is in the stage."""
    columns: dict[str, dict[str, str]] = {}
    of_schema = (
        "select table_name, column_name, data_type "  # noqa: S608
        f"from information_schema.columns where table_schema = '{schema.upper()}'"
    )
    for row in rows_of(of_schema):
        columns.setdefault(row["TABLE_NAME"].lower(), {})[row["COLUMN_NAME"]] = row["DATA_TYPE"]
    rows = {table: rows_of(f"select * from {schema}.{table}") for table in columns}  # noqa: S608
    left = [row["name"] for row in rows_of(f"list '{STAGE}'")]
    seen = {"columns": columns, "rows": rows, "left_there": left}
    file.write_text(json.dumps(seen, default=written), "utf-8")


def rows_of(query: str) -> list[dict[str, Any]]:
    """What a query answers."""
    with closing(
        snowflake.connector.connect(**ACCOUNT, **PASSWORD, database=DATABASE)
    ) as connection:
        cursor = connection.cursor(snowflake.connector.DictCursor)
        found: list[dict[str, Any]] = cursor.execute(query).fetchall()
        return found


def lines_of(file: Path) -> list[str]:
    """The lines of a file, which need not exist."""
    return file.read_text("utf-8").splitlines() if file.exists() else []


def let_dbt(
    command: str, project: str, schemas: list[str], key: dict[str, str], *arguments: str
) -> None:
    """Run a command of dbt, in this process; where Snowflake is, the loader's settings say."""
    settings = {**ACCOUNT, **key, "database": DATABASE, "warehouse": "none"}
    os.environ |= {f"TARGET_SNOWFLAKE_{name.upper()}": value for name, value in settings.items()}
    os.environ |= {
        "CALLHISTORY_DBT_TARGET": "snowflake",
        "DBT_PROJECT_DIR": project,
        "DBT_PROFILES_DIR": project,
    }
    variables = json.dumps({"callhistory_schemas": schemas})
    outcome = dbtRunner().invoke([command, "--vars", variables, "--no-use-colors", *arguments])
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


def known_settings() -> dict[str, Any]:
    """The settings that the loader says it knows, by name."""
    with redirect_stdout(StringIO()) as said, suppress(SystemExit):
        TargetSnowflake.cli.main(["--about", "--format", "json"])
    known: dict[str, Any] = json.loads(said.getvalue())["settings"]["properties"]
    return known


def written(value: Any) -> Any:
    """Write a value of a row in JSON."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


if __name__ == "__main__":
    main(*sys.argv[1:])
