"""What of orchestrate/dagster needs no Dagster: processes, accounts, states, the ledger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from callhistory_dagster.accounts import STREAMS, AccountsError, Source, read_accounts
from callhistory_dagster.proof import ledger_faults
from callhistory_dagster.shards import Shard
from callhistory_dagster.states import States
from tap_callhistory.vendors import VENDORS
from tests.support.orchestrate.processes import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "orchestrate" / "dagster"
S, T = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 5, 1, tzinfo=UTC)
FIRSTS = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 6)]
UTEL = Source("acme", "utel", S, T)

# Processes.

PARENT = """
import sys
from pathlib import Path
from callhistory_dagster.processes import start
child = start([sys.executable, "-c", "import time; time.sleep(600)"], {}, Path("."))
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own feature")
def test_a_process_dies_with_the_run_that_started_it() -> None:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PARENT], env=environment, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.send_signal(signal.SIGKILL)
    for _ in range(600):
        if not is_alive(child):
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


# Accounts.


def test_the_streams_are_those_of_the_tap() -> None:
    assert {kind.vendor: kind.name for kind in VENDORS} == STREAMS


def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source("acme", "utel", S, T, settings={"page_size": 50})
    monkeypatch.setenv("CALLHISTORY_ACME_UTEL_TOKEN", "a-token")
    monkeypatch.setenv("CALLHISTORY_BETA_UTEL_TOKEN", "another-token")
    assert Shard(source, S, T).environment(2.5) == {
        "TAP_CALLHISTORY_UTEL_PAGE_SIZE": "50",
        "TAP_CALLHISTORY_UTEL_TOKEN": "a-token",
        "TAP_CALLHISTORY_START_DATE": "2025-01-01T00:00:00.000000Z",
        "TAP_CALLHISTORY_END_DATE": "2025-05-01T00:00:00.000000Z",
        "TAP_CALLHISTORY_REQUESTS_PER_SECOND": "2.5",
        "TAP_CALLHISTORY_ACCOUNT": "acme",
        "TAP_CALLHISTORY_SHARD": "acme-utel_call_history-2025-01-01_2025-05-01",
    }


@pytest.mark.parametrize(
    ("calls_per_month", "months"), [(None, 1), (1_000_000, 1), (100_000, 2), (1000, 250)]
)
def test_so_many_months_are_one_run(calls_per_month: int | None, months: int) -> None:
    assert Source("acme", "utel", S, T, calls_per_month).months_per_run == months


def test_the_accounts_of_the_trial_are_usable() -> None:
    sources = read_accounts(PACKAGE / "accounts.yaml")
    assert {source.vendor for source in sources} <= set(STREAMS)
    assert len(sources) > 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "cannot be read"),
        ("accounts: 3", "no object accounts"),
        ("history_from: 2025-01-02\nhistory_until: 2025-05-01\naccounts: {}", "history_from must"),
        ("history_from: 2025-05-01\nhistory_until: 2025-05-01\naccounts: {}", "must lie after"),
        ("history_from: 2025-05-01\nhistory_until: 2125-05-01\naccounts: {}", "a week back"),
        ("accounts: {Acme: {}}", "an account's label"),
        ("accounts: {acme: {nobody: {}}}", "acme.nobody is none of"),
        ("accounts: {acme: {utel: {password: s3cret}}}", "acme.utel has password"),
    ],
)
def test_a_file_of_accounts_that_cannot_be_used_is_told(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "accounts.yaml"
    dates = "" if "history" in text else "history_from: 2025-01-01\nhistory_until: 2025-05-01\n"
    file.write_text(dates + text)
    with pytest.raises(AccountsError, match=words) as refused:
        read_accounts(file)
    assert "s3cret" not in str(refused.value)


# The ledger.


@pytest.fixture
def ledger(postgres: str) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(postgres, autocommit=True)) as connection:
        connection.execute("drop schema if exists calls_acme cascade; create schema calls_acme")
        connection.execute(
            "create table calls_acme.callhistory_windows (stream text, window_start timestamp, "
            "window_end timestamp, read_at timestamp, complete boolean, scope text)"
        )
        # The loader writes UTC into columns without a zone, whatever the database's own zone is.
        connection.execute("alter database postgres set timezone to 'Asia/Tehran'")
        yield connection
        connection.execute("alter database postgres reset timezone")
        connection.execute("drop schema calls_acme cascade")


def enter(
    ledger: psycopg.Connection,
    start: datetime,
    end: datetime,
    *,
    complete: bool = True,
    scope: str | None = "a",
    days_later: int = 0,
    stream: str = "utel_call_history",
) -> None:
    read_at = T + timedelta(days=days_later)
    row = [stream, *(each.replace(tzinfo=None) for each in (start, end, read_at)), complete, scope]
    ledger.execute(
        "insert into calls_acme.callhistory_windows values (%s, %s, %s, %s, %s, %s)", row
    )


def faults(postgres: str) -> list[str]:
    lines = ledger_faults(UTEL, S, T, postgres)
    start = "acme utel_call_history: not in the ledger: "
    assert all(line.startswith(start) for line in lines)
    return [line.removeprefix(start).replace("T00:00:00Z", "") for line in lines]


def test_a_ledger_of_all_windows_has_no_fault(ledger: psycopg.Connection, postgres: str) -> None:
    for start, end in pairwise(FIRSTS):
        enter(ledger, start - timedelta(days=1), end)
    assert faults(postgres) == []


def test_every_gap_is_told_at_the_ends_and_between(
    ledger: psycopg.Connection, postgres: str
) -> None:
    enter(ledger, S - timedelta(days=90), S - timedelta(days=60))
    enter(ledger, FIRSTS[1], FIRSTS[2])
    enter(ledger, FIRSTS[3], FIRSTS[3] + timedelta(days=3))
    enter(ledger, T + timedelta(days=5), T + timedelta(days=9))
    assert faults(postgres) == [
        "[2025-01-01, 2025-02-01)",
        "[2025-03-01, 2025-04-01)",
        "[2025-04-04, 2025-05-01)",
    ]


def test_an_empty_ledger_is_one_gap(ledger: psycopg.Connection, postgres: str) -> None:
    enter(ledger, S, T, stream="twin_call_sessions")
    assert faults(postgres) == ["[2025-01-01, 2025-05-01)"]


def test_windows_that_are_incomplete_or_of_another_scope_do_not_count(
    ledger: psycopg.Connection, postgres: str
) -> None:
    enter(ledger, S, FIRSTS[1], complete=False)
    enter(ledger, FIRSTS[1], FIRSTS[2], scope="b")
    enter(ledger, FIRSTS[2], T, days_later=1)
    assert faults(postgres) == ["[2025-01-01, 2025-03-01)"]


def test_a_warehouse_without_a_ledger_is_a_fault(ledger: psycopg.Connection, postgres: str) -> None:
    ledger.execute("drop table calls_acme.callhistory_windows")
    (line,) = ledger_faults(UTEL, S, T, postgres)
    assert line.startswith("acme utel_call_history: the warehouse has no ledger of windows (")
    ledger.execute("create table calls_acme.callhistory_windows (stream text)")
    assert "no ledger" in ledger_faults(UTEL, S, T, postgres)[0]


# States.


@pytest.fixture
def states(postgres: str) -> Iterator[States]:
    yield States(postgres)
    with closing(psycopg.connect(postgres, autocommit=True)) as connection:
        connection.execute("drop schema callhistory_states cascade")


def read_until(instant: datetime) -> dict[str, object]:
    return {
        "bookmarks": {"utel_call_history": {"replication_key_value": instant.isoformat()}},
    }


def test_the_last_state_of_a_shard_counts(states: States) -> None:
    shard = Shard(UTEL, S, T)
    assert states.last(shard.id) is None
    states.save(shard, read_until(FIRSTS[1]))
    states.save(shard, read_until(FIRSTS[2]))
    assert states.last(shard.id) == read_until(FIRSTS[2])


def test_a_half_read_shard_counts_until_others_have_read_all_of_it(states: States) -> None:
    half = Shard(UTEL, S, FIRSTS[2])
    states.save(half, read_until(FIRSTS[1]))
    states.save(Shard(UTEL, T, None), read_until(T + timedelta(days=30)))
    assert [each.id for each in states.of_history(UTEL)] == [half.id]
    parts = [Shard(UTEL, S, FIRSTS[1]), Shard(UTEL, FIRSTS[1], FIRSTS[2])]
    states.save(parts[0], read_until(FIRSTS[1]))
    assert half.id in {each.id for each in states.of_history(UTEL)}
    states.save(parts[1], read_until(FIRSTS[2]))
    assert [each.id for each in states.of_history(UTEL)] == [part.id for part in parts]
