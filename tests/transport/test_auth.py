"""Tokens: issued ones, and those of a login that many workers share."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.errors import SettingsError, UnreadableAnswer, VendorRefusal, VendorUnavailable
from tap_callhistory.transport.auth import BearerToken, Login

if TYPE_CHECKING:
    from collections.abc import Iterator


class Door:
    """A login that counts its callers and gives a new token to each."""

    def __init__(self, *, opens: bool = True) -> None:
        self.logins = 0
        self.inside = threading.Semaphore(1)
        self._opens = opens

    def log_in(self) -> str:
        assert self.inside.acquire(blocking=False), "two logins at once"
        self.logins += 1
        self.inside.release()
        if not self._opens:
            raise VendorRefusal("acme: the vendor refused: HTTP 401.")
        return f"token-{self.logins}"


def authorized(authenticator: BearerToken | Login) -> tuple[int, str]:
    headers: dict[str, str] = {}
    return authenticator.authorize(headers), headers["Authorization"]


def test_issued_token_goes_out_as_a_bearer_and_cannot_be_renewed() -> None:
    token = BearerToken("abc|123")
    assert authorized(token) == (0, "Bearer abc|123")
    assert token.renew(0) is False


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "a\n", "tökén", "\x00"])
def test_token_that_a_header_cannot_carry_names_the_setting_only(token: str) -> None:
    with pytest.raises(SettingsError, match=r"kavenegar\.api_token") as caught:
        BearerToken(token, setting="kavenegar.api_token")
    assert len(token) < 2 or token not in str(caught.value)


def test_login_happens_at_first_need_and_once_for_all_workers() -> None:
    door = Door()
    login = Login(door.log_in)
    assert door.logins == 0
    with ThreadPoolExecutor(8) as workers:
        seen = set(workers.map(lambda _: authorized(login), range(32)))
    assert seen == {(1, "Bearer token-1")}
    assert door.logins == 1


def test_workers_that_met_the_same_refusal_share_one_new_login() -> None:
    door = Door()
    login = Login(door.log_in)
    generation, _ = authorized(login)
    with ThreadPoolExecutor(8) as workers:
        renewed = list(workers.map(lambda _: login.renew(generation), range(8)))
    assert renewed == [True] * 8
    assert authorized(login) == (2, "Bearer token-2")
    assert login.renew(2)
    assert authorized(login) == (3, "Bearer token-3")


def test_refused_login_is_not_repeated() -> None:
    door = Door(opens=False)
    login = Login(door.log_in)
    for _ in range(3):
        with pytest.raises(VendorRefusal):
            authorized(login)
        with pytest.raises(VendorRefusal):
            login.renew(0)
    assert door.logins == 1


def test_login_that_failed_for_a_while_may_be_repeated() -> None:
    outcomes: Iterator[str | Exception] = iter([VendorUnavailable("acme: down"), "token"])

    def log_in() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    login = Login(log_in)
    with pytest.raises(VendorUnavailable):
        authorized(login)
    assert authorized(login) == (1, "Bearer token")


@pytest.mark.parametrize("token", [None, "", 5, {"token": "x"}, "a\nb"])
def test_login_answer_without_a_usable_token_is_unreadable(token: object) -> None:
    with pytest.raises(UnreadableAnswer):
        authorized(Login(lambda: token))  # type: ignore[arg-type,return-value]


def test_every_new_token_is_made_known_to_who_conceals_it() -> None:
    concealed: list[str] = []
    login = Login(Door().log_in, conceal=concealed.append)
    login.renew(authorized(login)[0])
    assert concealed == ["token-1", "token-2"]
