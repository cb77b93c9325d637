"""The sandbox's calls, read by the tap, loaded by the real loaders and modelled by dbt."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tap_callhistory.sandbox.server import Sandbox
from tests.support.postgres import postgres
from tests.support.warehouses import DuckDB, PostgreSQL, Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS: Final = 1_500
NOW: Final = datetime(2026, 9, 16, 9, 30, tzinfo=UTC)
"""A Wednesday, during business hours in all vendors' countries."""

START: Final = "2026-06-01T00:00:00Z"
ACCOUNTS: Final = {"first_tenant": None, "second_tenant": ("utel",)}
"""Schemas and the vendors loaded into each. Both tenants have Utel calls of the same ids."""


@dataclass(frozen=True, slots=True)
class Account:
    """One schema's sandbox, and what the tap read from it."""

    sandbox: Sandbox
    messages: Path


@pytest.fixture(scope="session")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Account]:
    folder = tmp_path_factory.mktemp("messages")
    read = {}
    for seed, (schema, vendors) in enumerate(ACCOUNTS.items(), start=1):
        sandbox = Sandbox(seed=seed, calls=CALLS, vendors=vendors, now=NOW)
        messages = folder / f"{schema}.jsonl"
        _extract(sandbox, messages)
        read[schema] = Account(sandbox, messages)
    return read


def _extract(sandbox: Sandbox, messages: Path) -> None:
    tap = Path(sys.executable).with_name("tap-callhistory")
    config = messages.with_suffix(".json")
    with sandbox.serve() as url, messages.open("w", encoding="utf-8") as output:
        settings = {"start_date": START, "end_date": _stamp(NOW), **sandbox.settings(url)}
        config.write_text(json.dumps(settings), encoding="utf-8")
        subprocess.run([tap, "--config", config], stdout=output, check=True)  # noqa: S603


def _stamp(instant: datetime) -> str:
    return (instant + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="session")
def calls_truth(accounts: dict[str, Account]) -> dict[str, dict[str, Any]]:
    """What is true of every call of every account, by the call's key."""
    return {
        f"{vendor}/{schema}/{call['call_id']}": call | {"account": schema}
        for schema, account in accounts.items()
        for vendor, world in account.sandbox.worlds.items()
        for call in world.calls_truth()
    }


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """The address of a PostgreSQL server of our own."""
    with postgres() as uri:
        yield uri


@pytest.fixture(scope="session", params=["duckdb", "postgres"])
def warehouse(
    request: pytest.FixtureRequest,
    accounts: dict[str, Account],
    tmp_path_factory: pytest.TempPathFactory,
) -> Warehouse:
    """A database with all accounts loaded and all models built and tested."""
    made: Warehouse
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "duckdb":
        made = DuckDB(folder)
    else:
        made = PostgreSQL(request.getfixturevalue("postgres_uri"), folder)
    for schema, account in accounts.items():
        made.load(schema, account.messages)
    made.dbt.build(callhistory_schemas=list(ACCOUNTS))
    return made
