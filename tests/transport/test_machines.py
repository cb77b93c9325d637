"""Bodies, networks and machines: what comes is decoded, unpacked, let through, or told apart."""

from __future__ import annotations

import gzip
import json
import logging
import os
import socket
import ssl
import sys
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.errors import (
    CallHistoryError,
    SettingsError,
    UnreadableAnswer,
    VendorRefusal,
    VendorUnavailable,
)
from tap_callhistory.transport import sessions
from tap_callhistory.transport.http import HttpSender
from tap_callhistory.transport.sessions import is_loopback
from tests.support.misbehaving_vendor import Received, Step, answer, reply, vendor
from tests.support.transport.connecting import EMPTY, LOGINS, connected, connected_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_callhistory.transport.transport import Sender

CERTIFICATE = Path(__file__).with_name("self_signed.pem")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
NAMES = tuple(EMPTY)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*PROXIES, "requests_ca_bundle", "curl_ca_bundle", "ssl_cert_file"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    sessions.machine_certificates.cache_clear()
    yield
    sessions.machine_certificates.cache_clear()


def issued(name: str) -> dict[str, str]:
    """A token in place of a login."""
    return {"email": "", "password": "", "token": "fake-token"} if name in LOGINS else {}


def fetched(
    name: str, url: str, new_sender: Callable[..., Sender] = HttpSender, **changes: Any
) -> Any:
    """The answer to one page's request."""
    settings = {**issued(name), **changes}
    transport, request = connected_by(name, url, settings, new_sender=new_sender)
    try:
        return transport.fetch(request)
    finally:
        transport.close()


def bytes_of(body: bytes, **headers: str) -> Step:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return reply(200, body, named)


# Charsets.

SPOKEN = {
    "windows-1251": "Иванов Пётр",
    "KOI8-R": "Звонок пропущен",
    "iso-8859-5": "Линия",
    "windows-1256": "تماس ناموفق",
    "big5": "客戶服務",
    "gb18030": "客户服务",
    "utf-16": "Cuộc gọi",
    "utf-8": "Cuộc gọi nhỡ",
    "iso-8859-1": "Zoë",
}


@pytest.mark.parametrize("form", ["application/json; charset={}", 'text/json;CHARSET="{}"'])
@pytest.mark.parametrize("charset", SPOKEN)
@pytest.mark.parametrize("name", NAMES)
def test_text_is_decoded_by_the_charset_that_is_declared(
    name: str, charset: str, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    page = {**EMPTY[name], "note": SPOKEN[charset]}
    body = json.dumps(page, ensure_ascii=False).encode(charset)
    with vendor(bytes_of(body, Content_Type=form.format(charset))) as serving:
        assert fetched(name, serving.url) == page
        assert len(serving.received) == 1
    assert "U+FFFD" not in caplog.text


@pytest.mark.parametrize("declared", ["", "windows-1251", "nonsense-9", "base64", "rot13", "hex"])
def test_utf_8_is_read_as_such_whatever_is_declared(declared: str) -> None:
    page = {**EMPTY["utel"], "note": "Иванов"}
    body = json.dumps(page, ensure_ascii=False).encode()
    with vendor(bytes_of(body, Content_Type=f"application/json; charset={declared}")) as serving:
        assert fetched("utel", serving.url) == page


@pytest.mark.parametrize("name", NAMES)
def test_characters_that_no_charset_explains_are_counted_and_told(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    page = {**EMPTY[name], "note": "\ufffd kept"}
    body = json.dumps(page, ensure_ascii=False).encode().replace(b" kept", b" \xe9\xe8 kept")
    with vendor(bytes_of(body)) as serving, caplog.at_level(logging.WARNING):
        transport, request = connected(name, serving.url, **issued(name))
        assert transport.fetch(request)["note"] == "\ufffd \ufffd\ufffd kept"
        transport.fetch(request)
        transport.close()
    assert transport.replaced_characters == 4
    assert "2 characters of an answer are not UTF-8 and became U+FFFD" in caplog.text
    assert "(4 in this run so far)" in caplog.text


# Compression.


def _as_told(body: bytes, encoding: str, status: int = 200) -> Step:
    """Claim an encoding, unless the reader wants none."""

    def step(line: socket.socket, request: Received) -> None:
        plain = request.headers["accept-encoding"] == "identity"
        reply(status, body, {} if plain else {"Content-Encoding": encoding})(line, request)

    return step


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip"])
@pytest.mark.parametrize("name", NAMES)
def test_a_body_that_is_not_what_its_encoding_says_is_asked_for_plain(
    name: str, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps(EMPTY[name]).encode()
    with vendor(_as_told(body, encoding)) as serving, caplog.at_level(logging.INFO):
        assert fetched(name, serving.url) == EMPTY[name]
        assert len(serving.received) == 2
    assert "not compressed as its Content-Encoding says" in caplog.text
    assert "connection" not in caplog.text


@pytest.mark.parametrize("name", NAMES)
def test_so_is_a_refusal_whose_words_tell_what_it_means(name: str) -> None:
    body = json.dumps({"errors": ["No calls found for the period."]}).encode()
    with (
        vendor(_as_told(body, "gzip", 400)) as serving,
        pytest.raises(VendorRefusal, match="No calls found") as refused,
    ):
        fetched(name, serving.url)
    assert refused.value.may_mean_nothing
    assert len(serving.received) == 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_vendor_that_never_gets_it_right_is_asked_for_plain_bodies_from_then_on(
    encoding: str,
) -> None:
    body = json.dumps(EMPTY["twin"]).encode()
    with vendor(_as_told(body, encoding)) as serving:
        transport, request = connected("twin", serving.url, **issued("twin"))
        for _ in range(10):
            assert transport.fetch(request) == EMPTY["twin"]
        transport.close()
        assert len(serving.received) == 13


def test_a_header_that_lies_even_about_a_plain_body_is_not_minded() -> None:
    body = json.dumps(EMPTY["cinnox"]).encode()
    for sent in (body, gzip.compress(body)):
        with vendor(bytes_of(sent, Content_Encoding="gzip")) as serving:
            assert fetched("cinnox", serving.url) == EMPTY["cinnox"]


def test_a_body_that_is_damaged_for_good_is_told_as_such() -> None:
    damaged = gzip.compress(json.dumps({"data": list(range(999))}).encode())
    damaged = damaged[:40] + bytes(255 - each for each in damaged[40:])
    with (
        vendor(bytes_of(damaged, Content_Encoding="gzip")) as serving,
        pytest.raises(UnreadableAnswer, match="Content-Encoding") as raised,
    ):
        fetched("utel", serving.url)
    assert "proxy" in str(raised.value.advice)


def test_deflate_in_both_of_its_forms_is_read() -> None:
    body = json.dumps(EMPTY["kavenegar"]).encode()
    bare = zlib.compressobj(wbits=-15)
    for packed in (zlib.compress(body), bare.compress(body) + bare.flush()):
        with vendor(bytes_of(packed, Content_Encoding="deflate")) as serving:
            assert fetched("kavenegar", serving.url) == EMPTY["kavenegar"]
            assert len(serving.received) == 1


# Cookies.


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("name", NAMES)
def test_a_gate_that_sets_a_cookie_and_sends_back_is_passed_each_time(
    name: str, status: int
) -> None:
    def page(line: socket.socket, request: Received) -> None:
        if "gate=open" in request.headers.get("cookie", ""):
            return answer(EMPTY[name])(line, request)
        back = {"Location": request.target, "Set-Cookie": "gate=open; Path=/; HttpOnly"}
        return reply(status, headers=back)(line, request)

    with vendor(page) as serving:
        transport, request = connected(name, serving.url, **issued(name))
        for _ in range(2):
            assert transport.fetch(request) == EMPTY[name]
        transport.close()
        received = serving.received
    # Nothing is kept from one question to the next.
    assert [bool(each.headers.get("cookie")) for each in received] == [False, True, False, True]
    assert len({each.target for each in received}) == 1
    assert all(each.headers["authorization"].startswith("Bearer ") for each in received)


def test_two_cookies_one_after_the_other_are_both_given_back() -> None:
    def page(line: socket.socket, request: Received) -> None:
        have = request.headers.get("cookie", "")
        missing = next((each for each in ("a=1", "b=2") if each not in have), None)
        back = {"Location": request.target, "Set-Cookie": f"{missing}; Path=/"}
        step = answer(EMPTY["utel"]) if missing is None else reply(302, headers=back)
        step(line, request)

    with vendor(page) as serving:
        assert fetched("utel", serving.url) == EMPTY["utel"]


def test_a_cookie_for_another_place_is_not_given_back() -> None:
    back = {"Location": "/elsewhere", "Set-Cookie": "gate=open; Path=/admin"}
    with vendor(reply(302, headers=back), answer(EMPTY["utel"])) as serving:
        fetched("utel", serving.url)
        assert "cookie" not in serving.received[1].headers


# Proxies.


@pytest.fixture
def nowhere() -> Iterator[str]:
    """The address of a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_never_asked_through_a_proxy(
    variable: str, host: str, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://{nowhere}")
    with vendor(answer(EMPTY["utel"])) as serving:
        url = serving.url.replace("127.0.0.1", host)
        assert fetched("utel", url) == EMPTY["utel"]


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8899/x", True),
        ("http://127.8.8.8", True),
        ("http://[::1]:1/", True),
        ("https://LOCALHOST/", True),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
        ("nonsense", False),
    ],
)
def test_this_machines_addresses_are_known(url: str, *, here: bool) -> None:
    assert is_loopback(url) is here


@pytest.mark.parametrize(
    ("variable", "scheme"),
    [("HTTP_PROXY", "http"), ("HTTPS_PROXY", "https"), ("ALL_PROXY", "https")],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_proxy_that_is_not_there_is_named_and_nothing_else_is_blamed(
    name: str, variable: str, scheme: str, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://someone:fake-secret@{nowhere}")
    with pytest.raises(VendorUnavailable, match=f"proxy that {variable} names") as raised:
        fetched(name, f"{scheme}://vendor.example")
    assert variable in str(raised.value.advice)
    told = f"{raised.value} {raised.value.advice}"
    assert not any(word in told for word in ("api_url", "user_agent", "fake-secret", nowhere))


@pytest.mark.parametrize("value", ["socks5h://127.0.0.1:1080", "socks5://h:1", "SOCKS4A://h:1"])
@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTPS_PROXY", "all_proxy"])
def test_a_socks_proxy_is_told_what_it_needs(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)  # as where the extra is not installed
    monkeypatch.setenv(variable, value)
    with pytest.raises(CallHistoryError) as raised:
        fetched("utel", "https://vendor.example")
    told = f"{raised.value} {raised.value.advice or ''}"
    assert variable.upper() in told
    assert "socks" in told
    assert "api_url" not in told
    assert "127.0.0.1" not in told


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_lets_nobody_through_is_named(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vendor(reply(status, b"no")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(VendorUnavailable, match="proxy that HTTPS_PROXY names"):
            fetched("cinnox", "https://vendor.example")
        assert {each.method for each in proxy.received} == {"CONNECT"}


def test_a_proxy_that_asks_for_a_login_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor(reply(407, b"<html>who are you</html>")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with pytest.raises(VendorRefusal, match="proxy asks for a login") as raised:
            fetched("cinnox", "http://vendor.example")
        assert not raised.value.may_mean_the_window


# Certificates.


@pytest.fixture
def tls() -> ssl.SSLContext:
    """The server's side of a vendor with a private authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("name", NAMES)
def test_a_private_authority_that_a_file_names_is_trusted(
    name: str, variable: str, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, os.fspath(CERTIFICATE))
    with vendor(answer(EMPTY[name]), tls=tls) as serving:
        assert fetched(name, serving.url) == EMPTY[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_private_authority_that_nobody_named_is_refused_and_told(
    name: str, tls: ssl.SSLContext
) -> None:
    with vendor(answer(EMPTY[name]), tls=tls) as serving:
        with pytest.raises(VendorUnavailable, match="REQUESTS_CA_BUNDLE") as raised:
            fetched(name, serving.url)
        assert serving.received == []
    assert not raised.value.may_carry_less


def test_a_certificate_for_another_host_is_refused_though_its_authority_is_trusted(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(CERTIFICATE))
    with vendor(answer(EMPTY["utel"]), tls=tls) as serving:
        with pytest.raises(VendorUnavailable, match="certificate"):
            fetched("utel", serving.url.replace("127.0.0.1", "localhost"))
        assert serving.received == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_file_of_certificates_that_is_not_there_is_named(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/nonexistent/bundle.pem")
    with pytest.raises(SettingsError, match=variable):
        fetched("utel", "https://vendor.example")


# Sizes.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_over_the_bound_names_the_page_size(
    name: str,
    packed: bool,  # noqa: FBT001
) -> None:
    small = partial(HttpSender, most_body_bytes=50_000)
    body = json.dumps({**EMPTY[name], "note": "x" * 60_000}).encode()
    step = bytes_of(gzip.compress(body), Content_Encoding="gzip") if packed else bytes_of(body)
    with vendor(step) as serving:
        with pytest.raises(UnreadableAnswer, match="more than 50,000 bytes") as raised:
            fetched(name, serving.url, new_sender=small)
        # It would be so again.
        assert len(serving.received) == 1
    assert "page_size" in str(raised.value.advice)
    assert "api_url" not in str(raised.value.advice)
