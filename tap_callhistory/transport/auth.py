"""Bearer tokens: issued once, or fetched by a login, and again when the vendor refuses them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from tap_callhistory.errors import (
    CallHistoryError,
    SettingsError,
    UnreadableAnswer,
    VendorRefusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Authenticator(Protocol):
    """Puts a credential on requests, and may find a new one."""

    def authorize(self, headers: dict[str, str]) -> int:
        """Add the credential to a request's headers; returns the credential's generation."""

    def renew(self, generation: int) -> bool:
        """Whether a credential newer than this generation, which the vendor refused, is at hand."""

    def is_fresh(self, generation: int) -> bool:
        """Whether a credential came from a login: the vendor may need a moment to know it."""

    def close(self) -> None:
        """Give back what a login has brought; never raises CallHistoryError."""


class BearerToken(Authenticator):
    """A token that the user was issued; there is no other to be had.

    Args:
        token: The token, without the word Bearer.
        setting: The setting it comes from, for errors.

    Raises:
        SettingsError: The token holds what an HTTP header cannot carry.
    """

    def __init__(self, token: str, *, setting: str = "the token") -> None:
        if not _fits_a_header(token):
            raise SettingsError(
                f"{setting} holds characters that a token cannot have (a space, a line break or a "
                "letter outside ASCII); copy it again"
            )
        self._authorization = f"Bearer {token}"

    @override
    def authorize(self, headers: dict[str, str]) -> int:
        headers["Authorization"] = self._authorization
        return 0

    @override
    def renew(self, generation: int) -> bool:
        return False

    @override
    def is_fresh(self, generation: int) -> bool:
        return False

    @override
    def close(self) -> None:
        """Nothing to give back: the token is the user's."""


class Login(Authenticator):
    """A token by login: at first need, and once more whenever the vendor refuses the last one.

    Workers that meet the refusal together share one new login. A login that the vendor refused is
    not tried again: wrong passwords, repeated, lock accounts.

    Args:
        log_in: Posts the credentials and returns the token; raises CallHistoryError.
        at_hand: A token that the user was issued: used before the first login.
        log_out: Ends the session of a token; raises CallHistoryError. None where the vendor knows
            no logout.
        conceal: Told of every new token, so that logs can hide it.
    """

    def __init__(
        self,
        log_in: Callable[[], str],
        *,
        at_hand: str | None = None,
        log_out: Callable[[str], None] | None = None,
        conceal: Callable[[str], None] | None = None,
    ) -> None:
        self._log_in = log_in
        self._log_out = log_out
        self._conceal = conceal
        self._lock = threading.Lock()
        self._generation = 0
        self._issued = 1 if at_hand else 0
        self._token = ""
        self._refusal: VendorRefusal | None = None
        if at_hand:
            self._take(at_hand)

    @override
    def authorize(self, headers: dict[str, str]) -> int:
        with self._lock:
            if not self._generation:
                self._take_new_token()
            headers["Authorization"] = f"Bearer {self._token}"
            return self._generation

    @override
    def renew(self, generation: int) -> bool:
        with self._lock:
            if generation == self._generation:
                self._take_new_token()
            return True

    @override
    def is_fresh(self, generation: int) -> bool:
        return generation > self._issued

    @override
    def close(self) -> None:
        """Log out, if a login has brought the token: some never expire, and would pile up."""
        with self._lock:
            token = self._token if self._generation > self._issued else ""
            self._token = ""
            self._generation = 0
        if token and self._log_out is not None:
            try:
                self._log_out(token)
            except CallHistoryError:
                return  # The token stays behind; nothing was lost.

    def _take_new_token(self) -> None:
        if self._refusal is not None:
            raise self._refusal
        try:
            token = self._log_in()
        except VendorRefusal as refusal:
            refusal.of_the_login = True
            self._refusal = refusal
            raise
        self._take(token)

    def _take(self, token: str) -> None:
        if not _fits_a_header(token):
            raise UnreadableAnswer("the vendor's answer to the login holds no usable token")
        if self._conceal is not None:
            self._conceal(token)
        self._token = token
        self._generation += 1


def _fits_a_header(token: object) -> bool:
    return (
        isinstance(token, str)
        and token != ""
        and token.isascii()
        and token.isprintable()
        and " " not in token
    )
