from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
import requests

from tap_callhistory.sandbox.faults import (
    ALL_KINDS,
    FaultKind,
    Faults,
    FaultSource,
    spoiled,
    with_retry_after,
)
from tap_callhistory.sandbox.server import Sandbox
from tests.support.sandbox.asking import NOW, PATHS, TOKENS, VENDORS, made_world

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_SECONDS = 10


def drawn(faults: Faults, count: int, vendor: str = "utel") -> list[str | None]:
    source = FaultSource(faults, vendor, lambda: 0.0)
    return [source.draw() for _ in range(count)]


def served(faults: Faults) -> Sandbox:
    return Sandbox(calls=50, vendors=["kavenegar", "cinnox"], now=NOW, faults=faults)


def asked(
    url: str, vendor: str = "kavenegar", timeout: float = TIMEOUT_SECONDS
) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKENS[vendor]}"}
    return requests.get(url + PATHS[vendor], headers=headers, timeout=timeout)


def test_nothing_goes_wrong_unasked() -> None:
    assert set(drawn(Faults(), 100)) == {None}


def test_a_seed_draws_the_same_faults_again() -> None:
    faults = Faults(fail_share=0.5, seed=3)
    assert drawn(faults, 200) == drawn(faults, 200) != drawn(Faults(fail_share=0.5), 200)


def test_the_share_of_failures_is_that_asked_for_over_all_kinds() -> None:
    counted = Counter(drawn(Faults(fail_share=0.25), 8000))
    assert 0.23 < 1 - counted[None] / 8000 < 0.27
    assert {kind for kind in counted if kind is not None} == set(ALL_KINDS)


def test_what_was_injected_counts_as_call() -> None:
    source = FaultSource(Faults(fail_share=1, kinds=("500", "html")), "utel", lambda: 0.0)
    kinds = Counter(source.draw() for _ in range(50))
    assert source.injected == kinds
    assert kinds.keys() == {"500", "html"}


def test_a_rate_limit_lets_a_seconds_worth_through_and_fills_up_again() -> None:
    clock: Iterator[float] = iter([0.0, *[0.0] * 7, 0.5, 0.5, 0.5, 0.5])
    source = FaultSource(Faults(requests_per_second=5), "utel", lambda: next(clock))
    first = [source.draw() for _ in range(7)]
    later = [source.draw() for _ in range(4)]
    assert first == [None] * 5 + ["rate_limit"] * 2
    assert later == [None] * 2 + ["rate_limit"] * 2


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_429_says_when_to_come_back(vendor: str) -> None:
    good = made_world(vendor, 1).api.error(429, "slow down")
    seconds = with_retry_after(good, Faults(retry_after_seconds=7)).headers["Retry-After"]
    moment = with_retry_after(good, Faults(retry_after="date", retry_after_seconds=60))
    wait = parsedate_to_datetime(moment.headers["Retry-After"]) - datetime.now(UTC)
    assert seconds == "7"
    assert 50 < wait.total_seconds() <= 60
    assert "Retry-After" not in with_retry_after(good, Faults(retry_after="none")).headers


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("503", 503)])
def test_errors_are_in_the_vendors_own_style(vendor: str, kind: str, status: int) -> None:
    api = made_world(vendor, 1).api
    answer = spoiled(kind, api.error(400, ""), api, Faults())
    assert answer.status == status
    assert json.loads(answer.body).keys() == json.loads(api.error(status, "x").body).keys()


def test_cinnoxs_limit_may_come_in_an_ok() -> None:
    api = made_world("cinnox", 1).api
    answer = spoiled("vendor_error", api.error(400, ""), api, Faults())
    assert (answer.status, json.loads(answer.body)["code"]) == (200, 6451010)


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("500", 500, b"internal_server_error"),
        ("502", 502, b"internal_server_error"),
        ("html", 200, b"<html>"),
        ("empty", 200, b""),
        ("not_json", 200, b"{'not'"),
        ("invalid_utf8", 200, b"\xff\xfe"),
    ],
)
def test_spoiled_answers_arrive(kind: FaultKind, status: int, body: bytes) -> None:
    sandbox = served(Faults(fail_share=1, kinds=(kind,)))
    with sandbox.serve() as url:
        answer = asked(url)
    assert answer.status_code == status
    assert body in answer.content
    assert (answer.content == b"") == (kind == "empty")


@pytest.mark.parametrize("kind", ["reset", "truncated", "stall", "timeout"])
def test_spoiled_connections_break(kind: FaultKind) -> None:
    sandbox = served(Faults(fail_share=1, kinds=(kind,), stall_seconds=0.2))
    with sandbox.serve() as url, pytest.raises(requests.RequestException):
        asked(url)
    assert sandbox.sources["kavenegar"].injected[kind] == 1


def test_a_stalled_body_begins_and_does_not_end() -> None:
    sandbox = served(Faults(fail_share=1, kinds=("stall",), stall_seconds=60))
    with sandbox.serve() as url, pytest.raises(requests.ConnectionError, match="timed out"):
        asked(url, timeout=0.3)


def test_a_vendor_can_be_down_while_others_serve() -> None:
    for down in ("503", "refused"):
        sandbox = served(Faults())
        sandbox.set_faults({"kavenegar": Faults(down=down)})
        with sandbox.serve() as url:
            assert asked(url, "cinnox").status_code == 200
            if down == "503":
                assert asked(url).status_code == 503
            else:
                with pytest.raises(requests.ConnectionError):
                    asked(url)


def test_latency_takes_its_time() -> None:
    sandbox = served(Faults(latency_seconds=0.2))
    with sandbox.serve() as url:
        assert asked(url).elapsed.total_seconds() >= 0.2


def test_faults_can_be_changed_while_serving() -> None:
    sandbox = served(Faults(down="503"))
    with sandbox.serve() as url:
        statuses = [asked(url).status_code]
        sandbox.set_faults(Faults())
        statuses.append(asked(url).status_code)
    assert statuses == [503, 200]


def test_a_rate_limit_is_enforced_over_http() -> None:
    sandbox = served(Faults(requests_per_second=3, retry_after_seconds=2))
    with sandbox.serve() as url:
        answers = [asked(url) for _ in itertools.repeat(None, 8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].headers["Retry-After"] == "2"
