from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
import requests

from tests.support.sandbox.asking import PATHS, TOKENS

PROGRAM = [sys.executable, "-c", "from tap_callhistory.sandbox.program import main; exit(main())"]
TIMEOUT_SECONDS = 20


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own program
        [*PROGRAM, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def greeting(stdout: IO[str]) -> str:
    lines = []
    for line in stdout:
        lines.append(line)
        if line == "}\n":
            break
    return "".join(lines)


def test_every_program_tells_its_version() -> None:
    for name in ("sandbox", "probe", "shards"):
        program = Path(sys.executable).with_name(f"tap-callhistory-{name}")
        told = subprocess.run(  # noqa: S603 - our own program
            [program, "--version"], check=True, capture_output=True, text=True
        )
        assert told.stdout.startswith(f"tap-callhistory-{name} v")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_ends_cleanly(number: signal.Signals) -> None:
    with started("--calls", "40", "--now", "2026-11-20T10:00:00Z") as program:
        assert program.stdout is not None
        told = greeting(program.stdout)
        config = json.loads(told[told.index("{") :])
        answer = requests.get(
            config["kavenegar"]["api_url"] + "/calls",
            headers={"Authorization": f"Bearer {config['kavenegar']['api_token']}"},
            timeout=TIMEOUT_SECONDS,
        )
        program.send_signal(number)
        rest, errors = program.communicate(timeout=TIMEOUT_SECONDS)
    assert answer.json()["page"]["total"] == 40
    assert "kavenegar         40 calls  kavenegar_calls" in told
    assert config["start_date"].endswith("T00:00:00Z")
    assert (program.returncode, rest, errors) == (0, "", "")


def test_it_serves_chosen_vendors_and_lets_some_be_down() -> None:
    arguments = ("--calls", "5", "--vendor", "cinnox", "--vendor", "kavenegar", "--down", "cinnox")
    with started(*arguments) as program:
        assert program.stdout is not None
        told = greeting(program.stdout)
        config = json.loads(told[told.index("{") :])
        url = config["cinnox"]["api_url"].removesuffix("/cinnox")
        answer = requests.get(
            url + PATHS["cinnox"],
            headers={"Authorization": f"Bearer {TOKENS['cinnox']}"},
            timeout=TIMEOUT_SECONDS,
        )
        program.terminate()
    assert config.keys() == {"start_date", "cinnox", "kavenegar"}
    assert "(down)" in told
    assert answer.status_code == 503


def test_it_writes_the_truth(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    arguments = ("--calls", "30", "--now", "2026-11-20T10:00:00Z", "--truth", str(path))
    with started(*arguments) as program:
        assert program.stdout is not None
        greeting(program.stdout)
        program.terminate()
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert 145 <= len(rows) <= 150
    assert all(row.keys() == {"stream", "row"} for row in rows)


def ended(*arguments: str, redirection: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program to its end, its output redirected by a shell if so wished."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *PROGRAM]
    return subprocess.run(  # noqa: S603 - our own program
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
    )


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--calls", "-1", "must not be negative"),
        ("--fail-share", "2", "must be from 0 to 1"),
        ("--fail-share", "nan", "must be from 0 to 1"),
        ("--port", "99999", "must be from 0 to 65535"),
        ("--port", "-1", "must be from 0 to 65535"),
        *(
            ("--days", value, "must be from 0.01 to 3660")
            for value in ("nan", "inf", "1e9", "-1", "0", "1e-300")
        ),
        ("--now", "2026-01-01", "needs an offset or Z"),
        ("--now", "0001-01-01T00:00:00Z", "must lie in the years 2000 to 2099"),
        ("--now", "0001-01-01T00:00:00+05:00", "must lie in the years 2000 to 2099"),
        ("--now", "9999-12-31T23:59:59Z", "must lie in the years 2000 to 2099"),
        *(
            (option, value, "must be a number, and not negative")
            for option in ("--latency-ms", "--jitter-ms")
            for value in ("nan", "inf", "-1")
        ),
        *(
            (option, value, "must be a number above 0")
            for option in ("--rate-limit", "--stall-seconds")
            for value in ("nan", "inf", "-1", "0")
        ),
    ],
)
def test_a_wrong_option_is_named(option: str, value: str, told: str) -> None:
    done = ended(option, value)
    assert done.returncode == 2
    assert done.stderr.endswith(f"error: argument {option}: {told}\n")


@pytest.mark.parametrize("path", ["/nonexistent/truth.jsonl", "."])
def test_a_truth_that_cannot_be_written_is_one_clear_line(path: str) -> None:
    done = ended("--port", "0", "--calls", "1", "--truth", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("--truth cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_a_host_that_is_no_name_is_one_clear_line() -> None:
    done = ended("--port", "0", "--calls", "1", "--host", "a" * 100)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "--host is not an address or a name.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_an_output_that_takes_no_greeting_is_one_clear_line() -> None:
    done = ended("--port", "0", "--calls", "1", redirection=">/dev/full")
    assert done.returncode == 1
    assert done.stderr == "The output cannot be written: No space left on device\n"


def test_a_closed_pipe_ends_it_quietly() -> None:
    with started("--calls", "1") as program:
        assert program.stdout is not None
        program.stdout.close()
        assert program.stderr is not None
        said = program.stderr.read()
        assert program.wait(TIMEOUT_SECONDS) == 1
    assert said == ""


def test_a_taken_port_is_one_clear_line() -> None:
    with started("--calls", "1") as first:
        assert first.stdout is not None
        told = greeting(first.stdout)
        port = told.split("\n")[0].split(":")[2].split(" ")[0]
        done = subprocess.run(  # noqa: S603 - our own program
            [*PROGRAM, "--port", port, "--calls", "1"],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
        first.terminate()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Cannot listen on 127.0.0.1:{port}: ")
    assert done.stderr.count("\n") == 1


def test_without_its_extra_it_says_how_to_install_it() -> None:
    hidden = "import sys; sys.modules['aiohttp'] = None; "
    done = subprocess.run(  # noqa: S603 - our own program
        [*PROGRAM[:2], hidden + PROGRAM[2]],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 1
    assert "pip install 'tap-callhistory[sandbox]'" in done.stderr
    assert done.stderr.count("\n") == 1
