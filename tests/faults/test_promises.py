"""What the transport promises, seen from outside: through the whole tap, over real HTTP."""

from __future__ import annotations

import json
import logging
import threading
import time
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.errors import StoppedError
from tap_callhistory.sandbox.server import Sandbox
from tap_callhistory.transport.bodies import MAX_BODY_BYTES
from tap_callhistory.transport.budget import Budget
from tap_callhistory.transport.http import HttpSender, Request
from tap_callhistory.transport.transport import Transport
from tests.support.faults.hurried import SMALL
from tests.support.faults.in_memory import SETTINGS, Told, run_over_http
from tests.support.faults.remembered import PLANTED
from tests.support.faults.runs import tables
from tests.support.faults.trials import STREAMS, settings_for
from tests.support.misbehaving_vendor import Received, Step, Vendor, answer, raw, reply, vendor
from tests.support.serving import NOW

if TYPE_CHECKING:
    import socket

    from tests.support.faults.runs import Hurried

EMPTY: dict[str, Any] = {
    "kavenegar": {"page": {"number": 0, "size": 100, "total": 0}, "result": []},
    "etelecom": {"call_logs": [], "paging": {"next": ""}},
    "twin": {"count": 0, "items": []},
    "cinnox": {"code": 200, "result": []},
    "utel": {"data": [], "meta": {"total": 0, "per_page": 300}},
}
TOKENS = {"token": f"{PLANTED}-login", "result": {"access_token": f"{PLANTED}-login"}}
LOGIN = "/auth/login"
DAYS_BEFORE = 200
"""More than the longest first window."""
CONNECTING_SECONDS = 0.2
"""asyncio leaves open what it accepts while its server closes."""
POISONED = 300
"""The call whose window always fails."""


def behind_a_login(*steps: Step, login: Step | None = None) -> Step:
    """Answers logins well (or as told), and other requests by the steps in turn."""
    left = list(steps)

    def step(line: socket.socket, request: Received) -> None:
        if request.target.endswith(LOGIN):
            (login or answer(TOKENS))(line, request)
        else:
            (left.pop(0) if len(left) > 1 else left[0])(line, request)

    return step


def config_of(name: str, url: str, **settings: Any) -> dict[str, Any]:
    own = {key: url if key.endswith("_url") else value for key, value in SETTINGS[name].items()}
    return {name: own, "max_retries": 2, **settings}


def calls_asked(asked: Vendor) -> list[Received]:
    return [each for each in asked.received if "/auth/" not in each.target]


def logins_asked(asked: Vendor) -> int:
    return sum(each.target.endswith(LOGIN) for each in asked.received)


def run_against(name: str, *steps: Step, **settings: Any) -> tuple[Told, list[Received]]:
    with vendor(behind_a_login(*steps)) as asked:
        told = run_over_http(config_of(name, asked.url, **settings))
    return told, calls_asked(asked)


def limited(**headers: str) -> Step:
    return answer({"message": "Too many requests"}, 429, **headers)


@pytest.mark.parametrize("name", STREAMS)
def test_retry_after_in_seconds_is_kept(name: str) -> None:
    told, asked = run_against(name, limited(Retry_After="1"), answer(EMPTY[name]))
    assert told.failure is None
    assert asked[1].at - asked[0].at >= 1


def test_retry_after_as_a_date_is_kept() -> None:
    now = datetime.now(UTC)
    date, back = (format_datetime(now + timedelta(seconds=s), usegmt=True) for s in (0, 2))
    told, asked = run_against("utel", limited(Date=date, Retry_After=back), answer(EMPTY["utel"]))
    assert told.failure is None
    assert asked[1].at - asked[0].at >= 2


@pytest.mark.parametrize("absurd", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurdly_long_retry_after_ends_the_stream_at_once_and_says_so(absurd: str) -> None:
    began = time.monotonic()
    told, asked = run_against("utel", limited(Retry_After=absurd))
    assert time.monotonic() - began < 60
    assert len(asked) == 1
    assert "asks for a pause of" in str(told.failure)


@pytest.mark.parametrize("absurd", ["-5", "soon", "1e9", "", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_retry_after_without_sense_is_a_usual_wait(absurd: str) -> None:
    told, asked = run_against("utel", limited(Retry_After=absurd), answer(EMPTY["utel"]))
    assert told.failure is None
    assert asked[1].at - asked[0].at < 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("name", STREAMS)
def test_a_redirect_never_takes_the_credential_elsewhere(name: str, status: int) -> None:
    with vendor(answer(EMPTY[name])) as elsewhere:
        away = reply(status, headers={"Location": f"{elsewhere.url}/calls"})
        told, asked = run_against(name, away)
    assert elsewhere.received == []
    assert len(asked) == 1
    assert "redirects to where no credential is sent" in told.last_lines[-1]


@pytest.mark.parametrize("name", ["twin", "utel"])
def test_a_redirected_login_never_takes_the_password_elsewhere(name: str) -> None:
    with vendor(answer(TOKENS)) as elsewhere:
        away = reply(307, headers={"Location": f"{elsewhere.url}{LOGIN}"})
        with vendor(behind_a_login(answer(EMPTY[name]), login=away)) as asked:
            told = run_over_http(config_of(name, asked.url))
    assert elsewhere.received == []
    assert calls_asked(asked) == []
    assert "redirects to where no credential is sent" in str(told.failure)


def test_a_link_to_another_host_is_never_followed() -> None:
    records = [{"id": number, "date_time": "2026-03-17 16:30:00"} for number in (1, 2, 3)]
    with vendor(answer(EMPTY["utel"])) as elsewhere:
        pages = [
            {
                "data": [record],
                "links": {"next": f"{elsewhere.url}/call-history?page=2"},
                "meta": {"total": 3, "per_page": 1, "current_page": record["id"], "last_page": 3},
            }
            for record in records
        ]

        def step(line: socket.socket, request: Received) -> None:
            number = int(request.target.partition("&page=")[2].partition("&")[0] or 9)
            beyond = {**pages[0], "data": []}
            answer(pages[number - 1] if number <= 3 else beyond)(line, request)

        told, asked = run_against("utel", step)
    assert told.failure is None
    assert elsewhere.received == []
    assert all("filter%5Bfrom%5D" in each.target for each in asked)
    assert set(tables(told.messages)[STREAMS["utel"]]) == {1, 2, 3}


HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = HEAD + b"Content-Length: 4000\r\n\r\n{"


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(raw(LENGTH), id="stalled body"),
        pytest.param(raw(LENGTH, *[b" "] * 100, every=0.1), id="dripping body"),
        pytest.param(raw(HEAD, *[b"X-A: 1\r\n"] * 100, every=0.1), id="dripping headers"),
        pytest.param(raw(b""), id="silence"),
    ],
)
def test_an_answer_that_does_not_end_fails_its_stream_in_time_and_no_other(step: Step) -> None:
    began = time.monotonic()
    with vendor(step) as slow, vendor(behind_a_login(answer(EMPTY["utel"]))) as fine:
        told = run_over_http(
            config_of("cinnox", slow.url)
            | config_of("utel", fine.url)
            | {"request_timeout": 0.4, "max_retries": 1}
        )
    assert time.monotonic() - began < 15
    # Within few tries, for its first minute, and for that once more with all of them.
    assert len(slow.received) == 5
    (line,) = told.last_lines
    assert line.startswith("cinnox_call_details failed: no good answer in 2 tries")
    states = [each["value"]["bookmarks"] for each in told.messages if each["type"] == "STATE"]
    assert "replication_key_value" in states[-1]["utel_call_history"]


BROKEN = {
    "HTML": reply(body=b"<!doctype html><h1>Maintenance</h1>"),
    "nothing": reply(),
    "half": reply(body=b'{"result": [{"id"'),
    "another shape": answer({"hello": "world"}),
    "a vendor's error": answer({"status": "error", "error": "busy", "message": "busy"}),
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("name", STREAMS)
def test_a_200_that_holds_no_calls_is_asked_for_again(name: str, broken: str) -> None:
    told, asked = run_against(name, BROKEN[broken], answer(EMPTY[name]))
    assert told.failure is None
    assert len(asked) >= 2


# A body that says something else is not asked for again: it may be a second factor's, and each
# login of such an account sends its user a message.
SAYS_SOMETHING = {"a vendor's error", "another shape"}


@pytest.mark.parametrize("broken", [*sorted(BROKEN.keys() - SAYS_SOMETHING), "too many"])
@pytest.mark.parametrize("name", ["twin", "utel"])
def test_a_login_answered_without_a_token_is_asked_for_again(name: str, broken: str) -> None:
    hasty = answer({"error": "Too many requests", "message": "Too many requests"})
    logins = [BROKEN.get(broken, hasty), answer(TOKENS)]

    def login(line: socket.socket, request: Received) -> None:
        logins.pop(0)(line, request)

    with vendor(behind_a_login(answer(EMPTY[name]), login=login)) as asked:
        told = run_over_http(config_of(name, asked.url))
    assert told.failure is None
    assert logins_asked(asked) == 2


@pytest.mark.parametrize("code", [6451010, 6451001])
def test_cinnoxs_passing_errors_inside_a_200_are_retried(code: int) -> None:
    passing = answer({"code": code, "message": "passing"})
    told, asked = run_against("cinnox", passing, answer(EMPTY["cinnox"]))
    assert told.failure is None
    assert len(asked) >= 2
    told, asked = run_against("cinnox", passing)
    assert f"HTTP 200, {code}: passing" in told.last_lines[0]
    assert 3 <= len(asked) <= 7


@pytest.mark.parametrize("name", ["twin", "utel"])
def test_a_401_of_a_fresh_token_leads_to_a_moment_and_then_one_new_login(name: str) -> None:
    expired = answer({"error": "Token is expired.", "message": "Unauthenticated."}, 401)
    with vendor(behind_a_login(expired, answer(EMPTY[name]))) as asked:
        told = run_over_http(config_of(name, asked.url))
    assert told.failure is None
    # The token is fresh: it may not be known everywhere yet, and is given a moment first.
    assert logins_asked(asked) == 1
    with vendor(behind_a_login(expired)) as asked:
        told = run_over_http(config_of(name, asked.url))
    assert "HTTP 401" in told.last_lines[0]
    assert logins_asked(asked) == 2


@pytest.mark.parametrize("status", [200, 400, 401, 403, 422])
@pytest.mark.parametrize("name", ["twin", "utel"])
def test_a_wrong_password_is_one_line_and_tried_once(name: str, status: int) -> None:
    wrong = answer({"error": "Wrong password", "message": "Wrong password"}, status)
    with vendor(behind_a_login(answer(EMPTY[name]), login=wrong)) as asked:
        told = run_over_http(config_of(name, asked.url))
    assert len(asked.received) == 1
    (line,) = told.last_lines
    assert "Wrong password" in line
    assert "\n" not in line
    assert f"HTTP {status}" in line


@pytest.mark.parametrize("status", [400, 403, 404, 422])
@pytest.mark.parametrize("name", STREAMS)
def test_a_verdict_on_our_request_is_not_asked_for_again_as_it_was(name: str, status: int) -> None:
    told, asked = run_against(name, answer({"message": "no"}, status))
    # A refusal of the request may mean its window: a few others are asked for, none twice. Only
    # what is not found is, once, since a 404 may be a blink, or be said of what is too long.
    assert len(asked) <= {400: 13, 403: 2, 404: 6, 422: 13}[status]
    different = {each.target + repr(each.body) for each in asked}
    assert len(different) >= len(asked) - (status == 404)
    assert f"HTTP {status}" in told.last_lines[0]


@pytest.mark.parametrize("name", STREAMS)
def test_a_window_that_always_fails_leaves_those_before_it_loaded(name: str) -> None:
    sandbox = Sandbox(calls=400, days=DAYS_BEFORE, now=NOW, vendors=[name])
    stream = STREAMS[name]
    rows = sorted(
        (row for _, row in sandbox.truth()),
        key=lambda row: row.get("created_at") or row.get("call_date") or row["date_time"],
    )
    poison = json.dumps(rows[POISONED]["id"]).encode()
    api, good = sandbox.vendors[name], sandbox.vendors[name].answer

    def answered(request: Any) -> Any:
        came = good(request)
        return api.error(500, "The service has a fault") if b'"id":' + poison in came.body else came

    with sandbox.serve() as url:
        api.answer = answered  # type: ignore[method-assign]
        start = (NOW - timedelta(days=DAYS_BEFORE + 10)).isoformat()
        config = settings_for(sandbox, url, max_retries=1, start_date=start)
        told = run_over_http(config, sizes=SMALL, began=NOW)
        time.sleep(CONNECTING_SECONDS)
    states = [each["value"] for each in told.messages if each["type"] == "STATE"]
    bookmark = states[-1]["bookmarks"][stream]["replication_key_value"]
    key = next(k for k in ("call_date", "date_time", "created_at") if k in rows[0])
    assert f"It is loaded up to {bookmark}" in told.last_lines[0]
    assert rows[0][key] < bookmark <= rows[POISONED][key]
    loaded = tables(told.messages)[stream]
    due = {row["id"]: row for row in rows if row[key] < bookmark}
    assert due == {key: loaded.get(key) for key in due}
    assert rows[POISONED]["id"] not in loaded


BOMB_MEBIBYTES = 160
MOST_MEMORY_MEBIBYTES = 300
"""The tap itself takes about 90, the bound on a body is 64; urllib3 and its growth are the rest."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system has no /proc")
def test_a_gzip_bomb_fails_its_stream_within_the_memory_bound(hurried: Hurried) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b"[" * 2**20) for _ in range(BOMB_MEBIBYTES)) + packer.flush()
    with vendor(reply(body=bomb, headers={"Content-Encoding": "gzip"})) as asked:
        span = {"start_date": NOW.isoformat(), "end_date": (NOW + timedelta(hours=1)).isoformat()}
        process = hurried.start(config_of("kavenegar", asked.url, max_retries=1) | span)
        most = 0
        while process.poll() is None:
            most = max(most, _peak_mebibytes(process.pid))
            time.sleep(0.02)
        log = process.communicate()[1].decode()
    assert process.returncode == 1
    assert f"an answer of more than {MAX_BODY_BYTES:,} bytes" in log
    assert 0 < most < MOST_MEMORY_MEBIBYTES


def _peak_mebibytes(pid: int) -> int:
    """The most memory that a running process has had; 0 where it has just ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return 0


def test_a_closed_transport_asks_no_more_whatever_its_workers_wait_for() -> None:
    with vendor(reply(503)) as asked:
        stop = threading.Event()
        transport = Transport(
            name="a_stream",
            sender=HttpSender(name="a_stream", request_timeout=5, stop=stop),
            max_retries=50,
            user_agent="test",
            budget=Budget(None, stop=stop),
            stop=stop,
            logger=logging.getLogger("tap-callhistory.a_stream"),
            first_wait_seconds=0.2,
        )
        ended: list[Exception] = []

        def ask() -> None:
            try:
                transport.fetch(Request("GET", asked.url))
            except StoppedError as stopped:
                ended.append(stopped)

        asking = threading.Thread(target=ask)
        asking.start()
        while len(asked.received) < 2:
            time.sleep(0.01)
        time.sleep(0.05)
        transport.close()
        known = len(asked.received)
        asking.join(5)
    assert len(ended) == 1
    assert len(asked.received) == known
