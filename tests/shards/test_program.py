"""The command itself: what it asks, what it writes, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.clocks import parse_instant
from tap_callhistory.sandbox.server import Sandbox
from tap_callhistory.shards.program import main
from tests.support.shards.stretches import FIRSTS, UTEL, months, state, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = [sys.executable, "-m", "tap_callhistory.shards"]
TIMEOUT_SECONDS = 120
NOW = datetime.now(UTC).replace(microsecond=0)
#: The first of a month, older than every revisit.
T = (NOW - timedelta(days=9)).replace(day=1, hour=0, minute=0, second=0)
S_OF_SANDBOX = (T - timedelta(days=170)).replace(day=1)
STREAMS = {
    *("kavenegar_calls", "etelecom_call_logs", "twin_call_sessions", "cinnox_call_details"),
    UTEL,
}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if "CALLHISTORY" not in name}
    return subprocess.run(  # noqa: S603 - our own command
        [*PROGRAM, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        env={**kept, **environment},
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[Sandbox, str]]:
    sandbox = Sandbox(calls=3000, days=200, now=NOW)
    with sandbox.serve() as url:
        yield sandbox, url


@pytest.fixture(scope="module")
def config(sandbox: tuple[Sandbox, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    served, url = sandbox
    path = tmp_path_factory.mktemp("shards") / "config.json"
    path.write_text(json.dumps({"start_date": S_OF_SANDBOX.isoformat(), **served.settings(url)}))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plan of four months, and the states of shards that have read them."""
    (tmp_path / "plan.json").write_text(json.dumps({"shards": [each.row() for each in months()]}))
    (tmp_path / "states").mkdir()
    for name, given in whole(months()).items():
        (tmp_path / "states" / f"{name}.json").write_text(json.dumps(given))
    return tmp_path


def arguments(folder: Path, command: str, *further: str) -> list[str]:
    plan, states = folder / "plan.json", folder / "states"
    return [command, "--plan", str(plan), "--states", str(states), *further]


def proof(folder: Path, command: str, *further: str) -> subprocess.CompletedProcess[str]:
    return run(*arguments(folder, command, *further))


# plan


def planned(config: Path, *further: str) -> subprocess.CompletedProcess[str]:
    ends = ("--start", f"{S_OF_SANDBOX:%Y-%m-%d}", "--end", T.isoformat())
    return run("plan", "--config", str(config), *ends, *further)


def test_a_plan_tiles_the_history_of_every_vendor(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "plan.json"
    came = planned(config, "--calls-per-shard", "600", "--output", str(output))
    assert (came.returncode, came.stdout) == (0, ""), came.stderr
    written = json.loads(output.read_text())
    assert set(written) == {"shards"}
    assert {shard["stream"] for shard in written["shards"]} == STREAMS
    for stream in STREAMS:
        shards = [shard for shard in written["shards"] if shard["stream"] == stream]
        ends = [parse_instant(shard["end"]) for shard in shards]
        starts = [parse_instant(shard["start"]) for shard in shards]
        assert starts == [S_OF_SANDBOX, *ends[:-1]]
        assert ends[-1] == T
        assert 1 < len(shards) <= 6
    assert set(written["shards"][0]) == {
        *("id", "account", "vendor", "stream", "start", "end", "expected_calls"),
    }


def test_expected_calls_are_near_the_truth_and_requests_are_few_and_told(
    config: Path, sandbox: tuple[Sandbox, str]
) -> None:
    came = planned(config)
    assert came.returncode == 0, came.stderr
    shards = json.loads(came.stdout)["shards"]
    for shard in shards:
        (api,) = [world for name, world in sandbox[0].worlds.items() if name == shard["vendor"]]
        key = {"cinnox": "call_date", "utel": "date_time"}.get(shard["vendor"], "created_at")
        true = sum(shard["start"] <= row[key] < shard["end"] for row in api.truth())
        assert true / 2 < shard["expected_calls"] < true * 2, shard["stream"]
    told = came.stderr.splitlines()
    assert len(told) == len(STREAMS)
    for line in told:
        assert int(line.partition("; asked ")[2].split()[0]) <= 30
    assert "(totals of 6 months)" in next(line for line in told if line.startswith("utel"))
    assert "(samples of 6 months)" in next(line for line in told if line.startswith("cinnox"))


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2025-01-01", (NOW - timedelta(days=6)).isoformat(), "at least 168 hours back"),
        ("2025-01-01", "2025-01-01", "--end must lie after --start."),
        ("2025-01-01", "2025-02-01T00:00:30Z", "--start and --end must be multiples of 60 s"),
        ("yesterday", "2025-02-01", "argument --start: must be a date"),
        ("2025-01-01", "2125-02-01", "argument --end: must not lie in the future"),
    ],
    ids=["too young", "empty", "seconds", "no date", "ahead"],
)
def test_a_stretch_that_no_shard_can_read_once_and_for_all_is_refused(
    config: Path, start: str, end: str, words: str
) -> None:
    came = run("plan", "--config", str(config), "--start", start, "--end", end)
    assert came.returncode in {1, 2}
    (line,) = came.stderr.splitlines()
    assert words in line
    assert came.stdout == ""


def test_a_vendor_that_refuses_is_named_and_nothing_is_written(
    config: Path, tmp_path: Path
) -> None:
    given = json.loads(config.read_text())
    given["kavenegar"]["api_token"] = "wrong-token-of-mine"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(given))
    came = planned(other, "--output", str(tmp_path / "plan.json"))
    assert came.returncode == 1
    (line,) = [line for line in came.stderr.splitlines() if "failed" in line]
    assert line.startswith("kavenegar_calls failed: ")
    assert "kavenegar.api_token" in line
    assert "wrong-token-of-mine" not in came.stderr
    assert not (tmp_path / "plan.json").exists()


def test_settings_come_from_the_environment_and_faults_are_lines() -> None:
    ends = ("--start", "2025-01-01", "--end", "2025-02-01")
    came = run("plan", *ends, TAP_CALLHISTORY_UTEL_TOKEN="t" * 20)
    assert (came.returncode, came.stderr) == (1, "utel.api_url is missing.\n")


# check and merge


def test_check_passes_a_whole_history(folder: Path) -> None:
    came = proof(folder, "check")
    assert (came.returncode, came.stderr) == (0, "")
    assert came.stdout == (
        f"acme {UTEL}: whole: [2025-01-01T00:00:00Z, 2025-05-01T00:00:00Z), 4 shards\n"
    )


def test_check_and_merge_say_all_that_is_missing(folder: Path) -> None:
    (folder / "states" / f"{months()[1].id}.json").unlink()
    half = state(FIRSTS[2] + timedelta(days=1))
    (folder / "states" / f"{months()[2].id}.json").write_text(json.dumps(half))
    checked, merged = proof(folder, "check"), proof(folder, "merge")
    assert checked.returncode == merged.returncode == 1
    assert checked.stdout == merged.stdout == ""
    assert len(checked.stderr.splitlines()) == 4
    assert merged.stderr == checked.stderr


def test_a_stretch_beyond_the_plan_is_missing(folder: Path) -> None:
    came = proof(folder, "check", "--start", "2024-12-01")
    gap = "[2024-12-01T00:00:00Z, 2025-01-01T00:00:00Z)"
    assert (came.returncode, came.stderr) == (1, f"acme {UTEL}: not read: {gap}\n")


def test_the_last_whole_line_of_a_loaders_output_counts(folder: Path) -> None:
    file = folder / "states" / f"{months()[3].id}.json"
    whole_line = file.read_text()
    early = json.dumps(state(FIRSTS[3] + timedelta(days=1)))
    file.write_text(f"{early}\n{whole_line}\n{whole_line[:40]}")
    assert proof(folder, "check").returncode == 0
    file.write_text(f"{early}\n{whole_line[:40]}")
    assert "half read" in proof(folder, "check").stderr


def test_merge_writes_one_state_and_keeps_a_newer_one(folder: Path) -> None:
    came = proof(folder, "merge")
    assert (came.returncode, came.stderr) == (0, "")
    merged = json.loads(came.stdout)
    value = merged["bookmarks"][UTEL]["replication_key_value"]
    assert value == "2025-05-01T00:00:00.000000Z"

    newer = folder / "newer.json"
    newer.write_text(json.dumps(state(FIRSTS[4] + timedelta(days=40))))
    came = proof(folder, "merge", "--onto", str(newer))
    value = json.loads(came.stdout)["bookmarks"][UTEL]["replication_key_value"]
    assert value == "2025-06-10T00:00:00.000000Z"


@pytest.mark.parametrize("command", ["check", "merge"])
@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (None, "The file given with --plan cannot be read: No such file or directory."),
        ("{", "The file given with --plan is not JSON."),
        ("[]", "The file given with --plan is not a JSON object."),
        ("[" * 100_000, "The file given with --plan is not JSON."),
        ("\udcff", "The file given with --plan is not JSON."),
        ({"shards": []}, "The file given with --plan has no shards."),
        ({"shards": [1]}, "The plan's shard 1 is not an object."),
        ({"id": "../../etc/passwd"}, "an id that cannot name a file"),
        ({"id": ""}, "The plan's shard 1 has no id."),
        ({"stream": "no_such_calls"}, "does not have for its vendor"),
        ({"vendor": "twin"}, "does not have for its vendor"),
        ({"start": "yesterday"}, "has no start that is a date-time"),
        ({"start": 5}, "has no start that is a date-time"),
        ({"end": "2024-01-01T00:00:00Z"}, "ends before it begins"),
        ({"expected_calls": "many"}, "not a count"),
    ],
)
def test_a_file_that_is_no_plan_ends_it_with_a_line(
    folder: Path, command: str, plan: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "plan.json"
    if plan is None:
        file.unlink()
    elif isinstance(plan, str):
        file.write_text(plan, errors="surrogateescape")
    else:
        row = {**months()[0].row(), **plan}
        file.write_text(json.dumps(plan if "shards" in plan else {"shards": [row]}))
    with pytest.raises(SystemExit) as ended:
        main(arguments(folder, command))
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert words in line


def test_an_id_twice_and_a_folder_that_is_none_are_lines(folder: Path) -> None:
    rows = [each.row() for each in (*months(), months()[0])]
    (folder / "plan.json").write_text(json.dumps({"shards": rows}))
    assert proof(folder, "check").stderr == f"The plan has the id {months()[0].id} twice.\n"
    (folder / "plan.json").write_text(json.dumps({"shards": rows[:4]}))
    came = run("check", "--plan", str(folder / "plan.json"), "--states", str(folder / "plan.json"))
    assert (came.returncode, came.stderr) == (1, "--states is not a folder that can be read.\n")


def test_an_output_that_cannot_be_written_is_a_line(folder: Path) -> None:
    came = proof(folder, "merge", "--onto", str(folder))
    assert came.stderr == "The file given with --onto cannot be read: Is a directory.\n"


def test_a_command_is_needed() -> None:
    came = run()
    assert came.returncode == 2
    (line,) = came.stderr.splitlines()
    assert "COMMAND" in line
