"""Two runs of Meltano over a standing world: the tables hold what is true, the second is short."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tap_callhistory.sandbox.server import Sandbox
from tests.support.end_to_end.project import Project, as_environment
from tests.support.end_to_end.warehouses import DuckDB, PostgreSQL, Rows, Warehouse, differences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLS: Final = 1_000
STREAMS: Final = {
    "kavenegar_calls": ("kavenegar", "created_at"),
    "etelecom_call_logs": ("etelecom", "created_at"),
    "twin_call_sessions": ("twin", "created_at"),
    "cinnox_call_details": ("cinnox", "call_date"),
    "utel_call_history": ("utel", "date_time"),
}
"""Vendor and replication key of each stream."""

LONGEST_EXTENSION: Final = 6

SECRETS: Final = ("api_token", "api_key", "password", "token", "app_token")

NOW: Final = datetime.now(UTC).replace(microsecond=0)
START: Final = NOW - timedelta(days=90)
FIRST_END: Final = NOW - timedelta(days=3)
READ_AGAIN_AT_MOST: Final = timedelta(hours=168 + 6 + 1 + 3)
"""The oldest revisit, an unfinished call, the lookback, and some hours for the windows' edges."""


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Served:
    """The vendors' sandbox, and where it is."""

    sandbox: Sandbox
    url: str

    def truth(self, stream: str) -> list[dict[str, Any]]:
        vendor, _ = STREAMS[stream]
        return self.sandbox.worlds[vendor].truth()

    def secrets(self) -> set[str]:
        vendors = self.sandbox.settings(self.url).values()
        return {settings[name] for settings in vendors for name in SECRETS if name in settings}


@dataclass(frozen=True, slots=True)
class TwoRuns:
    """A warehouse after a first run up to `FIRST_END` and a second one up to now."""

    warehouse: Warehouse
    after_first: dict[str, Rows]
    after_second: dict[str, Rows]
    read_again: dict[str, set[Any]]
    log: str


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    sandbox = Sandbox(seed=1, calls=CALLS, now=NOW)
    with sandbox.serve() as url:
        yield Served(sandbox, url)


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def warehouse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    if request.param == "duckdb":
        return DuckDB(tmp_path_factory.mktemp("duckdb") / "calls.duckdb")
    return PostgreSQL(request.getfixturevalue("postgres"))


@pytest.fixture(scope="module")
def runs(project: Project, served: Served, warehouse: Warehouse) -> TwoRuns:
    settings = {"start_date": stamp(START), **served.sandbox.settings(served.url)}
    spelled = as_environment("tap-callhistory", settings) | warehouse.settings
    here = replace(project, settings=spelled)
    command = ("run", "tap-callhistory", warehouse.loader)

    log = here.meltano(*command, settings={"TAP_CALLHISTORY_END_DATE": stamp(FIRST_END)})
    after_first = {stream: warehouse.rows(stream) for stream in STREAMS}
    loaded = {stream: warehouse.times_of_loading(stream) for stream in STREAMS}

    log += here.meltano(*command)
    return TwoRuns(
        warehouse=warehouse,
        after_first=after_first,
        after_second={stream: warehouse.rows(stream) for stream in STREAMS},
        read_again={
            stream: {
                key
                for key, time in warehouse.times_of_loading(stream).items()
                if key in loaded[stream] and time > loaded[stream][key]
            }
            for stream in STREAMS
        },
        log=log,
    )


@pytest.mark.parametrize("stream", STREAMS)
def test_the_first_run_loads_every_call_before_its_end_date(
    stream: str, runs: TwoRuns, served: Served
) -> None:
    _, replication_key = STREAMS[stream]
    truth = served.truth(stream)
    before_end = [row for row in truth if row[replication_key] < stamp(FIRST_END)]
    assert 0 < len(before_end) < len(truth)
    found = runs.after_first[stream]
    assert differences(runs.warehouse.expected(before_end), found)[:9] == []
    assert differences(found, runs.warehouse.expected(truth))[:9] == []


@pytest.mark.parametrize("stream", STREAMS)
def test_after_the_second_run_the_table_is_the_truth_field_by_field(
    stream: str, runs: TwoRuns, served: Served
) -> None:
    truth = served.truth(stream)
    found = runs.after_second[stream]
    assert differences(runs.warehouse.expected(truth), found)[:9] == []
    assert len(found) == len(truth) > CALLS * 0.9


@pytest.mark.parametrize("stream", STREAMS)
def test_the_second_run_reads_again_only_the_lookback_and_what_is_due(
    stream: str, runs: TwoRuns
) -> None:
    _, replication_key = STREAMS[stream]
    oldest = stamp(FIRST_END - READ_AGAIN_AT_MOST)
    rows = runs.after_first[stream]
    too_old = [key for key in runs.read_again[stream] if rows[key][replication_key] < oldest]
    assert too_old == []
    assert len(runs.read_again[stream]) < len(rows) / 2


def test_no_secret_is_in_the_log_or_in_a_table(runs: TwoRuns, served: Served) -> None:
    secrets = served.secrets()
    assert len(secrets) >= len(STREAMS)
    tables = repr(runs.after_second)
    assert [secret for secret in secrets if secret in runs.log or secret in tables] == []


def test_hashed_phone_numbers_do_not_leave_the_tap(
    project: Project, served: Served, tmp_path: Path
) -> None:
    settings = {
        **served.sandbox.settings(served.url),
        "start_date": stamp(FIRST_END),
        "phone_numbers": "hash",
        "hash_key": "sandbox-hash-key-of-pseudonyms",
    }
    spelled = as_environment("tap-callhistory", settings)
    spelled["TARGET_JSONL_DESTINATION_PATH"] = str(tmp_path)
    command = ("run", "tap-callhistory", "target-jsonl")
    log = replace(project, settings=spelled).meltano(*command)
    for stream, (vendor, _) in STREAMS.items():
        written = (tmp_path / f"{stream}.jsonl").read_text(encoding="utf-8")
        calls = served.sandbox.worlds[vendor].calls_truth()
        numbers = {call[end] for call in calls for end in ("from_number", "to_number")}
        phones = {number for number in numbers if len(number) > LONGEST_EXTENSION}
        assert phones
        assert [number for number in phones if f'"{number}"' in written or number in log] == []
