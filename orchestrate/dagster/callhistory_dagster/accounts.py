"""The accounts that are read, from a file without secrets, and their secrets from the environment.

CALLHISTORY_ACME_UTEL_TOKEN  ──  account acme, vendor utel, the tap's setting utel.token
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CALLS_PER_RUN: Final = 250_000
PREFIX: Final = "CALLHISTORY"
STREAMS: Final[Mapping[str, str]] = {
    "kavenegar": "kavenegar_calls",
    "etelecom": "etelecom_call_logs",
    "twin": "twin_call_sessions",
    "cinnox": "cinnox_call_details",
    "utel": "utel_call_history",
}
#: The tap's oldest revisit by default: younger history is the hourly run's.
OLDEST_REVISIT: Final = timedelta(hours=168)
_LABEL: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_KNOWN: Final = frozenset({"calls_per_month", "requests_per_second", "settings"})


class AccountsError(Exception):
    """The file of accounts cannot be worked with; names what is wrong, never a value."""


@dataclass(frozen=True, slots=True)
class Source:
    """One vendor's account: what one asset reads.

    Attributes:
        account: Its label; also the end of its schema's name in the warehouse.
        vendor: The vendor's name in the tap's settings.
        history_from: Where history begins, S.
        history_until: Where the shards end and the hourly runs begin, T.
        calls_per_month: About how many; None where nobody knows.
        requests_per_second: The budget over all machines; None for none.
        settings: The vendor's settings that are no secret.
    """

    account: str
    vendor: str
    history_from: datetime
    history_until: datetime
    calls_per_month: int | None = None
    requests_per_second: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        """The tap's stream."""
        return STREAMS[self.vendor]

    @property
    def schema(self) -> str:
        """The account's schema in the warehouse."""
        return f"calls_{self.account}"

    @property
    def months_per_run(self) -> int:
        """How many months hold about as many calls as a run should."""
        return max(1, CALLS_PER_RUN // (self.calls_per_month or CALLS_PER_RUN))

    def environment(self) -> dict[str, str]:
        """The tap's settings for this vendor, secrets from the environment of this process."""
        prefix = f"{PREFIX}_{self.account}_{self.vendor}_".upper()
        secret = {
            name.removeprefix(prefix): value
            for name, value in os.environ.items()
            if name.startswith(prefix)
        }
        given = {name.upper(): str(value) for name, value in self.settings.items()}
        return {
            f"TAP_CALLHISTORY_{self.vendor.upper()}_{name}": value
            for name, value in {**given, **secret}.items()
        }


def read_accounts(path: Path) -> list[Source]:
    """Read the file of accounts.

    Raises:
        AccountsError: It cannot be worked with.
    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise AccountsError(
            f"the file of accounts cannot be read: {type(error).__name__}"
        ) from None
    if not isinstance(given, dict) or not isinstance(given.get("accounts"), dict):
        raise AccountsError("the file of accounts has no object accounts")
    start, end = _month(given, "history_from"), _month(given, "history_until")
    if start >= end:
        raise AccountsError("history_until must lie after history_from")
    if end > datetime.now(UTC) - OLDEST_REVISIT:
        raise AccountsError("history_until must lie more than a week back: revisits read on there")
    return list(_sources(given["accounts"], start, end))


def _sources(accounts: Mapping[str, Any], start: datetime, end: datetime) -> Iterator[Source]:
    for account, vendors in accounts.items():
        if not isinstance(account, str) or not _LABEL.fullmatch(account):
            raise AccountsError("an account's label is a-z, 0-9 and _, and begins with a letter")
        if not isinstance(vendors, dict):
            raise AccountsError(f"{account} has no vendors")
        for vendor, given in vendors.items():
            where = f"{account}.{vendor}"
            if vendor not in STREAMS:
                raise AccountsError(f"{where} is none of {', '.join(STREAMS)}")
            if unknown := sorted(set(given or {}) - _KNOWN):
                raise AccountsError(f"{where} has {unknown[0]}, which is none of {sorted(_KNOWN)}")
            yield Source(account, vendor, start, end, **(given or {}))


def _month(given: Mapping[str, Any], name: str) -> datetime:
    value = given.get(name)
    if type(value) is not date or value.day != 1:
        raise AccountsError(f"{name} must be the first of a month, as 2026-11-01")
    return datetime(value.year, value.month, 1, tzinfo=UTC)
