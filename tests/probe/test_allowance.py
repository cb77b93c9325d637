"""The probe keeps to its requests, however the vendor behaves."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from tap_callhistory.errors import VendorUnavailable
from tap_callhistory.probe.account import (
    REQUESTS_PER_VENDOR,
    Account,
    Allowance,
    AllowanceSpent,
)
from tap_callhistory.probe.findings import Outcome
from tap_callhistory.reading.windows import Window
from tap_callhistory.sandbox.faults import Faults
from tap_callhistory.sandbox.server import Sandbox
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.vendors import VENDORS
from tests.support.probe.judging import wrong_verdicts
from tests.support.probe.probing import NOW, probed

NAMES = [each.vendor for each in VENDORS]


def test_an_allowance_ends() -> None:
    allowance = Allowance(2, None, threading.Event())
    allowance.acquire()
    allowance.acquire()
    with pytest.raises(AllowanceSpent, match="2 requests"):
        allowance.acquire()


def test_what_is_kept_for_the_end_is_counted_when_it_is_told() -> None:
    allowance = Allowance(2, None, threading.Event(), reserved=1)
    allowance.acquire()
    with pytest.raises(AllowanceSpent, match="2 requests"):
        allowance.acquire()
    allowance.reserved = 0
    allowance.acquire()


def test_an_answer_that_never_came_tells_nothing_of_the_vendors_clock() -> None:
    sandbox = Sandbox(vendors=["utel"], now=NOW, calls=5)
    with sandbox.serve() as url:
        config = {"start_date": "2025-01-01T00:00:00Z", **sandbox.settings(url)}
        tap = TapCallHistory(config={**config, "max_retries": 0})
        (kind,) = [each for each in VENDORS if each.vendor == "utel"]
        account = Account(tap.run.endpoint(kind), tap.run, tap.logger, lambda: NOW)
        window = Window(NOW - timedelta(hours=1), NOW)
        account.ask(window)
        sandbox.set_faults(Faults(down="refused"))
        with pytest.raises(VendorUnavailable):
            account.ask(window)
        account.close()
    assert len(account.skews) == 1


@pytest.mark.parametrize("vendor", NAMES)
def test_every_request_that_arrives_was_counted(vendor: str) -> None:
    result = probed(vendor)
    assert result.sandbox.requests[vendor] == result.examination.requests <= REQUESTS_PER_VENDOR


@pytest.mark.parametrize("vendor", ["kavenegar", "twin"])
def test_retries_count_and_what_was_left_untested_is_said(vendor: str) -> None:
    faults = Faults(fail_share=0.5, kinds=("503", "reset", "truncated", "not_json"), seed=5)
    result = probed(vendor, faults=faults, common={"max_retries": 8})
    assert result.sandbox.requests[vendor] <= REQUESTS_PER_VENDOR
    assert result.examination.failure or wrong_verdicts(result, NOW) == []


def test_the_users_pace_is_kept() -> None:
    result = probed("cinnox", common={"requests_per_second": 200})
    assert not result.examination.failure


def test_only_reads() -> None:
    result = probed("etelecom")
    assert {path for path, _ in result.sandbox.log["etelecom"]} == {
        "/etelecom/v1/shop.Etelecom/ListCallLogs"
    }


@pytest.mark.parametrize("vendor", NAMES)
def test_an_account_without_calls_says_what_would_be_needed(vendor: str) -> None:
    result = probed(vendor, calls=0)
    assert not result.examination.failure
    open_ones = [f for f in result.examination.findings if f.outcome is Outcome.CANNOT_TELL]
    assert len(open_ones) >= 10
    assert all(finding.needed for finding in open_ones)
