"""Credentials that end, that are not known yet, that ask for more; over HTTP, for whole pages."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.errors import VendorRefusal, VendorUnavailable
from tap_callhistory.transport.budget import Budget
from tests.support.misbehaving_vendor import Received, Step, answer, vendor
from tests.support.transport.connecting import EMPTY, LOGINS, connected, connected_by

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

UNAUTHENTICATED = answer({"message": "Unauthenticated."}, 401)


class Office:
    """A vendor with a login and a logout.

    Attributes:
        tokens: All tokens that were given, in order.
        ended: Those that were given back.
    """

    def __init__(self, name: str, page: Callable[[str, Received], Step]) -> None:
        self._name = name
        self._page = page
        self._lock = threading.Lock()
        self.tokens: list[str] = []
        self.ended: list[str] = []

    def __call__(self, line: socket.socket, request: Received) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        with self._lock:
            step = self._step(request, token)
        step(line, request)

    def _step(self, request: Received, token: str) -> Step:
        if request.target.endswith("/auth/login"):
            self.tokens.append(f"fake-token-{len(self.tokens)}")
            return answer(LOGINS[self._name](self.tokens[-1]))
        if request.target.endswith("/auth/logout"):
            self.ended.append(token)
            return answer({"status": "success", "code": 200})
        return self._page(token, request)


@pytest.mark.parametrize("name", LOGINS)
def test_two_runs_that_end_each_others_sessions_both_come_to_their_end(name: str) -> None:
    office: Any = None

    def page(token: str, _: Received) -> Step:
        return answer(EMPTY[name]) if token == office.tokens[-1] else UNAUTHENTICATED

    office = Office(name, page)
    with vendor(office) as serving, ThreadPoolExecutor(8) as workers:
        transports = [connected(name, serving.url) for _ in range(2)]
        asked = [
            workers.submit(transport.fetch, request)
            for _ in range(30)
            for transport, request in transports
        ]
        assert [each.result() for each in asked] == [EMPTY[name]] * 60
        for transport, _ in transports:
            transport.close()
    assert len(office.tokens) > 2


def test_an_issued_token_that_worked_and_is_refused_for_a_moment_is_tried_again() -> None:
    good = answer(EMPTY["cinnox"])
    with vendor(good, UNAUTHENTICATED, UNAUTHENTICATED, good) as serving:
        transport, request = connected("cinnox", serving.url)
        assert transport.fetch(request) == transport.fetch(request) == EMPTY["cinnox"]
        transport.close()
    with vendor(good, UNAUTHENTICATED) as serving:
        transport, request = connected("cinnox", serving.url)
        transport.fetch(request)
        with pytest.raises(VendorRefusal, match=r"cinnox\.app_token"):
            transport.fetch(request)
        transport.close()
        assert len(serving.received) == 4


@pytest.mark.parametrize("name", LOGINS)
@pytest.mark.parametrize("refused", [1, 3])
def test_a_token_that_is_not_known_everywhere_yet_is_given_a_moment(
    name: str, refused: int
) -> None:
    refusals = iter([UNAUTHENTICATED] * refused)
    office = Office(name, lambda *_: next(refusals, answer(EMPTY[name])))
    with vendor(office) as serving:
        transport, request = connected(name, serving.url)
        assert transport.fetch(request) == EMPTY[name]
        transport.close()
    assert len(office.tokens) == 1


SECOND_FACTORS: list[tuple[int, Any]] = [
    (200, {"two_factor": True}),
    (200, {"status": "success", "code": 200, "result": {"requires2fa": True, "channel": "sms"}}),
    (200, {"result": {"access_token": None, "mfaRequired": True}}),
    (200, {"token": None, "otp_required": 1}),
    (200, {"message": "A verification code was sent to your phone."}),
    (202, {"message": "Enter the one-time password."}),
    (401, {"message": "Two factor authentication required"}),
    (403, {"error": "2fa_required"}),
    (422, {"message": "x", "errors": {"code": ["The two-factor code is required."]}}),
]


@pytest.mark.parametrize("name", LOGINS)
@pytest.mark.parametrize(("status", "body"), SECOND_FACTORS)
def test_a_second_factor_ends_the_run_after_one_login(name: str, status: int, body: Any) -> None:
    with vendor(answer(body, status)) as serving:
        transport, request = connected(name, serving.url)
        for _ in range(3):
            with pytest.raises(VendorRefusal, match="second factor") as raised:
                transport.fetch(request)
            assert not raised.value.may_mean_the_window
        transport.close()
        assert len(serving.received) == 1


def test_a_login_that_no_longer_needs_a_second_factor_is_no_such_thing() -> None:
    with vendor(answer({"two_factor": False})) as serving:
        transport, request = connected("utel", serving.url)
        with pytest.raises(VendorRefusal, match="without a token"):
            transport.fetch(request)
        transport.close()


INSIDE_A_200: list[Any] = [
    {"status": "error", "code": 401, "message": "Unauthenticated."},
    {"status": "unauthorized"},
    {"code": "unauthenticated", "msg": "no"},
    {"success": False, "message": "Unauthenticated."},
    {"error": "Token is expired."},
    {"error": {"code": "401", "message": "Session has expired"}},
    {"data": None, "message": "Unauthenticated."},
    {"statusCode": 401, "error": "Unauthorized"},
]


@pytest.mark.parametrize("name", LOGINS)
@pytest.mark.parametrize("body", INSIDE_A_200)
def test_an_old_token_refused_within_a_200_leads_to_a_login(name: str, body: Any) -> None:
    def page(token: str, _: Received) -> Step:
        return answer(body if token == "fake-old-token" else EMPTY[name])

    office = Office(name, page)
    with vendor(office) as serving:
        transport, request = connected(name, serving.url, token="fake-old-token")
        assert transport.fetch(request) == EMPTY[name]
        transport.close()
    assert len(office.tokens) == 1


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("body", INSIDE_A_200)
def test_a_refused_token_within_a_200_is_quoted_and_the_credential_named(
    name: str, body: Any
) -> None:
    given = {"email": "", "password": "", "token": "fake-token"} if name in LOGINS else {}
    with vendor(answer(body)) as serving:
        transport, request = connected(name, serving.url, **given)
        with pytest.raises(VendorRefusal) as raised:
            transport.fetch(request)
        transport.close()
        assert len(serving.received) == 1
    assert f"{name}." in str(raised.value.advice)
    assert raised.value.status == 401
    assert not raised.value.may_mean_the_window
    said = json.dumps(body)
    if "Unauthenticated" in said:
        assert "Unauthenticated" in str(raised.value)


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize(
    "refusal",
    [
        answer({"message": "Rate limit exceeded."}, 403, Retry_After="0"),
        answer({"message": "Rate limit exceeded."}, 403),
        answer({"error": "Forbidden"}, 403, Retry_After="0"),
        answer({"detail": "Request was throttled."}, 400),
        answer({"errors": ["Слишком много запросов, повторите позже"]}, 403),
        answer({}, 420),
        answer({"status": "error", "code": 429, "message": "slow"}),
        answer({"message": "Too Many Attempts."}),
    ],
)
def test_too_many_requests_in_other_words_slow_the_stream_down(name: str, refusal: Step) -> None:
    given = {"email": "", "password": "", "token": "fake-token"} if name in LOGINS else {}
    with vendor(refusal, answer(EMPTY[name])) as serving:
        budget = Budget(100, stop=threading.Event())
        transport, request = connected_by(name, serving.url, given, budget=budget)
        assert transport.fetch(request) == EMPTY[name]
        assert budget.rate < 100
        transport.close()
    with vendor(refusal) as serving:
        transport, request = connected(name, serving.url, **given)
        with pytest.raises(VendorUnavailable) as raised:
            transport.fetch(request)
        transport.close()
    assert "requests_per_second" in str(raised.value.advice)
    assert "concurrency" in str(raised.value.advice)


def test_a_right_that_is_missing_is_not_taken_for_haste() -> None:
    with vendor(answer({"message": "This action is forbidden."}, 403)) as serving:
        transport, request = connected("cinnox", serving.url)
        with pytest.raises(VendorRefusal, match="forbidden"):
            transport.fetch(request)
        transport.close()


def test_utel_logs_out_after_a_run_that_logged_in() -> None:
    office = Office("utel", lambda *_: answer(EMPTY["utel"]))
    with vendor(office) as serving:
        for _ in range(3):
            transport, request = connected("utel", serving.url)
            transport.fetch(request)
            transport.close()
            transport.close()
        log_out = serving.received[-1]
    assert office.ended == office.tokens == [f"fake-token-{number}" for number in range(3)]
    assert (log_out.method, log_out.target) == ("POST", "/auth/logout")
    assert log_out.headers["accept"] == "application/json"


def test_an_issued_token_is_not_logged_out() -> None:
    office = Office("utel", lambda *_: answer(EMPTY["utel"]))
    with vendor(office) as serving:
        for given in ({}, {"email": "", "password": ""}):
            transport, request = connected("utel", serving.url, token="fake-token", **given)
            transport.fetch(request)
            transport.close()
    assert office.ended == office.tokens == []


@pytest.mark.parametrize("refusal", [answer({"message": "no such route"}, 404), answer({}, 500)])
def test_a_logout_that_fails_is_no_failure(refusal: Step) -> None:
    steps = (answer(LOGINS["utel"]("fake-token")), answer(EMPTY["utel"]), refusal)
    with vendor(*steps) as serving:
        transport, request = connected("utel", serving.url)
        transport.fetch(request)
        transport.close()
        assert len(serving.received) == 3
