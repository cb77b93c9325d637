from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import IO, TYPE_CHECKING

import pytest
import requests

from .asking import PATHS, TOKENS

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize(
    "arguments",
    [["--calls", "-1"], ["--fail-share", "2"], ["--days", "0"], ["--now", "2026-01-01"]],
)
def test_a_wrong_option_is_named(arguments: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [*PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
    )
    assert done.returncode == 2
    assert f"argument {arguments[0]}: must" in done.stderr or "needs an offset" in done.stderr
    assert "Traceback" not in done.stderr


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
