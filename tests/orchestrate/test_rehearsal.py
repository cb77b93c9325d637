"""Real Dagster, the real tap, the real loader and PostgreSQL: a shard killed, another missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tap_callhistory.sandbox.server import Sandbox
from tests.support.end_to_end.warehouses import PostgreSQL
from tests.support.orchestrate.deployment import (
    DAYS,
    FIRSTS,
    NOW,
    S,
    T,
    deployed,
    stamp,
    wrong_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPPORT: Final = Path(__file__).parents[1] / "support" / "orchestrate"
STREAM: Final = "utel_call_history"


class Rehearsal:
    """What the rehearsal saw, and the warehouse after it."""

    def __init__(self, seen: dict[str, Any], sandbox: Sandbox, uri: str, log: str) -> None:
        self.seen = seen
        self.sandbox = sandbox
        self.uri = uri
        self.log = log


@pytest.fixture(scope="module")
def rehearsal(
    postgres: str, dagster: Path, loader: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rehearsal]:
    folder = tmp_path_factory.mktemp("dagster")
    sandbox = Sandbox(vendors=["utel"], calls=3000, days=DAYS, now=NOW)
    with sandbox.serve() as url:
        script = folder / "loader"
        mortal = SUPPORT / "mortal_loader.py"
        script.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" "{mortal}" "{folder}/killed" '
            f'"{loader}/target-postgres" "$@"\n'
        )
        script.chmod(0o755)
        environment = deployed(folder, "acme", sandbox.settings(url), postgres)
        environment["CALLHISTORY_LOADER"] = str(script)
        with (folder / "log").open("w+") as log:
            seen = run(dagster, environment, log)
        yield Rehearsal(seen, sandbox, postgres, (folder / "log").read_text())


def run(dagster: Path, environment: dict[str, str], log: Any) -> dict[str, Any]:
    command = [str(dagster / "python"), "-W", "ignore", str(SUPPORT / "rehearsal.py")]
    done = subprocess.run(  # noqa: S603
        command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, check=False
    )
    log.seek(0)
    assert done.returncode == 0, log.read()[-6000:]
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_a_shard_whose_loader_was_killed_is_tried_again(rehearsal: Rehearsal) -> None:
    killed = rehearsal.seen["killed"]
    assert (killed["success"], killed["retries"]) == (True, 1)
    assert killed["shard"] == f"acme-{STREAM}-{FIRSTS[0]:%Y-%m-%d}_{FIRSTS[2]:%Y-%m-%d}"


def test_history_is_red_while_a_month_is_missing(rehearsal: Rehearsal) -> None:
    gap = f"[{FIRSTS[3]:%Y-%m-%dT%H:%M:%SZ}, {T:%Y-%m-%dT%H:%M:%SZ})"
    for where in ("not read", "not in the ledger"):
        assert f"acme {STREAM}: {where}: {gap}" in rehearsal.seen["missing"]


def test_history_is_green_and_its_state_merged_when_all_is_proved(rehearsal: Rehearsal) -> None:
    history = rehearsal.seen["history"]
    assert history["shards"] == 3
    bookmark = history["state"]["bookmarks"][STREAM]
    assert bookmark["replication_key_value"] == stamp(T)
    assert bookmark["revisits"] == {"24": stamp(T), "168": stamp(T)}


def test_the_ordinary_run_ends_well_and_its_check_is_green(rehearsal: Rehearsal) -> None:
    assert rehearsal.seen["calls"] == {"success": True, "checks": [True]}


def test_after_the_ordinary_run_the_table_is_the_truth(rehearsal: Rehearsal) -> None:
    warehouse = PostgreSQL(rehearsal.uri, "calls_acme")
    assert wrong_rows(rehearsal.sandbox, "utel", S, NOW, warehouse)[:9] == []
    assert len(warehouse.rows(STREAM)) > 2000


def test_no_secret_is_in_the_log(rehearsal: Rehearsal) -> None:
    secret = rehearsal.sandbox.settings("http://127.0.0.1:9")["utel"]["password"]
    assert secret not in rehearsal.log
