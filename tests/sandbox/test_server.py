from __future__ import annotations

import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests

from tap_callhistory.sandbox.faults import Faults
from tap_callhistory.sandbox.server import Sandbox
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.sandbox.asking import ALL_FIELDS, NOW, PATHS, TOKENS, VENDORS

TIMEOUT_SECONDS = 10
JSON = {"Accept": "application/json", "Content-Type": "application/json"}


def bearer(token: str) -> dict[str, str]:
    return {**JSON, "Authorization": f"Bearer {token}"}


def logged_in(session: requests.Session, url: str, settings: dict[str, str]) -> str:
    body = {"email": settings["email"], "password": settings["password"]}
    answer = session.post(
        f"{url}/auth/login", json=body, headers=JSON, timeout=TIMEOUT_SECONDS
    ).json()
    return str(answer.get("token") or answer["result"]["access_token"])


def test_all_five_vendors_serve_under_one_url() -> None:
    sandbox = Sandbox(calls=30, now=NOW)
    with sandbox.serve() as url, requests.Session() as session:
        settings = sandbox.settings(url)
        tokens = TOKENS | {
            "twin": logged_in(session, settings["twin"]["iam_url"], settings["twin"]),
            "utel": logged_in(session, settings["utel"]["api_url"], settings["utel"]),
        }
        for vendor in VENDORS:
            method = "POST" if vendor == "etelecom" else "GET"
            answer = session.request(
                method,
                url + PATHS[vendor],
                params={"fields": ALL_FIELDS} if vendor == "twin" else {},
                json={} if vendor == "etelecom" else None,
                headers=bearer(tokens[vendor]),
                timeout=TIMEOUT_SECONDS,
            )
            assert answer.status_code == 200, answer.text
    assert sandbox.requests == dict.fromkeys(VENDORS, 1) | {"twin": 2, "utel": 2}
    assert sandbox.log["kavenegar"][0] == (PATHS["kavenegar"], "")


def test_connections_are_kept_and_answers_compressed_when_asked() -> None:
    sandbox = Sandbox(calls=200, vendors=["cinnox"], now=NOW)
    with sandbox.serve() as url, requests.Session() as session:
        session.headers.update(bearer(TOKENS["cinnox"]))
        zipped = session.get(url + PATHS["cinnox"], timeout=TIMEOUT_SECONDS)
        plain = session.get(
            url + PATHS["cinnox"],
            headers={"Accept-Encoding": "identity"},
            timeout=TIMEOUT_SECONDS,
        )
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert zipped.json() == plain.json()
    assert int(zipped.headers["Content-Length"]) < len(plain.content) / 3


def test_a_stopped_server_leaves_neither_thread_nor_socket() -> None:
    threads = threading.active_count()
    with Sandbox(calls=10, now=NOW).serve() as url, requests.Session() as session:
        port = int(url.rpartition(":")[2])
        session.get(url + PATHS["utel"], timeout=TIMEOUT_SECONDS)
        assert threading.active_count() == threads + 1
    gc.collect()
    assert threading.active_count() == threads
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_server_stops_while_a_request_is_under_way() -> None:
    sandbox = Sandbox(calls=10, now=NOW, faults=Faults(latency_seconds=60))

    def asked(url: str) -> None:
        with pytest.raises(requests.ConnectionError):
            requests.get(url + PATHS["utel"], timeout=TIMEOUT_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        with sandbox.serve() as url:
            waiting = pool.submit(asked, url)
            while not sandbox.requests["utel"]:
                threading.Event().wait(0.01)
        waiting.result(TIMEOUT_SECONDS)


def test_a_taken_port_is_an_error() -> None:
    with Sandbox(calls=1, now=NOW).serve() as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"), Sandbox(calls=1).serve(port):
            pass


def test_a_path_of_no_vendor_is_not_found() -> None:
    with Sandbox(calls=1, vendors=["utel"], now=NOW).serve() as url:
        for path in ("/", "/kavenegar/user/v1/calls", "/nobody"):
            assert requests.get(url + path, timeout=TIMEOUT_SECONDS).status_code == 404


def test_many_clients_at_once_get_what_each_asked_for() -> None:
    sandbox = Sandbox(calls=400, vendors=["kavenegar"], now=NOW)
    expected = [call.uuid for call in sandbox.worlds["kavenegar"].calls()][::-1]

    def page(number: int) -> list[str]:
        answer = requests.get(
            url + PATHS["kavenegar"],
            params={"page": number, "size": 10},
            headers=bearer(TOKENS["kavenegar"]),
            timeout=TIMEOUT_SECONDS,
        )
        return [call["id"] for call in answer.json()["result"]]

    with sandbox.serve() as url, ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(page, range(40)))
    assert [call for page in pages for call in page] == expected


def test_the_clock_can_be_set_and_new_calls_show() -> None:
    sandbox = Sandbox(calls=500, now=NOW, ahead=timedelta(days=3))
    before = sandbox.worlds["kavenegar"].count()
    sandbox.set_now(NOW + timedelta(days=2))
    assert before == 500 < sandbox.worlds["kavenegar"].count()


def test_a_running_clock_shows_all_calls_up_to_now() -> None:
    assert Sandbox(calls=100, vendors=["kavenegar"]).worlds["kavenegar"].count() >= 100


def test_readings_are_each_vendors_own() -> None:
    sandbox = Sandbox(calls=1, now=NOW, behaviour={"utel": Behaviour(zone="UTC")})
    assert sandbox.worlds["utel"].behaviour.zone == "UTC"
    assert sandbox.worlds["kavenegar"].behaviour.zone == "Asia/Tehran"


def test_truth_names_the_stream_of_every_row() -> None:
    rows = list(Sandbox(calls=20, now=NOW).truth())
    assert {stream for stream, _ in rows} == {
        "kavenegar_calls",
        "etelecom_call_logs",
        "twin_call_sessions",
        "cinnox_call_details",
        "utel_call_history",
    }
