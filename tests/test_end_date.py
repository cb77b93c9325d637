"""A run that ends well has read all before its end_date, or says that it may not have."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest

from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.in_process import NOON, Clock, made_call, made_world, run_tap

HOUR = timedelta(hours=1)


def said(caplog: pytest.LogCaptureFixture, end: datetime | None, **settings: Any) -> list[str]:
    world = made_world("utel", [made_call(1, NOON - 30 * HOUR)], Clock(NOON), Behaviour())
    ends = {} if end is None else {"end_date": end.isoformat()}
    with caplog.at_level(logging.WARNING):
        run = run_tap(world, began=NOON, **ends, **settings)  # type: ignore[arg-type]
    assert run.failure is None
    return [each.getMessage() for each in caplog.records if "end_date" in each.getMessage()]


def test_an_end_ahead_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = said(caplog, NOON + HOUR)
    assert line == (
        "end_date lies ahead: calls are read up to the beginning of this run. What lies before it "
        "is not whole until a later run has ended well"
    )


def test_an_end_within_the_hold_of_unfinished_calls_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (line,) = said(caplog, NOON - HOUR)
    assert line.startswith("end_date is not yet unfinished_call_hours ago")
    assert said(caplog, NOON - HOUR, unfinished_call_hours=0.5) == [line]  # the one before


@pytest.mark.parametrize("end", [None, NOON - 6 * HOUR, NOON - 90 * HOUR])
def test_no_end_and_an_old_one_are_not(
    caplog: pytest.LogCaptureFixture, end: datetime | None
) -> None:
    assert said(caplog, end) == []


def test_the_users_labels_are_in_the_metric(caplog: pytest.LogCaptureFixture) -> None:
    world = made_world("utel", [made_call(1, NOON - 30 * HOUR)], Clock(NOON), Behaviour())
    with caplog.at_level(logging.INFO):
        run_tap(world, began=NOON, account="acme", shard="acme-2026-03")
    (metric,) = [
        each.getMessage() for each in caplog.records if "record_count" in each.getMessage()
    ]
    assert '"account":"acme","shard":"acme-2026-03"' in metric
