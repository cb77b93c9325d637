"""The command as a user types it, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.sandbox.faults import Faults
from tap_callhistory.vendors import VENDORS
from tests.support.command import Run

if TYPE_CHECKING:
    from tests.support.command import Command
    from tests.support.serving import Serve, Served

STREAMS = sorted(each.name for each in VENDORS)
TRACEBACK = "Traceback"
PROMPT_SECONDS = 20
RUN_SECONDS = 30


def test_version(run_tap: Command) -> None:
    run = run_tap(None, "--version")
    assert run.code == 0
    assert run.output.startswith("tap-callhistory v")


def test_about_as_markdown_has_a_row_for_every_setting_and_shows_no_secret_default(
    run_tap: Command,
) -> None:
    run = run_tap(None, "--about", "--format=markdown")
    assert run.code == 0
    assert run.output.startswith("# `tap-callhistory`\n")
    for vendor in VENDORS:
        for name in vendor.settings["properties"]:
            assert f"| {vendor.vendor}.{name} |" in run.output


def test_about_as_json_names_the_capabilities(run_tap: Command) -> None:
    about = json.loads(run_tap(None, "--about", "--format=json").output)
    assert about["name"] == "tap-callhistory"
    assert {"catalog", "state", "discover", "stream-maps", "schema-flattening"} <= set(
        about["capabilities"]
    )
    assert "batch" not in about["capabilities"]
    assert about["settings"]["properties"]["hash_key"]["secret"] is True


def test_about_as_text(run_tap: Command) -> None:
    run = run_tap(None, "--about")
    assert run.code == 0
    assert run.output.startswith("Name: tap-callhistory\n")
    assert "Environment Variable: TAP_CALLHISTORY_START_DATE" in run.output


def test_discovery_finds_the_streams_of_the_vendors_that_are_configured(
    run_tap: Command, served: Served
) -> None:
    run = run_tap(served.config("twin", "utel"), "--discover")
    assert run.code == 0
    catalog = json.loads(run.output)
    found = {each["tap_stream_id"]: each for each in catalog["streams"]}
    ledger = found.pop(LEDGER)
    assert ledger["key_properties"] == ["stream", "window_start", "read_at"]
    assert ledger["replication_method"] == "INCREMENTAL"
    assert set(found) == {"twin_call_sessions", "utel_call_history"}
    for entry in found.values():
        assert entry["key_properties"] == ["id"]
        assert entry["replication_method"] == "INCREMENTAL"
        undescribed = [
            name
            for name, each in entry["schema"]["properties"].items()
            if "description" not in each
        ]
        assert undescribed == []


def test_a_test_run_reads_one_call_of_every_stream_and_complains_of_nothing(
    run_tap: Command, served: Served
) -> None:
    run = run_tap(served.config(), "--test")
    assert run.code == 0
    assert [each["stream"] for each in run.of("RECORD")] == STREAMS
    assert run.errors == []


def test_a_test_run_tells_of_every_stream_that_fails(run_tap: Command, served: Served) -> None:
    config = served.config("kavenegar", "etelecom", "utel", max_retries=0)
    config["kavenegar"] |= {"api_token": "wrong-token-1"}
    config["etelecom"] |= {"api_key": "wrong-token-2"}
    run = run_tap(config, "--test")
    assert run.code == 1
    assert [each["stream"] for each in run.of("RECORD")] == ["utel_call_history"]
    assert len(run.errors) == 2
    assert TRACEBACK not in run.log


def test_a_test_run_with_settings_that_cannot_be_used_says_that_alone_under_meltano(
    run_tap: Command,
) -> None:
    shown_once = {"PYTHONWARNINGS": "once"}  # as Meltano sets it
    run = run_tap({}, "--test", catalog={"streams": []}, state={}, env=shown_once)
    assert run.code == 1
    assert "ResourceWarning" not in run.log
    assert len(run.errors) == 2


def deselected(catalog: dict[str, Any], stream: str, *breadcrumbs: tuple[str, ...]) -> None:
    entry = next(each for each in catalog["streams"] if each["tap_stream_id"] == stream)
    for breadcrumb in breadcrumbs:
        node = next((m for m in entry["metadata"] if m["breadcrumb"] == list(breadcrumb)), None)
        if node is None:
            node = {"breadcrumb": list(breadcrumb), "metadata": {}}
            entry["metadata"].append(node)
        node["metadata"]["selected"] = False


def test_what_is_deselected_is_nowhere(run_tap: Command, served: Served) -> None:
    config = served.config("kavenegar", "etelecom", "utel")
    catalog = json.loads(run_tap(config, "--discover").output)
    party = ("properties", "caller", "properties", "username")
    deselected(catalog, "etelecom_call_logs", ())
    deselected(catalog, "kavenegar_calls", ("properties", "recording"), party)
    deselected(catalog, "utel_call_history", ("properties", "src"))
    run = run_tap(config, catalog=catalog)
    assert run.code == 0, run.log
    assert '"stream":"etelecom_call_logs"' not in run.output
    [schema] = [e["schema"] for e in run.of("SCHEMA") if e["stream"] == "kavenegar_calls"]
    assert "recording" not in schema["properties"]
    assert "username" not in schema["properties"]["caller"]["properties"]
    for record in run.records("kavenegar_calls"):
        assert "recording" not in record
        assert "username" not in record["caller"]
        assert record["receptor"]["username"]
        assert record["_extra"] is None
    truth = served.truth("utel_call_history")
    assert all("src" not in record for record in run.records("utel_call_history"))
    assert len(run.records("utel_call_history")) == len(truth)


def test_settings_from_the_environment_count_more_than_files(
    run_tap: Command, served: Served
) -> None:
    config = served.config("kavenegar")
    token = config["kavenegar"].pop("api_token")
    (run_tap.folder / ".env").write_text("TAP_CALLHISTORY_KAVENEGAR_PAGE_SIZE=11\n")
    env = {
        "TAP_CALLHISTORY_KAVENEGAR_API_TOKEN": token,
        "TAP_CALLHISTORY_REVISIT_HOURS": "[]",
        "TAP_CALLHISTORY_FLATTENING_ENABLED": "false",
        "TAP_CALLHISTORY_STREAM_MAPS": '{"kavenegar_calls": {"__alias__": "calls"}}',
    }
    served.sandbox.log["kavenegar"].clear()
    run = run_tap(config, "--config", "ENV", env=env)
    assert run.code == 0, run.log
    assert len(run.rows("calls")) == 150
    assert run.state["bookmarks"]["kavenegar_calls"]["revisits"] == {}
    assert all("size=11" in query for _, query in served.sandbox.log["kavenegar"])
    assert token not in run.output + run.log


def test_stream_maps_and_flattening(run_tap: Command, served: Served) -> None:
    maps = {
        "utel_call_history": {
            "__alias__": "calls",
            "__filter__": "conversation > 0",
            "minutes": "conversation / 60",
            "src": "md5(src)",
            "dst": None,
        }
    }
    run = run_tap(
        served.config("utel", stream_maps=maps, flattening_enabled="true", flattening_max_depth=2)
    )
    assert run.code == 0, run.log
    truth = {
        key: row for key, row in served.truth("utel_call_history").items() if row["conversation"]
    }
    rows = run.rows("calls")
    assert set(rows) == set(truth)
    assert {message["stream"] for message in run.of("RECORD")} == {"calls", LEDGER}
    for key, row in rows.items():
        expected = truth[key]
        assert row["src"] == hashlib.md5(expected["src"].encode()).hexdigest()  # noqa: S324
        assert float(row["minutes"]) == pytest.approx(expected["conversation"] / 60)
        assert row["status__name"] == expected["status"]["name"]
        assert "dst" not in row
        assert "status" not in row


def test_every_fault_of_the_settings_is_one_line_that_does_not_show_the_value(
    run_tap: Command,
) -> None:
    run = run_tap({
        "start_date": "yesterday-S3CRET",
        "lookback_huors": 2,
        "on_bad_record": "S3CRET-choice",
        "kavenegar": {"api_token": "S3CRET-token", "timezone": "Asia/S3CRET", "page_size": 100001},
        "etelecom": {"api_key": "S3CRET-key", "api_url": "ftp://S3CRET.example"},
        "twin": {"company_id": 3},
        "cinnox": {"api_url": "https://example.com", "app_id": "1", "app_tokn": "S3CRET-token"},
        "utel": {"api_url": "https://example.com", "email": "S3CRET@example.com"},
        "stream_maps": {"utel_call_history": {"src": "md5(S3CRET"}},
        "flattening_max_depth": "S3CRET",
    })
    assert run.code == 1
    assert run.output == ""
    assert "S3CRET" not in run.log
    assert TRACEBACK not in run.log
    for name in (
        "start_date",
        "lookback_huors",
        "on_bad_record",
        "kavenegar.timezone",
        "kavenegar.page_size",
        "etelecom.api_url",
        "twin",
        "cinnox.app_tokn",
        "cinnox.app_token",
        "utel.password",
        "stream_maps.utel_call_history.src",
        "flattening_max_depth",
    ):
        assert len([line for line in run.errors if line.startswith(f"{name} ")]) == 1, name


def test_no_vendor_is_an_error_that_names_them(run_tap: Command) -> None:
    run = run_tap({"start_date": "2026-01-01T00:00:00Z"})
    assert run.code == 1
    [line, _] = run.errors
    assert all(vendor.vendor in line for vendor in VENDORS)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--config", "absent.json"], "cannot be read: No such file"),
        (["--config", "broken.json"], "--config is not JSON (see line 1"),
        (["--config", "list.json"], "--config is not a JSON object"),
        (["--config", "nan.json"], "--config is not JSON (NaN is no value)"),
        (["--config", "good.json", "--state", "nan.json"], "--state is not JSON"),
        (["--config", "good.json", "--catalog", "nan.json"], "--catalog is not JSON"),
        (["--config", "good.json", "--state", "broken.json"], "--state is not JSON"),
        (["--config", "good.json", "--state", "list.json"], "--state is not a JSON object"),
        (["--config", "good.json", "--state", "wrapped.json"], "the state is not a Singer state"),
        (["--config", "good.json", "--catalog", "broken.json"], "--catalog is not JSON"),
        (["--config", "good.json", "--catalog", "good.json"], "--catalog is not a Singer catalog"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    run_tap: Command, served: Served, arguments: list[str], told: str
) -> None:
    run_tap.written("good.json", served.config("utel"))
    run_tap.written("broken.json", '{"token": S3CRET')
    run_tap.written("list.json", "[]")
    run_tap.written("nan.json", '{"streams": [], "lookback_hours": NaN}')
    run_tap.written("wrapped.json", {"type": "STATE", "value": {"bookmarks": {}}})
    run = run_tap(None, *arguments)
    assert run.code == 1
    assert run.output == ""
    [line] = run.errors
    assert told in line
    assert "S3CRET" not in run.log
    assert TRACEBACK not in run.log


def test_a_state_that_cannot_be_trusted_fails_its_stream_only(
    run_tap: Command, served: Served
) -> None:
    def bookmark(key: str, value: str) -> dict[str, str]:
        return {"replication_key": key, "replication_key_value": value}

    state = {
        "bookmarks": {
            "cinnox_call_details": bookmark("call_date", "2099-01-01T00:00:00.000000Z"),
            "etelecom_call_logs": bookmark("created_at", "2025-06-19T00:00:00"),
            "kavenegar_calls": bookmark("started_at", "2025-06-19T00:00:00.000000Z"),
            "twin_call_sessions": {**bookmark("created_at", "2025-06-19"), "partitions": []},
        }
    }
    run = run_tap(served.config(), state=state)
    assert run.code == 1
    faults = ("in the future", "with an offset or Z", "is not created_at", "partitions")
    for line, stream, fault in zip(run.errors, STREAMS, faults, strict=False):
        assert line.startswith(f"{stream} failed: the state cannot be trusted")
        assert fault in line
        assert "loaded up to" not in line
    assert len(run.errors) == 4
    assert {each["stream"] for each in run.of("RECORD")} == {"utel_call_history", LEDGER}
    last = run.state["bookmarks"]
    assert {name: last[name] for name in state["bookmarks"]} == state["bookmarks"]


def test_a_wrong_credential_names_the_stream_the_vendors_message_and_the_setting(
    run_tap: Command, served: Served
) -> None:
    config = served.config(max_retries=0)
    config["kavenegar"]["api_token"] = "wrong-token-1"
    config["etelecom"]["api_key"] = "wrong-token-2"
    config["twin"]["password"] = "wrong-token-3"
    config["cinnox"]["app_token"] = "wrong-token-4"
    config["utel"] = {"api_url": config["utel"]["api_url"], "token": "wrong-token-5"}
    run = run_tap(config)
    assert run.code == 1
    assert "wrong-token" not in run.log
    expected = {
        "cinnox_call_details": "cinnox.app_token",
        "etelecom_call_logs": "etelecom.api_key",
        "kavenegar_calls": "kavenegar.api_token",
        "twin_call_sessions": "twin.password",
        "utel_call_history": "utel.token",
    }
    assert len(run.errors) == len(expected)
    for line, (stream, setting) in zip(run.errors, expected.items(), strict=True):
        assert line.startswith(f"{stream} failed: the vendor refused: HTTP 40")
        assert setting in line
        assert line.count("Check ") == 1
        assert "begins at start_date again" in line
    assert "invalid_api_token" in run.errors[2]


def test_without_its_extra_the_sandbox_setting_says_what_to_install(
    run_tap: Command, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['aiohttp'] = None\n", encoding="utf-8"
    )
    run = run_tap(
        {"start_date": "2026-01-01T00:00:00Z", "sandbox": True}, env={"PYTHONPATH": str(tmp_path)}
    )
    assert run.code == 1
    [line] = run.errors
    assert "pip install 'tap-callhistory[sandbox]'" in line
    assert TRACEBACK not in run.log


def test_a_closed_stderr_stops_nothing(run_tap: Command, served: Served) -> None:
    arguments = run_tap.arguments(served.config("utel"))
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *arguments]
    done = subprocess.run(  # noqa: S603
        closed, cwd=run_tap.folder, env=run_tap.environ(None), capture_output=True, check=True
    )
    assert done.stdout.count(b'"type":"RECORD","stream":"utel') == len(
        served.truth("utel_call_history")
    )


def test_files_of_settings_are_laid_over_each_other(run_tap: Command, served: Served) -> None:
    more = run_tap.written("more.json", {"utel": {"page_size": 7}})
    run = run_tap(served.config("utel"), "--config", more)
    assert run.code == 0, run.log
    assert run.rows("utel_call_history") == served.truth("utel_call_history")


def test_a_misspelt_variable_is_a_fault(run_tap: Command, served: Served) -> None:
    misspelt = {"TAP_CALLHISTORY_PHONE_NUMBER": "hash", "LOGLEVEL": "INFO"}
    run = run_tap(served.config("utel"), "--config", "ENV", env=misspelt)
    assert run.code == 1
    line, *_ = run.errors
    assert line.startswith("TAP_CALLHISTORY_PHONE_NUMBER is not a setting; did you mean")


def test_an_environment_file_that_is_not_utf8_is_one_line(run_tap: Command, served: Served) -> None:
    (run_tap.folder / ".env").write_bytes(b"TAP_CALLHISTORY_UTEL_PASSWORD=caf\xe9\n")
    run = run_tap(served.config("utel"), "--config", "ENV")
    assert (run.code, run.errors) == (1, ["The file .env is not UTF-8."])
    assert TRACEBACK not in run.log


def test_a_closed_output_ends_the_run_at_once_and_quietly(run_tap: Command, serve: Serve) -> None:
    served = serve(calls=2000, faults={"twin": Faults(latency_seconds=5)})
    process = run_tap.start(served.config("kavenegar", "twin"))
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["type"] == "SCHEMA"
    process.stdout.close()
    assert process.wait(RUN_SECONDS) == 1
    assert served.sandbox.requests["twin"] == 0
    assert process.stderr is not None
    log = process.stderr.read().decode()
    process.stderr.close()
    for word in (TRACEBACK, "ERROR", "BrokenPipe"):
        assert word not in log


FULL, CLOSED = ">/dev/full", ">&-"
TOLD_OF_THE_OUTPUT = {
    FULL: "The output cannot be written: No space left on device",
    CLOSED: "The output cannot be written: it is closed",
}


def into(
    redirection: str, run_tap: Command, config: Any, *arguments: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the command with its output redirected by a shell."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh"]
    return subprocess.run(  # noqa: S603
        [*command, *run_tap.arguments(config, *arguments)],
        cwd=run_tap.folder,
        env=run_tap.environ(env),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("redirection", [FULL, CLOSED])
@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["--test"], ["--test=schema"], ["--discover"], ["--about"]),
        *(["--about", "--format=markdown"], ["--version"], ["--help"]),
    ],
    ids=" ".join,
)
def test_an_output_that_takes_nothing_ends_every_mode_with_one_line(
    run_tap: Command, served: Served, arguments: list[str], redirection: str
) -> None:
    done = into(redirection, run_tap, served.config("utel"), *arguments)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if " | INFO " not in line]
    assert len(told) == 1
    assert told[0].endswith(TOLD_OF_THE_OUTPUT[redirection])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_an_unbuffered_output_is_told_of_alike(run_tap: Command, served: Served) -> None:
    done = into(FULL, run_tap, served.config("utel"), "--discover", PYTHONUNBUFFERED="1")
    assert done.returncode == 1
    assert done.stderr.endswith(f"{TOLD_OF_THE_OUTPUT[FULL]}\n")
    assert TRACEBACK not in done.stderr


@pytest.mark.parametrize("argument", ["--discover", "--about", "--version", "--help"])
def test_a_closed_pipe_ends_what_is_only_printed_quietly(
    run_tap: Command, served: Served, argument: str
) -> None:
    process = run_tap.start(served.config("utel"), argument)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    log = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(RUN_SECONDS) == 1
    assert [line for line in log.splitlines() if " | INFO " not in line] == []


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_promptly_with_a_state_of_what_is_whole(
    run_tap: Command, serve: Serve, signum: signal.Signals, code: int
) -> None:
    served = serve(faults={"twin": Faults(latency_seconds=60)})
    process = run_tap.start(served.config("kavenegar", "twin", "utel"))
    assert process.stdout is not None
    output = b""
    while b'"stream":"twin_call_sessions"' not in output:
        line = process.stdout.readline()
        assert line, "it ended by itself"
        output += line
    time.sleep(0.3)
    process.send_signal(signum)
    began = time.monotonic()
    rest, log = process.communicate(timeout=RUN_SECONDS)
    assert time.monotonic() - began < PROMPT_SECONDS
    assert process.returncode == code
    assert (output + rest).endswith(b"\n")
    run = Run(code, (output + rest).decode(), log.decode(), 0)
    bookmarked = {name for name, bookmark in run.state["bookmarks"].items() if bookmark}
    assert bookmarked == {"kavenegar_calls", LEDGER}
    assert run.rows("kavenegar_calls") == served.truth("kavenegar_calls")
    assert {each["stream"] for each in run.of("SCHEMA")} == {
        LEDGER,
        "kavenegar_calls",
        "twin_call_sessions",
    }
    assert TRACEBACK not in run.log
    assert run.lines[-1] == f"Ended by {signum.name}; what is bookmarked is loaded"


def test_two_vendors_down_the_others_are_loaded_and_the_last_lines_say_what_to_do(
    run_tap: Command, serve: Serve
) -> None:
    served = serve(faults={"etelecom": Faults(down="503"), "twin": Faults(down="refused")})
    run = run_tap(served.config(max_retries=1))
    assert run.code == 1
    for stream in ("cinnox_call_details", "kavenegar_calls", "utel_call_history"):
        assert run.rows(stream) == served.truth(stream)
        assert "replication_key_value" in run.state["bookmarks"][stream]
    assert run.errors == run.lines[-2:]
    for line, stream in zip(run.errors, ("etelecom_call_logs", "twin_call_sessions"), strict=True):
        assert line.startswith(f"{stream} failed: no good answer in 2 tries")
        assert line.count("next run") == 1
    assert TRACEBACK not in run.log


def test_a_second_run_asks_only_for_what_is_new_the_lookback_and_what_has_come_of_age(
    run_tap: Command, serve: Serve
) -> None:
    now = datetime.now(UTC)
    served = serve(now=now, calls=600, days=20)
    config = served.config("utel", lookback_hours=1, revisit_hours=[24])
    del config["end_date"]
    first = run_tap(config)
    assert first.code == 0, first.log
    served.sandbox.log["utel"].clear()
    state = first.state
    # As if the first run had been three hours ago.
    past = state["bookmarks"]["utel_call_history"]
    past["replication_key_value"] = stamp(now - timedelta(hours=3))
    past["revisits"]["24"] = stamp(now - timedelta(hours=27))
    second = run_tap(config, state=state)
    assert second.code == 0, second.log
    asked = sorted(
        (when(query, "filter[from]"), when(query, "filter[to]"))
        for path, query in served.sandbox.log["utel"]
        if path.endswith("/call-history")
    )
    a_little = timedelta(seconds=90)
    spans = [
        (now - timedelta(hours=27), now - timedelta(hours=24)),
        (now - timedelta(hours=4), now),
    ]
    # By night the new hours may be empty: then a week that must hold calls shows the vendor awake.
    weeks = [(since, until) for since, until in asked if until - since > timedelta(days=7)]
    assert len(weeks) <= 1
    asked = [each for each in asked if each not in weeks]
    assert asked
    for since, until in asked:
        assert any(begin - a_little <= since and until <= end + a_little for begin, end in spans), (
            since,
            until,
        )
    for begin, end in spans:
        assert any(abs(since - begin) < a_little for since, _ in asked)
        assert any(abs(until - end) < a_little for _, until in asked)
    # A window of each, its ends where its calls come to a round number, and a page behind each.
    assert len(asked) <= 8
    assert first.rows("utel_call_history") | second.rows("utel_call_history") == served.truth(
        "utel_call_history"
    )
    assert len(second.records("utel_call_history")) < 100


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def when(query: str, name: str) -> datetime:
    local = datetime.fromisoformat(parse_qs(query)[name][0])
    return (local - timedelta(hours=5)).replace(tzinfo=UTC)


def test_loading_the_tap_loads_nothing_that_most_runs_do_not_need() -> None:
    program = "import sys, tap_callhistory.tap; print('\\n'.join(sys.modules))"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert loaded & {"aiohttp", "tqdm", "tap_callhistory.sandbox"} == set()
