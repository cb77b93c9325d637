"""The programs while they start: Ctrl-C comes while modules are still being imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAMS = [
    "tap-callhistory",
    "tap-callhistory-probe",
    "tap-callhistory-sandbox",
    "tap-callhistory-shards",
]
FOLDER = Path(sys.executable).parent
SLOWEST_SECONDS = 30

#: Python loads it before the program: it says when the first large module is being imported.
TELLTALE = """
import sys

class Telltale:
    def find_spec(self, name, path=None, target=None):
        if name in {"singer_sdk", "argparse"}:
            sys.stderr.write("importing\\n")
            sys.stderr.flush()

sys.meta_path.insert(0, Telltale())
"""


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("wait_seconds", [0, 0.02, 0.1, 0.2])
def test_ctrl_c_during_the_start_ends_it_quietly(
    tmp_path: Path, program: str, wait_seconds: float
) -> None:
    (tmp_path / "sitecustomize.py").write_text(TELLTALE, encoding="utf-8")
    with subprocess.Popen(  # noqa: S603 - our own programs
        [FOLDER / program, "--help"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    ) as started:
        assert started.stderr is not None
        assert started.stderr.readline() == "importing\n"
        time.sleep(wait_seconds)
        started.send_signal(signal.SIGINT)
        said = started.stderr.read()
        code = started.wait(SLOWEST_SECONDS)
    # It may have been faster than the signal.
    assert code in ({130} if not wait_seconds else {0, 130, -signal.SIGINT})
    assert said.replace("importing\n", "") == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_large_is_imported_before_ctrl_c_is_taken_care_of(program: str) -> None:
    name = program.removeprefix("tap-callhistory").removeprefix("-") or "tap"
    code = f"import sys; from tap_callhistory.cli import {name}; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) & {"singer_sdk", "argparse", "requests", "click"} == set()
