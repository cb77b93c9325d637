"""The sandbox is on this machine: no proxy that the environment names stands before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from tests.support.command import Command

NOWHERE = "http://127.0.0.1:9"
VARIABLES = {"of HTTP": ("HTTP_PROXY", "http_proxy"), "of all": ("ALL_PROXY", "all_proxy")}
CLEARED = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES)
def test_the_sandbox_is_read_past_every_proxy(variables: tuple[str, ...], run_tap: Command) -> None:
    start = datetime.now(UTC) - timedelta(days=5)
    run = run_tap(
        {"start_date": start.isoformat(), "sandbox": True, "max_retries": 0},
        env=dict.fromkeys(CLEARED, "") | dict.fromkeys(variables, NOWHERE),
    )
    assert (run.code, run.errors) == (0, [])
    assert [each.name for each in VENDORS if not run.records(each.name)] == []
