"""The transport against a real HTTP vendor on loopback that stalls, drips, lies and breaks off."""

from __future__ import annotations

import gzip
import json
import logging
import math
import os
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tap_callhistory.errors import (
    CallHistoryError,
    SettingsError,
    StoppedError,
    UnreadableAnswer,
    VendorRefusal,
    VendorUnavailable,
)
from tap_callhistory.transport import bodies as answers
from tap_callhistory.transport.auth import BearerToken, Login
from tap_callhistory.transport.budget import Budget
from tap_callhistory.transport.http import HttpSender, Request
from tap_callhistory.transport.transport import WAITS_FOR_A_FRESH_TOKEN, Transport
from tap_callhistory.transport.verdicts import Action, Verdict, judge_by_status
from tests.support.misbehaving_vendor import (
    HangUp,
    Received,
    Vendor,
    answer,
    hang,
    head,
    raw,
    reply,
    vendor,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.misbehaving_vendor import Step

GOOD = {"result": [{"id": 1}]}
CERTIFICATE = Path(__file__).with_name("self_signed.pem")
LOGGER = logging.getLogger("test_transport")
DRIP_SECONDS = 99 * 0.05
"""A dripping answer goes on for so long."""


@pytest.fixture
def opened() -> Iterator[Callable[..., Transport]]:
    """Open transports that are closed at the end of the test."""
    with ExitStack() as stack:

        def open_transport(**changes: Any) -> Transport:
            stop = changes.pop("stop", threading.Event())
            timeout = changes.pop("request_timeout", 5.0)
            transport = Transport(
                **{
                    "name": "acme_calls",
                    "sender": HttpSender(name="acme_calls", request_timeout=timeout, stop=stop),
                    "max_retries": 3,
                    "user_agent": "tap-callhistory/test",
                    "budget": Budget(None, stop=stop, settling_seconds=0.0),
                    "stop": stop,
                    "logger": LOGGER,
                    "first_wait_seconds": 0.002,
                }
                | changes
            )
            stack.callback(transport.close)
            return transport

        yield open_transport


@pytest.fixture
def self_signed() -> ssl.SSLContext:
    """The server's side of TLS, with a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def get(serving: Vendor, path: str = "/calls") -> Request:
    return Request("GET", serving.url + path)


def test_request_carries_what_it_was_given(opened: Callable[..., Transport]) -> None:
    with vendor(answer(GOOD)) as serving:
        request = Request(
            "POST",
            f"{serving.url}/ListCallLogs",
            params=(("sort", "+id"), ("filter[from]", "2024-01-01 00:00:00")),
            body={"filter": {"date_from": "2024-01-01T00:00:00Z"}},
            headers={"X-Tenant": "acme"},
        )
        assert opened(authenticator=BearerToken("t0ken")).fetch(request) == GOOD
    received = serving.received[0]
    assert received.method == "POST"
    assert received.target == "/ListCallLogs?sort=%2Bid&filter%5Bfrom%5D=2024-01-01+00%3A00%3A00"
    assert json.loads(received.body) == request.body
    assert received.headers["authorization"] == "Bearer t0ken"
    assert received.headers["user-agent"] == "tap-callhistory/test"
    assert received.headers["content-type"] == received.headers["accept"] == "application/json"
    assert received.headers["x-tenant"] == "acme"


def test_connection_is_kept_for_the_next_request(opened: Callable[..., Transport]) -> None:
    chunked = head(200, {"Transfer-Encoding": "chunked"}) + b"2\r\n{}\r\n0\r\n\r\n"
    zipped = gzip.compress(b"{}" + b" " * 1000)
    with vendor(
        answer(GOOD),
        raw(chunked),
        reply(200, zipped, {"Content-Encoding": "gzip"}),
        answer({}, 500),
        answer(GOOD),
    ) as serving:
        transport = opened()
        for _ in range(4):
            transport.fetch(get(serving))
        assert serving.connections == 1
        assert transport.requests == 5
        assert transport.retries == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer({}, 429), id="429"),
        pytest.param(answer({}, 500), id="500"),
        pytest.param(answer({}, 502), id="502"),
        pytest.param(reply(503, b"<html>busy</html>"), id="503 HTML"),
        pytest.param(reply(408), id="408"),
        pytest.param(reply(599), id="599"),
        pytest.param(reply(200, b""), id="empty 200"),
        pytest.param(reply(200, b" \n"), id="blank 200"),
        pytest.param(reply(200, b"<!doctype html><p>Sign in"), id="HTML 200"),
        pytest.param(reply(200, b'{"result": ['), id="JSON cut short"),
        pytest.param(reply(200, b'{"result": []} trailing'), id="trailing garbage"),
        pytest.param(reply(200, b'"busy"'), id="scalar"),
        pytest.param(reply(200, b'{"name": "\xff\xfe"}'), id="not UTF-8"),
        pytest.param(reply(200, b"[" * 100_000 + b"]" * 100_000), id="nested deeply"),
        pytest.param(raw(b"", then="close"), id="closed at once"),
        pytest.param(raw(b"", then="reset"), id="reset at once"),
        pytest.param(raw(b"garbage\r\n\r\n", then="close"), id="not HTTP"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Le", then="close"), id="headers cut short"),
        pytest.param(
            raw(head(200, {"Content-Length": "99"}) + b'{"a": 1', then="close"), id="body cut short"
        ),
        pytest.param(
            raw(head(200, {"Content-Length": "99"}) + b'{"a": 1', then="reset"), id="body reset"
        ),
        pytest.param(
            raw(head(200, {"Transfer-Encoding": "chunked"}) + b"9\r\n{}", then="close"),
            id="chunk cut short",
        ),
        pytest.param(
            raw(head(200, {"Transfer-Encoding": "chunked"}) + b"2\r\n{}\r\n", then="close"),
            id="last chunk missing",
        ),
        pytest.param(
            raw(head(200, {"Transfer-Encoding": "chunked"}) + b"zz\r\n{}\r\n", then="close"),
            id="chunk size not a number",
        ),
        pytest.param(reply(200, b"{", {"Content-Encoding": "gzip"}), id="not gzip"),
        pytest.param(
            reply(200, gzip.compress(b'{"a": 1}' * 99)[:-30], {"Content-Encoding": "gzip"}),
            id="gzip cut short",
        ),
    ],
)
def test_fault_is_retried_and_survived(fault: Step, opened: Callable[..., Transport]) -> None:
    with vendor(fault, fault, answer(GOOD)) as serving:
        transport = opened(max_retries=2)
        # Bytes that come twice are the vendor's own, and taken: see the test of invalid UTF-8.
        assert transport.fetch(get(serving)) in (GOOD, {"name": "\ufffd\ufffd"})
        assert transport.retries == transport.requests - 1 > 0


def test_refused_connection_is_retried_then_an_error(opened: Callable[..., Transport]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/calls?token=s3cret"
    transport = opened()
    with pytest.raises(VendorUnavailable) as caught:
        transport.fetch(Request("GET", url, params=(("token", "s3cret"),)))
    assert transport.requests == 4
    assert "ConnectionRefusedError" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (answer({}, 503), VendorUnavailable),
        (raw(b"", then="reset"), VendorUnavailable),
        (reply(200, b"<html>"), UnreadableAnswer),
        (reply(200, b""), UnreadableAnswer),
    ],
)
def test_lasting_fault_ends_after_max_retries_in_one_safe_line(
    fault: Step, kind: type[CallHistoryError], opened: Callable[..., Transport]
) -> None:
    with vendor(fault) as serving:
        transport = opened(max_retries=2)
        with pytest.raises(kind) as caught:
            transport.fetch(get(serving))
        assert len(serving.received) == transport.requests == 3
    assert str(caught.value).startswith("acme_calls: no good answer in 3 tries, the last: ")
    assert "\n" not in str(caught.value)


def test_waits_grow(opened: Callable[..., Transport]) -> None:
    with vendor(answer({}, 500)) as serving, pytest.raises(VendorUnavailable):
        opened(max_retries=4, first_wait_seconds=0.02).fetch(get(serving))
    times = [received.at for received in serving.received]
    for retry, (earlier, later) in enumerate(pairwise(times)):
        assert 0.01 * 2**retry <= later - earlier <= 0.02 * 2**retry + 0.05


def test_workers_that_failed_together_do_not_come_back_together(
    opened: Callable[..., Transport],
) -> None:
    with vendor(*[answer({}, 500)] * 12, answer(GOOD)) as serving:
        transport = opened(first_wait_seconds=0.4)
        with ThreadPoolExecutor(12) as workers:
            list(workers.map(lambda _: transport.fetch(get(serving)), range(12)))
    failed, returned = serving.received[:12], serving.received[12:]
    assert failed[-1].at - failed[0].at < 0.1
    assert returned[-1].at - returned[0].at > 0.1


@pytest.mark.parametrize(
    ("fault", "highest_rate"),
    [
        (answer({}, 429), 10),
        (answer({}, 429, Retry_After="0"), 10),
        (answer({"code": 6451010, "message": "too many requests"}), 10),
        (answer({}, 503), math.inf),
    ],
)
def test_only_too_many_requests_slow_the_stream_down(
    fault: Step, highest_rate: float, opened: Callable[..., Transport]
) -> None:
    stop = threading.Event()
    budget = Budget(None, stop=stop)
    with vendor(fault, answer({"code": 0, "result": []})) as serving:
        opened(judge=judge_cinnox, budget=budget, stop=stop).fetch(get(serving))
    assert highest_rate / 2 <= budget.rate <= highest_rate


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 409, 410, 422])
def test_verdict_on_our_request_is_not_retried(
    status: int, opened: Callable[..., Transport]
) -> None:
    with vendor(answer({"status": "bad_request"}, status)) as serving:
        with pytest.raises(VendorRefusal, match=f"HTTP {status}") as caught:
            opened().fetch(get(serving))
        assert len(serving.received) == 1
    assert caught.value.status == status


@pytest.mark.parametrize("failed", [0, 1, 2])
def test_a_refusal_tells_whether_the_vendor_failed_just_before(
    failed: int, opened: Callable[..., Transport]
) -> None:
    steps = [*[answer({}, 500)] * failed, answer({"status": "bad_request"}, 404)]
    with vendor(*steps) as serving, pytest.raises(VendorRefusal) as caught:
        opened().fetch(get(serving))
    assert caught.value.after_a_failure == (failed > 0)


def test_verdict_stands_though_its_body_breaks_off(opened: Callable[..., Transport]) -> None:
    with vendor(raw(head(403, {"Content-Length": "99"}) + b"{", then="close")) as serving:
        with pytest.raises(VendorRefusal, match="HTTP 403"):
            opened().fetch(get(serving))
        assert len(serving.received) == 1


def judge_cinnox(status: int, body: object | None) -> Verdict | None:
    if not isinstance(body, dict):
        return None
    code = body.get("code", 0)
    if code == 6451010:
        return Verdict(Action.SLOW_DOWN, str(code), body["message"])
    if code == 6451001:
        return Verdict(Action.RETRY, str(code), body["message"])
    if code not in {0, 200}:
        return Verdict(Action.STOP, str(code), body["message"], "Check cinnox.app_token.")
    if "result" not in body:
        raise UnreadableAnswer("an answer without a result")
    return judge_by_status(status, body)


def test_vendors_error_inside_a_200_is_judged_by_its_table(
    opened: Callable[..., Transport],
) -> None:
    with vendor(
        answer({"code": 6451010, "message": "too many requests"}),
        answer({"code": 6451001, "message": "bad response"}),
        answer({"code": 200}),
        answer({"code": 200, "result": []}),
    ) as serving:
        assert opened(judge=judge_cinnox).fetch(get(serving)) == {"code": 200, "result": []}
        assert len(serving.received) == 4
    with vendor(answer({"code": 6451000, "message": "missing one of startAt"})) as serving:
        with pytest.raises(VendorRefusal) as caught:
            opened(judge=judge_cinnox).fetch(get(serving))
        assert len(serving.received) == 1
    assert str(caught.value) == (
        "acme_calls: the vendor refused: HTTP 200, 6451000: missing one of startAt. "
        "Check cinnox.app_token."
    )
    assert caught.value.code == "6451000"


def test_status_is_judged_where_the_vendors_table_sees_nothing(
    opened: Callable[..., Transport],
) -> None:
    with (
        vendor(answer({"code": 0, "result": []}, 404)) as serving,
        pytest.raises(VendorRefusal, match="HTTP 404"),
    ):
        opened(judge=lambda *_: None).fetch(get(serving))


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("0.3", 0.3), ("0", 0), ("-5", 0), ("soon", 0), ("", 0), ("nan", 0), ("1e1", 0)],
)
def test_retry_after_in_seconds_is_kept(
    asked: str, seconds: float, opened: Callable[..., Transport]
) -> None:
    with vendor(answer({}, 429, Retry_After=asked), answer(GOOD)) as serving:
        opened().fetch(get(serving))
    first, second = serving.received
    assert seconds <= second.at - first.at < seconds + 0.25


def test_retry_after_as_a_date_is_measured_by_the_vendors_clock(
    opened: Callable[..., Transport],
) -> None:
    theirs = datetime(2001, 1, 1, tzinfo=UTC)
    dates = {
        "Date": format_datetime(theirs, usegmt=True),
        "Retry_After": format_datetime(theirs + timedelta(seconds=1), usegmt=True),
    }
    with vendor(answer({}, 503, **dates), answer(GOOD)) as serving:
        opened().fetch(get(serving))
    first, second = serving.received
    assert 1.0 <= second.at - first.at < 1.3


def test_retry_after_pauses_all_workers(opened: Callable[..., Transport]) -> None:
    with vendor(answer({}, 429, Retry_After="0.4"), answer(GOOD)) as serving:
        transport = opened()
        with ThreadPoolExecutor(4) as workers:
            first = workers.submit(transport.fetch, get(serving))
            time.sleep(0.1)
            rest = [workers.submit(transport.fetch, get(serving)) for _ in range(3)]
            for fetched in (first, *rest):
                fetched.result()
    refused, *others = serving.received
    assert len(others) == 4
    assert all(received.at - refused.at >= 0.4 for received in others)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "asked",
    [
        "301",
        "86400",
        "9" * 400,
        format_datetime(datetime.now(UTC) + timedelta(days=9), usegmt=True),
    ],
    ids=["just over", "a day", "endless", "date"],
)
def test_long_retry_after_ends_the_stream_at_once(
    status: int, asked: str, opened: Callable[..., Transport]
) -> None:
    with vendor(answer({}, status, Retry_After=asked)) as serving:
        with pytest.raises(VendorUnavailable, match="asks for a pause of"):
            opened().fetch(get(serving))
        assert len(serving.received) == 1


def test_connecting_has_a_timeout_of_its_own(opened: Callable[..., Transport]) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        with socket.create_connection(address), socket.socket() as queued:
            queued.settimeout(0)
            queued.connect_ex(address)
            with pytest.raises(VendorUnavailable, match=r"no connection within 0\.2 s"):
                opened(request_timeout=0.2, max_retries=0).fetch(
                    Request("GET", f"http://127.0.0.1:{address[1]}/")
                )


def test_silence_ends_with_the_read_timeout(opened: Callable[..., Transport]) -> None:
    with vendor(hang(), raw(head(200, {"Content-Length": "9"}) + b"{", then="keep")) as serving:
        started = time.monotonic()
        with pytest.raises(VendorUnavailable, match=r"no answer within 0\.2 s"):
            opened(request_timeout=0.2, max_retries=1).fetch(get(serving))
        assert 0.4 <= time.monotonic() - started < 20


@pytest.mark.parametrize(
    "dripping",
    [
        pytest.param((b"", *[b"H"] * 99), id="status line"),
        pytest.param((b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 90), id="headers"),
        pytest.param((b"", *[b"HTTP/1.1 100 Continue\r\n\r\n"] * 99), id="endless 100"),
        pytest.param((head(200, {"Content-Length": "99"}), *[b" "] * 99), id="body"),
        pytest.param(
            (head(200, {"Transfer-Encoding": "chunked"}), *[b"1\r\n \r\n"] * 99), id="chunks"
        ),
        pytest.param((head(200, {"Connection": "close"}), *[b" "] * 99), id="body without length"),
        pytest.param(
            (head(200, {"Connection": "close"}) + b"{}", *[b" "] * 99), id="body complete before"
        ),
        pytest.param(
            (
                head(200, {"Content-Encoding": "gzip", "Content-Length": "9999"})
                + b"\x1f\x8b\x08\x10\0\0\0\0\0\0",
                *[b"a"] * 99,
            ),
            id="gzip header comment",
        ),
    ],
)
def test_drip_ends_within_twice_the_timeout(
    dripping: tuple[bytes, ...], opened: Callable[..., Transport]
) -> None:
    with vendor(raw(*dripping, every=0.05)) as serving:
        started = time.monotonic()
        with pytest.raises(VendorUnavailable, match=r"did not end within 0\.4 s"):
            opened(request_timeout=0.2, max_retries=0).fetch(get(serving))
        assert 0.4 <= time.monotonic() - started < DRIP_SECONDS


def test_answer_slower_than_the_timeout_but_alive_is_read(
    opened: Callable[..., Transport],
) -> None:
    body = json.dumps(GOOD).encode()
    pieces = (body[:5], body[5:9], body[9:])
    with vendor(raw(head(200, {"Content-Length": str(len(body))}), *pieces, every=0.15)) as serving:
        assert opened(request_timeout=0.3).fetch(get(serving)) == GOOD


def bomb(layers: int = 1) -> Step:
    """80 MiB of zeros, compressed about a thousand to one per layer."""
    squeezed = bytes(80 << 20)
    for _ in range(layers):
        squeezed = gzip.compress(squeezed)
    return reply(200, squeezed, {"Content-Encoding": ", ".join(["gzip"] * layers)})


def endless_bomb(line: socket.socket, _request: Received) -> None:
    """Ten gigabytes of zeros, compressed, as fast as they go."""
    line.sendall(head(200, {"Content-Encoding": "gzip", "Connection": "close"}))
    squeeze, zeros = zlib.compressobj(wbits=31), bytes(1 << 20)
    for _ in range(10_000):
        line.sendall(squeeze.compress(zeros))
    raise HangUp


@pytest.mark.parametrize(
    "step", [bomb(1), bomb(2), endless_bomb], ids=["one layer", "two layers", "endless"]
)
def test_bomb_is_refused_within_the_bound(step: Step, opened: Callable[..., Transport]) -> None:
    assert answers.MAX_BODY_BYTES == 64 * 1024 * 1024
    with vendor(step) as serving:
        tracemalloc.start()
        with pytest.raises(UnreadableAnswer, match=r"more than 67,108,864 bytes"):
            opened(max_retries=0).fetch(get(serving))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < answers.MAX_BODY_BYTES * 5 / 4


def test_body_up_to_the_bound_is_read(opened: Callable[..., Transport]) -> None:
    body = b'{"a": "' + b"x" * (answers.MAX_BODY_BYTES - 9) + b'"}'
    assert len(body) == answers.MAX_BODY_BYTES
    with vendor(reply(200, body), reply(200, body + b" ")) as serving:
        transport = opened(max_retries=0)
        assert len(transport.fetch(get(serving))["a"]) == len(body) - 9
        with pytest.raises(UnreadableAnswer, match="more than 67,108,864 bytes"):
            transport.fetch(get(serving))


def test_small_body_that_would_fill_the_memory_is_refused(
    opened: Callable[..., Transport],
) -> None:
    with (
        vendor(reply(200, b"[" + b"{}," * 5_000_000 + b"{}]")) as serving,
        pytest.raises(UnreadableAnswer, match="more than 4,000,000 values"),
    ):
        opened(max_retries=0).fetch(get(serving))


def test_endless_headers_are_refused(opened: Callable[..., Transport]) -> None:
    many = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000
    long = b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000
    with vendor(raw(many, then="close"), raw(long, then="close"), answer(GOOD)) as serving:
        assert opened().fetch(get(serving)) == GOOD


def test_numbers_and_strings_that_strict_json_has_not_are_read(
    opened: Callable[..., Transport],
) -> None:
    body = (
        b'\xef\xbb\xbf{"nan": NaN, "inf": [1e999, -Infinity], "half": "\\ud83d", '
        b'"big": 123456789012345678901234567890, "twice": 1, "twice": 2, "huge": %s}'
    ) % (b"7" * 5000)
    with vendor(reply(200, body)) as serving:
        transport = opened()
        read = transport.fetch(get(serving))
        assert transport.retries == 0
    assert math.isnan(read["nan"])
    assert read["inf"] == [math.inf, -math.inf]
    assert read["half"] == "\ud83d"
    assert read["big"] == 123456789012345678901234567890
    assert read["twice"] == 2
    assert read["huge"] == "7" * 5000


@pytest.mark.parametrize(
    ("body", "name"),
    [(b'{"name": "Caf\xe9"}', "Caf\ufffd"), (b'{"name": "a\tb"}', "a\tb")],
    ids=["not UTF-8", "bare tab"],
)
def test_doubtful_bytes_are_read_once_they_come_twice(
    body: bytes, name: str, opened: Callable[..., Transport]
) -> None:
    with vendor(reply(200, body)) as serving:
        assert opened().fetch(get(serving)) == {"name": name}
        assert len(serving.received) == 2


def test_damaged_bytes_are_mended_by_another_try(opened: Callable[..., Transport]) -> None:
    with vendor(
        reply(200, b'{"name": "\xfe"}'), reply(200, b'{"name": "\xff"}'), answer({"name": "e"})
    ) as serving:
        assert opened().fetch(get(serving)) == {"name": "e"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_on_the_same_host_is_followed(
    status: int, opened: Callable[..., Transport]
) -> None:
    with vendor(reply(status, headers={"Location": "/v2/calls?page=1"}), answer(GOOD)) as serving:
        transport = opened(authenticator=BearerToken("t0ken"))
        request = Request("GET", f"{serving.url}/calls", params=(("page", "1"),))
        assert transport.fetch(request) == GOOD
    assert serving.received[1].target == "/v2/calls?page=1"
    assert serving.received[1].headers["authorization"] == "Bearer t0ken"
    assert transport.requests == 2


@pytest.mark.parametrize(
    "target",
    [
        "http://{host}:{other}/calls",
        "http://localhost:{port}/calls",
        "https://{host}:{port}/calls",
        "//evil.example/calls",
        "http://{host}:{port}@evil.example/calls",
        "http://user:pass@{host}:{port}/calls",
        "http://{host}:{port}\\@evil.example/",
        "http://evil.example\\@{host}:{port}/",
        "file:///etc/passwd",
        "http://[::1",
        "http://{host}:99999/",
    ],
)
def test_redirect_that_leaves_the_host_is_refused(
    target: str, opened: Callable[..., Transport]
) -> None:
    with vendor(answer(GOOD)) as other:
        ports = {"host": "127.0.0.1", "other": other.url.rpartition(":")[2]}
        with vendor() as serving:
            port = serving.url.rpartition(":")[2]
            location = target.format(port=port, **ports)
            serving.then(reply(302, headers={"Location": location}))
            with pytest.raises(VendorRefusal) as caught:
                opened(authenticator=BearerToken("t0ken")).fetch(get(serving))
            assert len(serving.received) == 1
        assert other.received == []
    assert "evil" not in str(caught.value)
    assert "api_url" in str(caught.value)


def test_redirected_post_is_never_sent_as_something_else(
    opened: Callable[..., Transport],
) -> None:
    with vendor(
        reply(307, headers={"Location": "/b"}), answer(GOOD), reply(302, headers={"Location": "/b"})
    ) as serving:
        request = Request("POST", f"{serving.url}/a", body={"n": 1})
        assert opened().fetch(request) == GOOD
        assert (serving.received[1].method, serving.received[1].body) == ("POST", b'{"n":1}')
        with pytest.raises(VendorRefusal):
            opened().fetch(request)
        assert len(serving.received) == 3


def test_redirect_in_a_circle_ends(opened: Callable[..., Transport]) -> None:
    with vendor(reply(302, headers={"Location": "/calls"})) as serving:
        with pytest.raises(VendorRefusal, match="over and over"):
            opened().fetch(get(serving))
        assert len(serving.received) == 4


def test_body_of_a_redirect_is_not_read(opened: Callable[..., Transport]) -> None:
    endless = raw(head(302, {"Location": "/b", "Content-Length": str(10**12)}) + b"x" * 10**6)
    with vendor(endless, answer(GOOD)) as serving:
        started = time.monotonic()
        assert opened().fetch(get(serving)) == GOOD
        assert time.monotonic() - started < 20


def test_expired_token_leads_to_one_login_for_all_workers(
    opened: Callable[..., Transport],
) -> None:
    def calls(line: socket.socket, request: Received) -> None:
        fresh = request.headers["authorization"] == "Bearer token-1"
        (answer(GOOD) if fresh else answer({"error": "Token is expired."}, 401))(line, request)

    with (
        vendor(answer({"token": "token-1"}), answer({"token": "token-2"})) as door,
        vendor(calls) as serving,
    ):
        doorman = opened(name="acme login")
        log_in = Request("POST", f"{door.url}/login", body={"email": "a@b.c", "password": "pw"})
        log_in_again = Login(lambda: str(doorman.fetch(log_in)["token"]), at_hand="token-0")
        transport = opened(authenticator=log_in_again, max_retries=0)
        with ThreadPoolExecutor(8) as workers:
            fetched = list(workers.map(lambda _: transport.fetch(get(serving)), range(16)))
        assert fetched == [GOOD] * 16
        assert len(door.received) == 1
        assert transport.retries == 0


def test_vendor_that_refuses_every_token_ends_after_one_more_login(
    opened: Callable[..., Transport],
) -> None:
    tokens = iter(["one", "two", "three"])
    with vendor(answer({"message": "Unauthenticated."}, 401)) as serving:
        with pytest.raises(VendorRefusal, match="HTTP 401"):
            opened(authenticator=Login(lambda: next(tokens))).fetch(get(serving))
        assert len(serving.received) == 2 * (1 + len(WAITS_FOR_A_FRESH_TOKEN))
    assert next(tokens) == "three"


def test_refused_static_token_is_not_tried_twice(opened: Callable[..., Transport]) -> None:
    with vendor(answer({}, 401)) as serving:
        with pytest.raises(VendorRefusal, match="Check the vendor's credentials"):
            opened(authenticator=BearerToken("t0ken")).fetch(get(serving))
        assert len(serving.received) == 1


@pytest.mark.parametrize("written", [str, lambda token: quote(token, safe="")])
@pytest.mark.parametrize("before", range(165, 205, 3))
def test_no_part_of_a_token_is_quoted_where_a_message_is_cut(
    before: int, written: Callable[[str], str], opened: Callable[..., Transport]
) -> None:
    token = "abcd/efgh+ijkl==mnop"
    body = {"message": "x" * before + " " + written(token)}

    def judge(_: int, __: object | None) -> Verdict:
        return Verdict(Action.STOP, message=body["message"])

    with vendor(answer(body, 403)) as serving, pytest.raises(VendorRefusal) as raised:
        opened(authenticator=BearerToken(token), judge=judge).fetch(get(serving))
    assert "abcd" not in str(raised.value)


def test_a_login_is_refused_without_its_name_being_told(opened: Callable[..., Transport]) -> None:
    def judge(_: int, body: Any) -> Verdict:
        return Verdict(Action.STOP, message=body["message"])

    with vendor(answer({"message": "no user someone@corp.example"}, 422)) as serving:
        log_in = Request(
            "POST",
            f"{serving.url}/login",
            body={"email": "someone@corp.example", "password": "fake-password"},
        )
        with pytest.raises(VendorRefusal, match=r"no user \*\*\*"):
            opened(judge=judge).fetch(log_in)


def test_queries_are_not_told_at_any_log_level(
    opened: Callable[..., Transport], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), vendor(answer(GOOD)) as serving:
        opened().fetch(Request("GET", f"{serving.url}/calls", params=(("phone", "s3cret"),)))
    assert "s3cret" not in caplog.text


def test_a_host_that_nobody_knows_is_told_as_such(opened: Callable[..., Transport]) -> None:
    with pytest.raises(VendorUnavailable, match="the host's name is not known") as raised:
        opened(max_retries=0).fetch(Request("GET", "http://vendor.invalid/calls"))
    assert "api_url" in str(raised.value.advice)


@pytest.mark.parametrize(
    ("variable", "value", "address"),
    [
        ("REQUESTS_CA_BUNDLE", "/nonexistent", "https://vendor.invalid"),
        ("HTTP_PROXY", "http:///x", "http://vendor.invalid"),
    ],
)
def test_an_environment_that_cannot_be_used_is_named(
    variable: str,
    value: str,
    address: str,
    opened: Callable[..., Transport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv(variable.lower(), value)
    with pytest.raises(SettingsError, match=variable) as raised:
        opened().fetch(Request("GET", address))
    assert value not in str(raised.value)


def test_vendors_words_are_quoted_without_secrets_and_numbers(
    opened: Callable[..., Transport],
) -> None:
    def judge(_: int, body: object | None) -> Verdict:
        assert isinstance(body, dict)
        return Verdict(Action.STOP, body["code"], body["message"], "Check acme.api_token.")

    said = "no 'Bearer t0ken-9' with hunter2-pw\r\nfor +998 90 123-45-67, \x1b[31m" + "so " * 500
    with vendor(answer({"code": "bad\nrequest", "message": said}, 403)) as serving:
        request = Request("POST", f"{serving.url}/login", body={"password": "hunter2-pw"})
        with pytest.raises(VendorRefusal) as caught:
            opened(judge=judge, authenticator=BearerToken("t0ken-9")).fetch(request)
    shown = str(caught.value)
    assert shown.startswith("acme_calls: the vendor refused: HTTP 403, bad request: no 'Bearer ***")
    assert shown.endswith("Check acme.api_token.")
    assert shown.isprintable()
    assert len(shown) < 320
    for hidden in ("t0ken", "hunter2", "90 123", "127.0.0.1"):
        assert hidden not in shown


def test_log_names_no_url_and_no_body(
    opened: Callable[..., Transport], caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO),
        vendor(answer({"error": "s3cret-body"}, 500), answer(GOOD)) as serving,
    ):
        opened().fetch(Request("GET", f"{serving.url}/calls", params=(("phone", "s3cret-q"),)))
    assert "acme_calls: HTTP 500; trying again in 0.0 s" in caplog.text
    assert "s3cret" not in caplog.text


def test_netrc_is_never_asked_for_a_credential(
    opened: Callable[..., Transport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", os.fspath(netrc))
    with vendor(answer(GOOD)) as serving:
        opened().fetch(get(serving))
        opened(authenticator=BearerToken("t0ken")).fetch(get(serving))
    assert "authorization" not in serving.received[0].headers
    assert serving.received[1].headers["authorization"] == "Bearer t0ken"


def test_a_vendors_cookies_are_not_kept(opened: Callable[..., Transport]) -> None:
    with vendor(answer(GOOD, Set_Cookie="session=1")) as serving:
        transport = opened()
        transport.fetch(get(serving))
        transport.fetch(get(serving))
    assert [each.headers.get("cookie") for each in serving.received] == [None, None]


def test_the_proxy_of_the_environment_is_used(
    opened: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with vendor(answer(GOOD)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        transport = opened()
        for _ in range(2):
            transport.fetch(Request("GET", "http://vendor.example/calls"))
    assert [each.target for each in proxy.received] == 2 * ["http://vendor.example/calls"]


@pytest.mark.parametrize(
    "url", ["ftp://vendor.example/calls", "calls", "http://", "http://a..b/", "http://[::1/"]
)
def test_address_that_cannot_be_requested_is_a_settings_error(
    url: str, opened: Callable[..., Transport]
) -> None:
    with pytest.raises(SettingsError, match="api_url") as caught:
        opened().fetch(Request("GET", url))
    assert "vendor.example" not in str(caught.value)


@pytest.mark.parametrize("user_agent", ["tap\r\nX-Evil: 1", "tap-\u2013"])
def test_header_that_cannot_be_sent_is_a_settings_error(
    user_agent: str, opened: Callable[..., Transport]
) -> None:
    with vendor(answer(GOOD)) as serving:
        with pytest.raises(SettingsError, match="user_agent") as caught:
            opened(user_agent=user_agent).fetch(get(serving))
        assert serving.received == []
    assert "Evil" not in str(caught.value)


def test_certificate_that_nobody_vouches_for_ends_at_once(
    opened: Callable[..., Transport], self_signed: ssl.SSLContext
) -> None:
    transport = opened(authenticator=BearerToken("t0ken"))
    with vendor(answer(GOOD), tls=self_signed) as serving:
        with pytest.raises(VendorUnavailable, match="certificate"):
            transport.fetch(get(serving))
        assert transport.requests == 1
        assert serving.received == []


def test_drip_over_tls_ends_within_twice_the_timeout(
    opened: Callable[..., Transport], self_signed: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.fspath(CERTIFICATE))
    dripping = raw(b"", *[b"H"] * 99, every=0.05)
    with vendor(answer(GOOD), dripping, dripping, answer(GOOD), tls=self_signed) as serving:
        transport = opened(request_timeout=0.2, max_retries=0)
        assert transport.fetch(get(serving)) == GOOD
        started = time.monotonic()
        with pytest.raises(VendorUnavailable, match="did not end"):
            transport.fetch(get(serving))
        assert time.monotonic() - started < DRIP_SECONDS
        assert opened(request_timeout=0.2, max_retries=1).fetch(get(serving)) == GOOD


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(hang(), id="in a request"),
        pytest.param(answer({}, 500), id="between tries"),
        pytest.param(answer({}, 429, Retry_After="200"), id="in a pause"),
    ],
)
def test_stop_ends_a_fetch_promptly(step: Step, opened: Callable[..., Transport]) -> None:
    stop = threading.Event()
    with vendor(step) as serving, ThreadPoolExecutor(1) as workers:
        transport = opened(stop=stop, first_wait_seconds=20.0, request_timeout=30.0)
        fetching = workers.submit(transport.fetch, get(serving))
        time.sleep(0.1)
        stop.set()
        started = time.monotonic()
        with pytest.raises(StoppedError):
            fetching.result()
        assert time.monotonic() - started < 10


def test_close_ends_a_request_under_way(opened: Callable[..., Transport]) -> None:
    with vendor(hang()) as serving, ThreadPoolExecutor(1) as workers:
        transport = opened(request_timeout=30.0)
        fetching = workers.submit(transport.fetch, get(serving))
        time.sleep(0.1)
        transport.close()
        with pytest.raises(StoppedError):
            fetching.result(timeout=20)


def test_watch_leaves_later_requests_on_the_same_connection_alone(
    opened: Callable[..., Transport],
) -> None:
    with vendor(answer(GOOD)) as serving:
        transport = opened(request_timeout=0.5, max_retries=0)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert transport.fetch(get(serving)) == GOOD
            time.sleep(0.02)
        assert serving.connections == 1


def test_rate_limited_vendor_without_retry_after_is_read_whole(
    opened: Callable[..., Transport],
) -> None:
    """Forty requests of eight workers at a vendor that bears twenty a second."""
    lock = threading.Lock()
    granted: list[float] = []

    def limited(line: socket.socket, request: Received) -> None:
        with lock:
            good = sum(request.at - at < 1.0 for at in granted) < 20
            if good:
                granted.append(request.at)
        (answer(GOOD) if good else answer({}, 429))(line, request)

    with vendor(limited) as serving, ThreadPoolExecutor(8) as workers:
        stop = threading.Event()
        transport = opened(
            stop=stop, budget=Budget(None, stop=stop), first_wait_seconds=0.1, max_retries=8
        )
        fetched = list(workers.map(lambda _: transport.fetch(get(serving)), range(40)))
    assert fetched == [GOOD] * 40
    assert transport.retries > 0


@pytest.mark.parametrize("step", [reply(204), reply(200, b"null"), reply(200, b"[]")])
def test_nothing_is_an_empty_array_however_it_is_written(
    step: Any, opened: Callable[..., Transport]
) -> None:
    with vendor(step) as serving:
        assert opened().fetch(get(serving)) == []
    assert len(serving.received) == 1
