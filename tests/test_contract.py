"""The reading contract where no other test holds it, over real HTTP where that counts.

Windows, pages, bookmarks and completeness in any story have tests of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import msgspec
import pytest

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.sandbox.faults import Faults
from tap_callhistory.sandbox.server import Sandbox
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import (
    NAMES,
    NOON,
    STREAMS,
    Clock,
    made_call,
    made_world,
    run_tap,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
TAP = str(Path(sys.executable).with_name("tap-callhistory"))
READ_BY = {"cinnox": "call_date", "utel": "date_time"}


@dataclass
class Loaded:
    """What a target has of the tap's output, and the state that it was given last."""

    tables: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=dict)
    order: list[tuple[str, str]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    log: str = ""
    exit_code: int | None = None
    pending: list[dict[str, Any]] = field(default_factory=list)

    def take(self, line: bytes) -> None:
        message = msgspec.json.decode(line)
        if message["type"] == "RECORD" and message["stream"] != LEDGER:
            self.pending.append(message)
        elif message["type"] == "STATE":
            self.keep()
            self.state = message["value"]

    def keep(self) -> None:
        for message in self.pending:
            row = message["record"]
            self.tables.setdefault(message["stream"], {})[row["id"]] = row
        self.pending = []


@contextmanager
def tap_process(folder: Path, config: dict[str, Any], state: dict[str, Any]) -> Iterator[Any]:
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "state.json").write_text(json.dumps(state))
    files = ["--config", str(folder / "config.json"), "--state", str(folder / "state.json")]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([TAP, *files], stdout=subprocess.PIPE, stderr=log) as process,  # noqa: S603
    ):
        try:
            yield process
        finally:
            process.kill()


def run(
    folder: Path, config: dict[str, Any], loaded: Loaded | None = None, *, kill_after: int = 0
) -> Loaded:
    """Run the tap as a user does; `kill_after` so many lines it gets a SIGKILL."""
    loaded = loaded or Loaded()
    with tap_process(folder, config, loaded.state) as process:
        for number, line in enumerate(process.stdout, start=1):
            if number == kill_after:
                process.kill()
                break
            loaded.take(line)
        else:
            loaded.keep()
        loaded.exit_code = process.wait(timeout=60)
    loaded.pending.clear()
    loaded.log = (folder / "log").read_text()
    return loaded


def settings(sandbox: Sandbox, url: str, **more: Any) -> dict[str, Any]:
    start = (sandbox.now() - 70 * DAY).isoformat()
    return {"start_date": start, "max_retries": 1, **sandbox.settings(url), **more}


def sandbox_of(vendors: tuple[str, ...] = NAMES, calls: int = 400, **more: Any) -> Sandbox:
    return Sandbox(vendors=vendors, calls=calls, now=datetime.now(UTC), **more)


def true_tables(sandbox: Sandbox) -> dict[str, dict[Any, dict[str, Any]]]:
    tables: dict[str, dict[Any, dict[str, Any]]] = {}
    for stream, row in sandbox.truth():
        tables.setdefault(stream, {})[row["id"]] = row
    return tables


# 1. New history, then revisits.


@pytest.mark.usefixtures("no_logs")
def test_a_run_reads_new_history_and_then_what_has_come_of_age() -> None:
    clock = Clock(NOON)
    world = made_world("cinnox", [], clock, Behaviour())
    first = run_tap(world, began=NOON)
    clock.advance(2 * HOUR)
    asked: list[tuple[str, str]] = []
    answer = world.api.answer

    def noted(request: Any) -> Any:
        query = dict(request.query)
        asked.append((query["startAt"], query["endAt"]))
        return answer(request)

    with patch.object(world.api, "answer", noted):
        second = run_tap(world, began=clock(), state=first.states()[-1])
    assert asked == [
        ("2026-03-17T10:59:59.000Z", "2026-03-17T14:00:00.000Z"),
        ("2026-03-10T11:59:59.000Z", "2026-03-10T14:00:00.000Z"),
        ("2026-03-16T11:59:59.000Z", "2026-03-16T14:00:00.000Z"),
    ]
    assert second.states()[-1]["bookmarks"]["cinnox_call_details"]["revisits"] == {
        "24": "2026-03-16T14:00:00.000000Z",
        "168": "2026-03-10T14:00:00.000000Z",
    }


# 6. Several windows at once, in order; a pause for all.


def test_windows_read_at_once_leave_in_order(tmp_path: Path) -> None:
    faults = Faults(latency_seconds=0.01, jitter_seconds=0.03, seed=3)
    sandbox = sandbox_of(("utel",), calls=9_000, faults=faults)
    with sandbox.serve() as url:
        loaded = run(tmp_path, settings(sandbox, url, concurrency=8))
    assert loaded.exit_code == 0
    assert loaded.tables == true_tables(sandbox)
    rows = list(loaded.tables["utel_call_history"].values())
    stamps = [row["date_time"] for row in rows]
    assert stamps == sorted(stamps)


def test_a_retry_after_pauses_all_and_nothing_is_lost(tmp_path: Path) -> None:
    sandbox = sandbox_of(("kavenegar",), calls=1_500, faults=Faults(requests_per_second=5))
    with sandbox.serve() as url:
        loaded = run(tmp_path, settings(sandbox, url, concurrency=8, max_retries=8))
    assert sandbox.sources["kavenegar"].injected["rate_limit"] > 0
    assert loaded.exit_code == 0
    assert loaded.tables == true_tables(sandbox)


# 7. Order within a window; nothing is dropped for its date.


@pytest.mark.usefixtures("no_logs")
@pytest.mark.parametrize("vendor", NAMES)
def test_records_leave_sorted_by_replication_key_and_id(vendor: str) -> None:
    calls = [made_call(number, NOON - DAY - (number % 7) * MINUTE) for number in range(1, 90)]
    world = made_world(vendor, calls, Clock(NOON), Behaviour())
    loaded = run_tap(world, began=NOON)
    key = READ_BY.get(vendor, "created_at")
    order = [(record[key], record["id"]) for record in loaded.records()]
    assert order == sorted(order)
    assert len(order) == 89


@pytest.mark.usefixtures("no_logs")
@pytest.mark.parametrize("vendor", NAMES)
def test_a_call_dated_2030_is_kept_and_moves_no_bookmark(vendor: str) -> None:
    odd = made_call(
        2,
        datetime(2030, 1, 1, tzinfo=UTC),
        started_at=NOON - HOUR,
        answered_at=NOON - HOUR,
        ended_at=NOON - HOUR,
        published_at=NOON - 2 * HOUR,
    )
    world = made_world(
        vendor, [made_call(1, NOON - 3 * HOUR), odd], Clock(NOON), Behaviour(filter_field="started")
    )
    loaded = run_tap(world, began=NOON)
    assert loaded.failure is None
    assert loaded.table() == truth(world)
    assert len(loaded.table()) == 2
    bookmark = loaded.states()[-1]["bookmarks"][STREAMS[vendor]]["replication_key_value"]
    assert bookmark == fixed_width(NOON)


@pytest.mark.usefixtures("no_logs")
@pytest.mark.parametrize("vendor", NAMES)
def test_a_call_seen_again_unchanged_is_not_sent_twice_in_a_run(vendor: str) -> None:
    calls = [made_call(number, NOON - DAY + number * timedelta(seconds=1)) for number in range(300)]
    world = made_world(vendor, calls, Clock(NOON), Behaviour())
    sizes = Sizes(most_comfortable_calls=20, most_calls=40)
    loaded = run_tap(world, began=NOON, sizes=sizes, vendor={"page_size": 10})
    assert loaded.summary.windows > 2
    assert len(loaded.records()) == len(loaded.table()) == 300


# 8. The bookmark.


@pytest.mark.usefixtures("no_logs")
def test_empty_windows_move_the_bookmark_each_after_its_records() -> None:
    world = made_world("etelecom", [], Clock(NOON), Behaviour())
    loaded = run_tap(world, began=NOON, start_date=(NOON - 500 * DAY).isoformat())
    values = [
        state["bookmarks"]["etelecom_call_logs"]["replication_key_value"]
        for state in loaded.states()
        if state.get("bookmarks", {}).get("etelecom_call_logs")
    ]
    assert len(set(values)) == loaded.summary.windows > 3
    assert values == sorted(values)
    assert values[-1] == fixed_width(NOON)


@pytest.mark.usefixtures("no_logs")
@pytest.mark.parametrize("change", ["start_date", "lookback_hours", "end_date"])
def test_the_bookmark_never_moves_backwards_whatever_the_settings(change: str) -> None:
    world = made_world("utel", [made_call(1, NOON - 2 * HOUR)], Clock(NOON), Behaviour())
    first = run_tap(world, began=NOON)
    changes: dict[str, dict[str, Any]] = {
        "start_date": {"start_date": (NOON - 300 * DAY).isoformat()},
        "lookback_hours": {"lookback_hours": 200},
        "end_date": {"end_date": (NOON - 5 * DAY).isoformat()},
    }
    second = run_tap(world, began=NOON + MINUTE, state=first.states()[-1], **changes[change])
    assert second.failure is None
    values = [
        state["bookmarks"]["utel_call_history"]["replication_key_value"]
        for state in (*first.states()[-1:], *second.states())
    ]
    assert values == sorted(values)


@pytest.mark.usefixtures("no_logs")
@pytest.mark.parametrize("vendor", ["kavenegar", "etelecom", "twin", "cinnox"])
def test_a_call_in_progress_holds_the_bookmark_for_as_long_as_it_is_young(vendor: str) -> None:
    began = NOON - 2 * HOUR
    talking = made_call(1, began, ended_at=NOON + 12 * HOUR)
    clock = Clock(NOON)
    world = made_world(vendor, [talking], clock, Behaviour())
    held = run_tap(world, began=NOON).states()[-1]
    stream = STREAMS[vendor]
    assert held["bookmarks"][stream]["replication_key_value"] == fixed_width(began)
    clock.advance(5 * HOUR)
    released = run_tap(world, began=clock(), state=held)
    assert released.states()[-1]["bookmarks"][stream]["replication_key_value"] == fixed_width(
        clock()
    )


@pytest.mark.usefixtures("no_logs")
def test_a_pending_recording_holds_the_bookmark_where_the_vendor_says_so() -> None:
    began = NOON - HOUR
    call = made_call(1, began, recording_ready_at=NOON + HOUR)
    clock = Clock(NOON)
    world = made_world("cinnox", [call], clock, Behaviour())
    held = run_tap(world, began=NOON).states()[-1]
    value = held["bookmarks"]["cinnox_call_details"]["replication_key_value"]
    assert value == fixed_width(began)
    clock.advance(2 * HOUR)
    assert run_tap(world, began=clock(), state=held, lookback_hours=0).table() == truth(world)


# 9. Killed anywhere.


def test_killed_again_and_again_nothing_is_lost(tmp_path: Path) -> None:
    sandbox = sandbox_of(
        ("kavenegar", "etelecom"), calls=3_000, faults=Faults(latency_seconds=0.005)
    )
    with sandbox.serve() as url:
        config = settings(sandbox, url)
        loaded = Loaded()
        for lines in (1, 5, 900, 2600, 3000):
            run(tmp_path, config, loaded, kill_after=lines)
            assert loaded.exit_code != 0
        run(tmp_path, config, loaded)
    assert loaded.exit_code == 0
    assert loaded.tables == true_tables(sandbox)


# 10. One vendor's failure does not stop the others.


def test_two_vendors_down_leave_three_loaded_two_lines_and_a_bad_exit_code(tmp_path: Path) -> None:
    down = {name: Faults(down="503") for name in ("etelecom", "utel")}
    sandbox = sandbox_of(faults=down)
    with sandbox.serve() as url:
        loaded = run(tmp_path, settings(sandbox, url, max_retries=0))
    assert loaded.exit_code == 1
    expected = true_tables(sandbox)
    for vendor in ("kavenegar", "twin", "cinnox"):
        assert loaded.tables[STREAMS[vendor]] == expected[STREAMS[vendor]]
    for vendor in ("etelecom", "utel"):
        assert STREAMS[vendor] not in loaded.tables
        lines = [line for line in loaded.log.splitlines() if f"{STREAMS[vendor]} failed" in line]
        assert len(lines) == 1, loaded.log
        assert "The next run" in lines[0] or "the next run" in lines[0]
    assert "Traceback" not in loaded.log


# 11. The closing line.


@pytest.mark.usefixtures("no_logs")
@pytest.mark.parametrize("vendor", NAMES)
def test_the_closing_counts_say_what_was_done(vendor: str) -> None:
    calls = [made_call(number, NOON - DAY - number * MINUTE) for number in range(1, 41)]
    talking = made_call(99, NOON - HOUR, ended_at=NOON + HOUR)
    world = made_world(vendor, [*calls, talking], Clock(NOON), Behaviour())
    loaded = run_tap(world, began=NOON)
    summary = loaded.summary
    assert summary.complete
    assert (summary.records, summary.distinct_keys) == (41, 41)
    assert summary.requests - loaded.requests in {0, 1}  # a login
    assert summary.unfinished_calls == (0 if vendor == "utel" else 1)
    assert summary.vendor_total == (None if vendor in {"etelecom", "cinnox"} else 41)
    assert [(span.start, span.end) for span in summary.spans] == [(NOON - 30 * DAY, NOON)]


def test_every_stream_ends_with_one_line_and_one_metric(tmp_path: Path) -> None:
    sandbox = sandbox_of(calls=60)
    with sandbox.serve() as url:
        loaded = run(tmp_path, settings(sandbox, url))
    for stream in STREAMS.values():
        lines = [line for line in loaded.log.splitlines() if f"{stream}: read [" in line]
        assert len(lines) == 1
        assert "distinct calls" in lines[0]
    last = loaded.state["bookmarks"]
    assert last.pop(LEDGER)["entered_until"].keys() == set(STREAMS.values())
    assert last.keys() == set(STREAMS.values())
    assert all(parse_instant(mark["replication_key_value"]) for mark in last.values())
