"""Every block of the pages, typed in a reader's order; and what the pages claim of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import ndiff
from typing import TYPE_CHECKING, Any, Final

import duckdb
import psycopg
import pytest

from tap_callhistory.sandbox.faults import Faults
from tap_callhistory.sandbox.server import Sandbox
from tests.support.documentation.pages import blocks, pages
from tests.support.documentation.reader import Reader, Typed
from tests.support.end_to_end.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.documentation.database import Database

pytestmark = pytest.mark.end_to_end

READING_ORDER: Final = ("README.md", "docs/calls.md", "docs/probe.md", "docs/production.md")
LANGUAGES: Final = {"sh", "dotenv", "yaml", "json", "text"}
STREAMS: Final = {"kavenegar_calls": "created_at", "utel_call_history": "date_time"}
"""The streams of the vendors in the README's example, each with its replication key."""

NOT_RUN: Final = Counter({
    "it needs an account at Snowflake": 2,
    "it runs these tests": 1,
    "tests/shards runs it, on a history of its own": 3,
    "it needs jq, and target-postgres outside of Meltano; tests/shards runs its parts": 1,
    "it needs an environment of Dagster; tests/orchestrate runs what it starts": 1,
    "three processes that stay, and a PostgreSQL; they were run by hand, see below": 1,
    "it needs the processes above": 1,
    "tests/orchestrate runs the same commands, with a PostgreSQL of its own": 1,
})
SPAN_DAYS: Final = 1500
"""The vendor's history reaches back before the README's start_date, into the backfill's time."""

README_START: Final = datetime(2025, 1, 1, tzinfo=UTC)
SETTLED: Final = timedelta(hours=168 + 6 + 1 + 3)
"""Calls older than this are read by no run again: the oldest revisit, and what comes with it."""

Call = tuple[Any, str]
"""A call's id and its replication key, as the tap declares it."""


@dataclass(frozen=True)
class Noted:
    """What there was at one moment.

    Attributes:
        served: The calls that each account's vendor shows, by account and stream.
        loaded: When each call of PostgreSQL was loaded last, by schema and table.
        rows: How many rows each of these tables has.
        requests: How many requests each account's vendor got.
        project: What stands in meltano.yml.
    """

    served: dict[tuple[str, str], set[Call]]
    loaded: dict[tuple[str, str], dict[Call, datetime]]
    rows: dict[tuple[str, str], int]
    requests: dict[str, int]
    project: str


@dataclass
class Places:
    """The vendors and the database that a reader has in his ``.env``."""

    database: Database
    project: Path
    accounts: dict[str, Sandbox] = field(default_factory=dict)

    def note(self) -> Noted:
        served = {
            (account, name): {
                call_of(row, name) for stream, row in sandbox.truth() if stream == name
            }
            for account, sandbox in self.accounts.items()
            for name in STREAMS
        }
        loaded, rows = {}, {}
        with closing(psycopg.connect(self.database.uri)) as connection:
            connection.execute("set time zone 'UTC'")
            found = connection.execute(
                "select table_schema, table_name from information_schema.tables"
                " where table_name = any(%s)",
                [[*STREAMS]],
            ).fetchall()
            for schema, table in found:
                query = psycopg.sql.SQL("select id, {}, _sdc_batched_at from {}").format(
                    psycopg.sql.Identifier(STREAMS[table]), psycopg.sql.Identifier(schema, table)
                )
                answer = connection.execute(query).fetchall()
                loaded[schema, table] = {
                    (key, stamp(moment)): batched for key, moment, batched in answer
                }
                rows[schema, table] = len(answer)
        asked = {name: sum(sandbox.requests.values()) for name, sandbox in self.accounts.items()}
        return Noted(served, loaded, rows, asked, self.project.read_text(encoding="utf-8"))

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with closing(psycopg.connect(self.database.uri)) as connection:
            return connection.execute(query.encode()).fetchall()


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def call_of(row: Mapping[str, Any], stream: str) -> Call:
    return row["id"], row[STREAMS[stream]]


def since(calls: set[Call], instant: datetime) -> set[Call]:
    return {call for call in calls if call[1] >= stamp(instant)}


def in_duckdb(file: Path, schema: str, stream: str) -> set[Call]:
    with closing(duckdb.connect(str(file), read_only=True)) as connection:
        query = f'select id, {STREAMS[stream]} from "{schema}"."{stream}"'  # noqa: S608
        return {(key, stamp(moment)) for key, moment in connection.execute(query).fetchall()}


@dataclass(frozen=True)
class Reading:
    """All that came of typing the pages."""

    reader: Reader
    places: Places

    @property
    def folder(self) -> Path:
        return self.reader.folder

    def of(self, command: str, page: str = "") -> Typed:
        return self.reader.of(command, page)


@pytest.fixture(scope="module")
def reading(
    database: Database, plugins: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reading]:
    # A fresh clone has none. What the commands install is there for the tests behind these.
    plugins = tmp_path_factory.mktemp("plugins") if any(plugins.iterdir()) else plugins
    folder = Project.copied_to(tmp_path_factory.mktemp("clone")).installing_into(plugins).folder
    places = Places(database, folder / "meltano.yml")
    with ExitStack() as serving:
        urls = {}
        for seed, account in enumerate(("callhistory", "calls_tashkent"), start=11):
            sandbox = Sandbox(seed=seed, calls=1200, days=SPAN_DAYS, vendors=("kavenegar", "utel"))
            places.accounts[account] = sandbox
            urls[account] = serving.enter_context(sandbox.serve())
        reader = Reader(
            folder,
            tmp_path_factory.mktemp("programs"),
            values_of(places, urls),
            {
                "config.json": {
                    "utel": places.accounts["callhistory"].settings(urls["callhistory"])["utel"]
                }
            },
            places.note,
        )
        reader.install()
        for page in READING_ORDER:
            if page == "docs/production.md":  # which speaks of all streams again
                places.project.write_text(
                    reader.of("meltano select").before.project, encoding="utf-8"
                )
            for block in blocks(page):
                reader.take(block)
        yield Reading(reader, places)


def values_of(places: Places, urls: Mapping[str, str]) -> dict[str, str]:
    """What the pages leave open in ``.env``."""
    first, second = (
        places.accounts[account].settings(urls[account])
        for account in ("callhistory", "calls_tashkent")
    )
    database = places.database
    own = {
        "HOST": database.host,
        "USER": database.user,
        "PASSWORD": "not-asked-for",
        "DATABASE": database.name,
    }
    return {
        # The README needs no address for Kavenegar, which has one for all its users.
        "TAP_CALLHISTORY_KAVENEGAR_API_TOKEN": f"{first['kavenegar']['api_token']}\n"
        f"TAP_CALLHISTORY_KAVENEGAR_API_URL={first['kavenegar']['api_url']}",
        **{f"TAP_CALLHISTORY_UTEL_{key.upper()}": value for key, value in first["utel"].items()},
        **{
            f"TAP_CALLHISTORY__TASHKENT_UTEL_{key.upper()}": value
            for key, value in second["utel"].items()
        },
        **{
            f"{name}_{key}": value
            for name in ("TARGET_POSTGRES", "CALLHISTORY_POSTGRES")
            for key, value in own.items()
        },
        "TARGET_POSTGRES_HOST": f"{database.host}\nTARGET_POSTGRES_PORT={database.port}",
        "CALLHISTORY_POSTGRES_HOST": f"{database.host}\nCALLHISTORY_POSTGRES_PORT={database.port}",
    }


def test_every_block_says_what_it_is() -> None:
    unknown = [
        each.place for page in pages() for each in blocks(page) if each.language not in LANGUAGES
    ]
    assert unknown == []


def test_every_command_is_run_or_says_why_not() -> None:
    commands = [each for page in pages() for each in blocks(page) if each.language == "sh"]
    left_out = [each.place for each in commands if not (each.not_run or each.page in READING_ORDER)]
    assert left_out == []
    assert Counter(each.not_run for each in commands if each.not_run) == NOT_RUN


def test_try_it_shows_calls_of_the_sandbox_only(reading: Reading) -> None:
    tried = reading.of("--environment=sandbox")
    assert "made-up calls" in tried.output
    assert tried.after.requests == tried.before.requests
    made_up = in_duckdb(
        reading.folder / "output/sandbox.duckdb", "callhistory_sandbox", "kavenegar_calls"
    )
    assert len(made_up) > 4_900
    assert not made_up & tried.after.served["callhistory", "kavenegar_calls"]
    assert (reading.folder / "output/sandbox.html").stat().st_size > 0
    assert "kavenegar_calls" in tried.output


def test_the_check_of_the_settings_shows_one_call_of_each_vendor(reading: Reading) -> None:
    checked = reading.of("--test")
    assert checked.after.requests["callhistory"] > checked.before.requests["callhistory"]
    records = [line for line in checked.output.splitlines() if '"type":"RECORD"' in line]
    shown = Counter(json.loads(line)["stream"] for line in records)
    assert [stream for stream in STREAMS if shown[stream] != 1] == []


@pytest.mark.parametrize("stream", STREAMS)
def test_the_first_load_brings_that_vendors_calls_and_no_others(
    stream: str, reading: Reading
) -> None:
    first = reading.of("meltano run tap-callhistory target-postgres", "README")
    before, after = (
        since(noted.served["callhistory", stream], README_START)
        for noted in (first.before, first.after)
    )
    found = first.after.loaded["callhistory", stream]
    assert len(before) > 100
    assert before <= found.keys() <= after
    assert first.after.rows["callhistory", stream] == len(found)


@pytest.mark.parametrize("stream", STREAMS)
def test_everything_again_updates_rows_and_doubles_none(stream: str, reading: Reading) -> None:
    again = reading.of("--full-refresh", "README")
    before, after = (noted.loaded["callhistory", stream] for noted in (again.before, again.after))
    assert before.keys() <= after.keys()
    assert [call for call in before if after[call] <= before[call]] == []
    assert again.after.rows["callhistory", stream] == len(after)


def test_the_selection_is_shown_as_it_was_made(reading: Reading) -> None:
    listed = reading.of("meltano select").output
    shown = set(re.findall(r"^\s+\[(?:selected|automatic) *\] (\S+)$", listed, re.MULTILINE))
    assert {"utel_call_history.id", "utel_call_history.duration"} <= shown
    assert "utel_call_history.recorded_file_url" not in shown
    assert {name.split(".")[0] for name in shown} == {"utel_call_history", "callhistory_windows"}


@pytest.mark.parametrize(
    ("command", "added"),
    [
        (
            "meltano job add",
            [
                *("jobs:", "- name: calls", "tasks:", "- tap-callhistory target-postgres"),
                *("schedules:", "- name: calls-hourly", "interval: '@hourly'", "job: calls"),
            ],
        ),
        (
            "meltano select",
            [
                *("select:", "- utel_call_history.*", "- callhistory_windows.*"),
                "- '!*.recorded_file_url'",
            ],
        ),
    ],
)
def test_a_command_that_writes_into_the_project_changes_nothing_but_what_it_adds(
    command: str, added: list[str], reading: Reading
) -> None:
    wrote = reading.of(command)
    lines = list(
        ndiff(wrote.before.project.splitlines(), wrote.after.project.splitlines(), charjunk=None)
    )
    assert [line for line in lines if line.startswith("- ")] == []
    assert sorted(line[2:].strip() for line in lines if line.startswith("+ ")) == sorted(added)


def test_without_meltano_the_second_run_goes_on_from_the_state(reading: Reading) -> None:
    files = reading.folder.glob("utel_call_history*.jsonl")
    written = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    keys = [json.loads(line)["id"] for line in written]
    assert keys
    served = since(reading.places.note().served["callhistory", "utel_call_history"], README_START)
    assert {key for key, _ in served} >= set(keys)
    assert len(keys) - len(set(keys)) < len(keys) / 20
    state = json.loads((reading.folder / "state.json").read_text(encoding="utf-8"))
    assert "utel_call_history" in state["bookmarks"]


def test_into_duckdb_go_the_readers_own_calls(reading: Reading) -> None:
    own = reading.of("meltano run tap-callhistory target-duckdb")
    found = in_duckdb(reading.folder / "output/calls.duckdb", "callhistory", "utel_call_history")
    before, after = (
        since(noted.served["callhistory", "utel_call_history"], README_START)
        for noted in (own.before, own.after)
    )
    assert before <= found <= after
    assert "utel_call_history" in own.output
    assert (reading.folder / "output/calls.html").stat().st_size > 0


def test_the_scheduled_run_is_incremental_from_the_state_of_the_run_by_hand(
    reading: Reading,
) -> None:
    hourly = reading.of("meltano schedule run")
    where = ("callhistory", "utel_call_history")
    before, after = (noted.loaded[where] for noted in (hourly.before, hourly.after))
    assert before.keys() <= after.keys()
    oldest = stamp(datetime.now(UTC) - SETTLED)
    assert [call for call in before if call[1] < oldest and after[call] > before[call]] == []
    assert hourly.after.requests["callhistory"] > hourly.before.requests["callhistory"]


def test_the_state_is_where_the_page_says(reading: Reading) -> None:
    shown = reading.of("meltano state get").output
    state = json.loads(shown[shown.index('{"singer_state"') :].splitlines()[0])
    marks = state["singer_state"]["bookmarks"]["utel_call_history"]
    assert marks["replication_key"] == "date_time"
    assert set(marks["revisits"]) == {"24", "168"}


def test_a_backfill_brings_the_older_history_and_nothing_else(reading: Reading) -> None:
    older = reading.of("target-postgres--backfill")
    where = ("callhistory", "utel_call_history")
    before, after = (older.before.loaded[where], older.after.loaded[where])
    served = {
        call for call in older.before.served[where] if "2022" <= call[1] < stamp(README_START)
    }
    assert len(served) > 50
    assert served == after.keys() - before.keys()
    assert older.after.rows[where] == len(after)


def test_a_backfill_runs_beside_the_hourly_run(reading: Reading) -> None:
    slow = Faults(latency_seconds=0.2)
    reading.places.accounts["callhistory"].set_faults(slow)
    both = (
        "meltano run tap-callhistory target-postgres & hourly=$!\n"
        "meltano run --full-refresh tap-callhistory--backfill target-postgres--backfill\n"
        "wait $hourly\n"
    )
    where = ("callhistory", "utel_call_history")
    before = reading.places.note().loaded[where].keys()
    output = reading.reader.shell(both)
    assert output.count("Run completed") == 2
    assert before <= reading.places.note().loaded[where].keys()


def test_another_account_stands_beside_the_first_in_the_table_of_calls(reading: Reading) -> None:
    other = reading.of("target-postgres--tashkent")
    where = ("calls_tashkent", "utel_call_history")
    assert since(other.before.served[where], README_START) <= other.after.loaded[where].keys()
    assert other.after.loaded[where].keys() <= other.after.served[where]
    assert {schema for schema, _ in other.after.loaded} == {"callhistory", "calls_tashkent"}
    assert ("calls_tashkent", "kavenegar_calls") not in other.after.loaded
    counted = reading.places.query(
        "select account, vendor, count(*) from analytics.calls group by account, vendor"
    )
    assert {(account, vendor): number for account, vendor, number in counted} == {
        (schema, stream.split("_", 1)[0]): number
        for (schema, stream), number in other.after.rows.items()
    }


def test_no_made_up_call_is_among_the_readers_own(reading: Reading) -> None:
    at_last = reading.places.note()
    for (schema, stream), found in at_last.loaded.items():
        assert found.keys() <= at_last.served[schema, stream]
