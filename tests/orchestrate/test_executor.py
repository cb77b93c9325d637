"""A step in a process of its own (CALLHISTORY_EXECUTOR=multiprocess), as Dagster starts it."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING, Final

import pytest

from tap_callhistory.sandbox.server import Sandbox
from tests.support.end_to_end.warehouses import PostgreSQL
from tests.support.orchestrate.deployment import DAYS, FIRSTS, NOW, deployed, wrong_rows
from tests.support.orchestrate.processes import is_alive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LONG: Final = 600
"""Seconds; only a test that fails takes so long."""


def materialize(
    dagster: Path, folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a run of the first month; what it says is in the folder's log."""
    command = [
        *(str(dagster / "python"), "-W", "ignore", "-m", "dagster", "asset", "materialize"),
        *("-m", "callhistory_dagster.definitions", "--partition", f"{FIRSTS[0]:%Y-%m-%d}"),
        *("--select", 'key:"callhistory/multi/kavenegar/months"'),
    ]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(  # noqa: S603
            command,
            env={**environment, "CALLHISTORY_EXECUTOR": "multiprocess"},
            stdout=log,
            stderr=log,
        )


def test_a_step_in_a_process_of_its_own_reads_its_month(
    postgres: str, dagster: Path, loader: Path, tmp_path: Path
) -> None:
    sandbox = Sandbox(vendors=["kavenegar"], calls=600, days=DAYS, now=NOW)
    with sandbox.serve() as url:
        environment = deployed(tmp_path, "multi", sandbox.settings(url), postgres)
        environment["CALLHISTORY_LOADER"] = str(loader / "target-postgres")
        code = materialize(dagster, tmp_path, environment).wait(LONG)
    said = (tmp_path / "log").read_text()
    assert code == 0, said[-6000:]
    assert "Launching subprocess for" in said
    warehouse = PostgreSQL(postgres, "calls_multi")
    assert wrong_rows(sandbox, "kavenegar", FIRSTS[0], FIRSTS[1], warehouse)[:9] == []


def test_a_step_in_a_process_of_its_own_dies_with_its_run(
    postgres: str, dagster: Path, tmp_path: Path
) -> None:
    tap = tmp_path / "tap"
    tap.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/tap.pid\nexec sleep {LONG}\n")
    tap.chmod(0o755)
    environment = deployed(tmp_path, "multi", {"kavenegar": {}}, postgres)
    environment |= {"CALLHISTORY_TAP": str(tap), "CALLHISTORY_LOADER": "/bin/cat"}
    run = materialize(dagster, tmp_path, environment)
    pid = pid_in(tmp_path / "tap.pid", run)
    run.send_signal(signal.SIGKILL)
    run.wait()
    for _ in range(LONG):
        if not is_alive(pid):
            return
        time.sleep(0.05)
    pytest.fail("the tap outlived its run")


def pid_in(file: Path, run: subprocess.Popen[bytes]) -> int:
    while run.poll() is None:
        if file.exists() and (text := file.read_text().strip()):
            return int(text)
        time.sleep(0.1)
    pytest.fail((file.parent / "log").read_text()[-6000:])
