"""A vendor's transport as a run opens it, and a request for one of its pages."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_callhistory.reading.pages import Position
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.transport.http import HttpSender
from tap_callhistory.vendors import VENDORS
from tests.support.vendor_settings import SETTINGS, WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_callhistory.transport.budget import Budget
    from tap_callhistory.transport.transport import Sender, Transport

LOGGER = logging.getLogger("tap-callhistory")
EMPTY: dict[str, Any] = {
    "kavenegar": {"page": {"total": 0}, "result": []},
    "etelecom": {"call_logs": [], "paging": {}},
    "twin": {"count": 0, "items": []},
    "cinnox": {"code": 200, "result": []},
    "utel": {"data": [], "meta": {"total": 0}},
}
LOGINS: dict[str, Callable[[str], Any]] = {
    "twin": lambda token: {"token": token},
    "utel": lambda token: {"status": "success", "code": 200, "result": {"access_token": token}},
}


def connected(name: str, url: str, **changes: Any) -> tuple[Transport, Any]:
    """A vendor's transport, and a request for a page of it."""
    return connected_by(name, url, changes)


def connected_by(
    name: str,
    url: str,
    changes: Mapping[str, Any],
    *,
    budget: Budget | None = None,
    new_sender: Callable[..., Sender] = HttpSender,
) -> tuple[Transport, Any]:
    """The same, of parts that a test brings.

    Args:
        name: The vendor.
        url: Where it is.
        changes: Settings of the vendor.
        budget: Paces the requests, in place of one of the transport's own.
        new_sender: Makes what sends them.
    """
    login = {"email": "a@example.com", "password": "fake-password", "token": ""}
    given = {**SETTINGS[name], "api_url": url, **(login if name in LOGINS else {})}
    given |= {"iam_url": url} if name == "twin" else {}
    config = {"start_date": "2026-01-01T00:00:00Z", "max_retries": 1, name: {**given, **changes}}
    run = TapCallHistory(config=config).run
    run.first_wait_seconds = 0.01
    run.new_sender = new_sender
    endpoint = run.endpoint(next(each for each in VENDORS if each.vendor == name))
    request = endpoint.page_request(WINDOW, Position())
    return run.connect(endpoint, LOGGER, budget=budget), request
