"""The command itself: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.sandbox.faults import Faults
from tap_callhistory.sandbox.server import Sandbox
from tests.support.probe.probing import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = [sys.executable, "-m", "tap_callhistory.probe"]
START_DATE = "2025-01-01T00:00:00Z"
TIMEOUT_SECONDS = 120
STARTED = "The probe starts.\n"
BEGUN = f"{STARTED}Probing kavenegar: at most 40 requests, only reading.\n"


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
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings for a live sandbox of two vendors; a third one is down."""
    sandbox = Sandbox(vendors=("kavenegar", "twin", "cinnox"))
    sandbox.set_faults({"cinnox": Faults(down="refused")})
    with sandbox.serve() as url:
        path = tmp_path_factory.mktemp("probe") / "config.json"
        path.write_text(json.dumps({"start_date": START_DATE, **sandbox.settings(url)}))
        yield path


def changed(config: Path, folder: Path, **settings: Any) -> str:
    other = folder / "other.json"
    given = json.loads(config.read_text())
    other.write_text(json.dumps({**given, **settings}))
    return str(other)


def test_prints_every_assumption_and_the_settings_to_paste(config: Path) -> None:
    came = run("--config", str(config), "--vendor", "twin")
    assert came.returncode == 0, came.stderr
    assert came.stdout.startswith("twin_call_sessions: ")
    line = re.compile(r"^  credentials +as assumed +accepted \(certain\)$", re.MULTILINE)
    assert line.search(came.stdout)
    assert came.stdout.endswith("config:\n  twin.date_field_parameter: dateField\n")


def test_gives_the_same_to_machines(config: Path) -> None:
    came = run("--config", str(config), "--vendor", "twin", "--vendor", "kavenegar", "--json")
    assert came.returncode == 0, came.stderr
    kavenegar, twin = json.loads(came.stdout)
    assert (kavenegar["vendor"], twin["vendor"]) == ("kavenegar", "twin")
    assert twin["settings"] == {"twin.date_field_parameter": "dateField"}
    bounds = next(f for f in kavenegar["findings"] if f["assumption"] == "window bounds")
    assert bounds["reading"] == "[]"
    assert bounds["outcome"] == "as assumed"


#: Tells on standard error when the SDK begins to be imported.
WATCHED = """
import sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "singer_sdk":
            print("the SDK is imported", file=sys.stderr, flush=True)

sys.meta_path.insert(0, Watch())
from tap_callhistory.cli import probe

probe()
"""


@pytest.mark.parametrize("option", ["--vendor", "--help"])
def test_it_says_that_it_starts_before_anything_slow_is_done(config: Path, option: str) -> None:
    came = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", WATCHED, "--config", str(config), option, "kavenegar"],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert came.returncode == 0, came.stderr
    first, *rest = came.stderr.splitlines()
    if option == "--help":
        assert "The probe starts." not in [first, *rest]
    else:
        assert (first, *rest[:2]) == (
            "The probe starts.",
            "the SDK is imported",
            BEGUN.split("\n")[1],
        )


def test_settings_come_from_the_environment_too() -> None:
    came = run(
        "--vendor", "utel", TAP_CALLHISTORY_START_DATE=START_DATE, TAP_CALLHISTORY_SANDBOX="true"
    )
    assert came.returncode == 0, came.stderr
    assert "utel_call_history: " in came.stdout
    assert "of the sandbox, whose calls are made up" in came.stdout
    assert "Probing the sandbox's utel: at most 40 requests" in came.stderr
    assert "made-up calls" in came.stderr


def test_refused_credentials_end_it_with_one_line(config: Path, tmp_path: Path) -> None:
    own = json.loads(config.read_text())["kavenegar"]
    other = changed(config, tmp_path, kavenegar={**own, "api_token": "wrong-token-of-mine"})
    came = run("--config", other, "--vendor", "kavenegar")
    assert came.returncode == 1
    started, begun, line = [line for line in came.stderr.splitlines() if "trying again" not in line]
    assert started == "The probe starts."
    assert begun == "Probing kavenegar: at most 40 requests, only reading."
    assert "kavenegar.api_token" in line
    assert "has to change" not in came.stdout
    assert came.stdout.endswith("Nothing was found out about kavenegar.\n")
    assert "wrong-token-of-mine" not in came.stdout + came.stderr


def test_one_vendor_down_does_not_stop_the_others(config: Path, tmp_path: Path) -> None:
    other = changed(config, tmp_path, max_retries=0)
    came = run("--config", other, "--vendor", "kavenegar", "--vendor", "cinnox")
    assert came.returncode == 1
    assert "kavenegar_calls: " in came.stdout
    assert "cinnox_call_details: no good answer" in came.stderr
    assert "Traceback" not in came.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"start_date": "yesterday"}', "start_date"),
        ('{"start_date": "2025-01-01T00:00:00Z", "kavenegr": {}}', "did you mean kavenegar"),
        ("[1]", "given with --config is not a JSON object."),
        ("{", "given with --config is not JSON (see line 1, column 2)."),
        ("[" * 200_000, "given with --config is nested too deeply."),
    ],
)
def test_faulty_settings_end_it_with_a_line(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    came = run("--config", str(path))
    assert came.returncode == 1
    assert words in came.stderr
    assert "Traceback" not in came.stderr


def test_a_file_that_cannot_be_read_is_not_named() -> None:
    came = run("--config", "/nonexistent/s3cret")
    told = f"{STARTED}The file given with --config cannot be read: No such file or directory.\n"
    assert (came.returncode, came.stderr) == (1, told)


def test_settings_are_laid_over_each_other_file_by_file(config: Path, tmp_path: Path) -> None:
    whole = json.loads(config.read_text())
    password = whole["twin"].pop("password")
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text(json.dumps(whole), encoding="utf-8-sig")  # as editors on Windows write it
    second.write_text(json.dumps({"twin": {"date_field_parameter": "dateField"}}))
    came = run(
        *("--config", str(first), "--config", str(second), "--config", "ENV"),
        *("--vendor", "twin", "--json"),
        TAP_CALLHISTORY_TWIN_PASSWORD=password,
    )
    assert came.returncode == 0, came.stderr
    (twin,) = json.loads(came.stdout)
    assert twin["settings"] == {}  # else it proposes what the second file says


FULL, CLOSED = ">/dev/full", ">&-"


@pytest.mark.parametrize(
    ("redirection", "told"),
    [
        pytest.param(
            FULL,
            BEGUN + "The output cannot be written: No space left on device\n",
            marks=pytest.mark.skipif(
                not Path("/dev/full").exists(), reason="the system has no /dev/full"
            ),
        ),
        (CLOSED, f"{STARTED}The output cannot be written: it is closed\n"),
    ],
)
def test_an_output_that_takes_nothing_is_told_in_a_line(
    config: Path, redirection: str, told: str
) -> None:
    arguments = ["--config", str(config), "--vendor", "kavenegar"]
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *PROGRAM]
    came = subprocess.run(  # noqa: S603 - our own command
        [*command, *arguments],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert (came.returncode, came.stderr) == (1, told)


def test_a_closed_pipe_ends_it_quietly(config: Path) -> None:
    with subprocess.Popen(  # noqa: S603 - our own command
        [*PROGRAM, "--config", str(config), "--vendor", "kavenegar"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as probe:
        assert probe.stdout is not None
        probe.stdout.close()
        assert probe.stderr is not None
        said = probe.stderr.read()
        assert probe.wait(TIMEOUT_SECONDS) == 1
    assert said == BEGUN


def test_documents_need_a_folder() -> None:
    came = run("--document", "/nonexistent/folder")
    assert came.returncode == 1
    assert came.stderr == f"{STARTED}--document cannot be written: No such file or directory.\n"


def test_a_vendor_that_is_not_in_the_settings_is_named(config: Path) -> None:
    came = run("--config", str(config), "--vendor", "utel")
    assert came.returncode == 1
    assert "utel" in came.stderr


def test_nothing_personal_is_printed() -> None:
    sandbox = Sandbox(now=NOW)
    with sandbox.serve() as url:
        settings = {"start_date": START_DATE, **sandbox.settings(url)}
        came = run("--config", "ENV", "--json", **_variables(settings))
    assert came.returncode == 0, came.stderr
    said = came.stdout + came.stderr
    people = {
        str(part)
        for world in sandbox.worlds.values()
        for call in world.calls_truth()
        for part in (call["from_number"], call["to_number"], call["call_id"])
        if len(str(part)) > 6
    }
    assert len(people) > 10_000
    runs = set(re.findall(r"[\w+-]{7,}", said))
    assert not people & runs
    assert not [secret for secret in _secrets(settings) if secret in said]


def _variables(settings: dict[str, Any], prefix: str = "TAP_CALLHISTORY") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in settings.items():
        variable = f"{prefix}_{name.upper()}"
        found |= _variables(value, variable) if isinstance(value, dict) else {variable: str(value)}
    return found


def _secrets(settings: dict[str, Any]) -> list[str]:
    own = [each for each in settings.values() if isinstance(each, dict)]
    names = {"api_token", "api_key", "password", "app_token", "token"}
    return [value for each in own for name, value in each.items() if name in names]
