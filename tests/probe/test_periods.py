"""Periods that a vendor refuses: the probe goes on past them, and says which they are."""

from __future__ import annotations

from typing import Any

import pytest

from tap_callhistory.errors import VendorRefusal
from tap_callhistory.probe.examination import Examination
from tap_callhistory.probe.findings import Outcome, as_assumed, cannot_tell
from tap_callhistory.probe.report import machine_readable, text
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship
from tap_callhistory.vendors import VENDORS
from tests.support.probe.judging import wrong_verdicts
from tests.support.probe.probing import NOW, probed

NAMES = [each.vendor for each in VENDORS]
WAYS = {
    "": "an empty page",
    "204": "HTTP 204",
    "400": "HTTP 400",
    "404": "HTTP 404",
    "list": "an empty array",
    "null": "a page with null for its list",
    "missing": "a page without a list",
}


def met(vendor: str, *, calls: int = 800, **hardship: Any) -> Any:
    result = probed(vendor, Behaviour(hardship=Hardship(**hardship)), calls=calls)
    assert not result.examination.failure
    assert wrong_verdicts(result, NOW) == []
    assert result.examination.requests <= 40
    return result


@pytest.mark.parametrize("status", [0, 422, 403])
@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_that_refuses_what_lies_ahead_is_probed_all_the_same(
    vendor: str, status: int
) -> None:
    if status == 403:  # nothing was accepted before: it may be the account
        refusing = Behaviour(hardship=Hardship(refuses_future=True, refused_status=status))
        assert "refused" in probed(vendor, refusing, calls=50).examination.failure
        return
    result = met(vendor, refuses_future=True, refused_status=status)
    finding = result.finding("nearest end")
    assert (finding.reading, finding.outcome) == ("now", Outcome.AS_ASSUMED)
    told = [each for each in result.examination.findings if each.outcome is Outcome.AS_ASSUMED]
    assert len(told) > 10


@pytest.mark.parametrize("zone", ["UTC", "Europe/Moscow"])
def test_an_end_that_has_to_lie_behind_is_found(zone: str) -> None:
    behaviour = Behaviour(zone=zone, hardship=Hardship(refuses_future=True))
    finding = probed("utel", behaviour, calls=2000).finding("nearest end")
    assert finding.outcome is Outcome.DIFFERS
    assert finding.reading >= 2 * 3600
    assert not finding.settings


@pytest.mark.parametrize("days", [5, 90, 200.5])
@pytest.mark.parametrize("vendor", NAMES)
def test_history_that_is_not_kept_is_told_by_its_beginning(vendor: str, days: float) -> None:
    finding = met(vendor, retention_days=days).finding("kept history")
    given, refused = finding.reading
    assert given <= days <= refused
    assert refused - given < 4
    assert "start_date" in finding.advice


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", NAMES)
def test_what_is_said_where_there_is_nothing_is_told(vendor: str, way: Any) -> None:
    assert met(vendor, nothing=way).finding("no calls").reading == WAYS[way]


@pytest.mark.parametrize("vendor", NAMES)
def test_a_vendor_that_fails_under_long_windows_is_probed_with_short_ones(vendor: str) -> None:
    result = met(vendor, slow_span_hours=24)
    assert result.finding("longest window").outcome is Outcome.CANNOT_TELL
    assert "failed" in result.finding("longest window").seen


def test_nobody_at_the_other_end_is_asked_once() -> None:
    result = probed("utel", settings={"api_url": "http://127.0.0.1:9"}, common={"max_retries": 0})
    assert "connection" in result.examination.failure
    assert result.examination.requests == 1


# What the report says at its end.

GOOD = as_assumed("order", "any", "newest first", "newest")
OPEN = cannot_tell("time zone", "UTC", "no calls", "calls")


def last_lines(*examinations: Examination) -> str:
    return text(examinations).rsplit("\n\n", 1)[-1].strip()


def examined(vendor: str, *findings: Any, failure: str = "") -> Examination:
    return Examination(f"{vendor}_calls", vendor, [*findings], 3, "no calls", failure)


def test_only_what_was_found_out_is_said_to_need_no_change() -> None:
    whole, half = examined("twin", GOOD), examined("utel", GOOD, OPEN)
    lost = examined("cinnox", failure=str(VendorRefusal("refused")))
    nothing = examined("kavenegar", OPEN)
    assert last_lines(whole) == "No setting has to change."
    assert "by the 1 of 2 assumptions" in last_lines(half)
    assert last_lines(lost) == "Nothing was found out about cinnox."
    assert "has to change" not in last_lines(nothing)
    assert last_lines(whole, lost) == (
        "No setting has to change for the others.\nNothing was found out about cinnox."
    )


def test_the_sandbox_is_called_by_its_name() -> None:
    asked = Examination("utel_calls", "utel", [GOOD], 3, "no calls", of_the_sandbox=True)
    assert "of the sandbox, whose calls are made up" in text([asked])
    assert '"sandbox": true' in machine_readable([asked])
    assert "sandbox" not in text([examined("utel", GOOD)])
