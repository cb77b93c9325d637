"""On a busy account the probe does not shrug: single switches are named, each as it is."""

from __future__ import annotations

from typing import Any

import pytest

from tap_callhistory.probe.findings import Outcome
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.probe.judging import wrong_verdicts
from tests.support.probe.probing import NOW, probed

CASES: list[tuple[str, dict[str, Any], str, Any]] = [
    ("kavenegar", {}, "filtered timestamp", "created"),
    ("kavenegar", {"filter_field": "started"}, "filtered timestamp", "started"),
    ("etelecom", {"filter_field": "finished"}, "filtered timestamp", "finished"),
    ("twin", {"filter_field": "updated"}, "filtered timestamp", "updated"),
    ("kavenegar", {"bounds": "[)"}, "window bounds", "[)"),
    ("cinnox", {"bounds": "(]"}, "window bounds", "(]"),
    ("utel", {"bounds": "()"}, "window bounds", "()"),
    ("etelecom", {"parameter_resolution": "second"}, "date resolution", "second"),
    ("twin", {"parameter_resolution": "minute"}, "date resolution", "minute"),
    ("utel", {"zone": "Asia/Kabul"}, "time zone", "+04:30"),
    ("cinnox", {"date_skew": 600}, "clock skew", 600),
    ("utel", {"largest_page": 100}, "page size", {"largest": [100, 199], "beyond": "refused"}),
    (
        "twin",
        {"largest_page": 250, "oversize": "cut"},
        "page size",
        {"largest": 250, "beyond": "cut"},
    ),
    (
        "cinnox",
        {"largest_page": 500, "oversize": "cut"},
        "page size",
        {"largest": 500, "beyond": "cut"},
    ),
    ("kavenegar", {"largest_span_days": 7}, "longest window", [167.0, 336.0]),
    ("kavenegar", {"order": "oldest"}, "order", "oldest"),
    ("utel", {"total": "all"}, "total", "all"),
    ("twin", {"total": "lie"}, "total", "wrong"),
    ("kavenegar", {"total": "capped", "result_cap": 200}, "total", "capped"),
    ("cinnox", {"result_cap": 900}, "results cap", {"cap": 900, "had": 900}),
    ("kavenegar", {"result_cap": 200}, "results cap", {"cap": 200, "had": 200}),
    ("utel", {"clamp_pages": True}, "end of pages", "clamped"),
    ("etelecom", {"cursor_always_next": False}, "end of pages", "no next"),
    ("etelecom", {"cursor_dialect": "dot"}, "cursor", "dot"),
    ("etelecom", {"cursor_dialect": "loop"}, "cursor", "loop"),
    (
        "twin",
        {"date_field_parameter": "filterBy", "unknown_parameters": "ignore"},
        "date field parameter",
        "filterBy",
    ),
    ("cinnox", {"extra_fields": (("brandNew", 1),)}, "declared fields", ["brandNew"]),
]


@pytest.mark.parametrize(("vendor", "behaviour", "assumption", "reading"), CASES)
def test_the_reading_is_named(
    vendor: str, behaviour: dict[str, Any], assumption: str, reading: Any
) -> None:
    result = probed(vendor, Behaviour(**behaviour))
    assert result.finding(assumption).reading == reading
    assert wrong_verdicts(result, NOW) == []


@pytest.mark.parametrize(
    ("zone", "offset"), [("", "+03:30"), ("UTC", "+00:00"), ("Asia/Kolkata", "+05:30")]
)
def test_a_busy_hour_tells_the_zone_of_a_naive_clock(zone: str, offset: str) -> None:
    finding = probed("kavenegar", Behaviour(zone=zone), calls=6_000, days=6).finding("time zone")
    assert finding.reading == offset
    assert bool(finding.settings) == bool(zone)


def test_timestamps_in_the_future_prove_a_zone_wrong_in_any_hour() -> None:
    finding = probed("kavenegar", Behaviour(zone="Asia/Kabul")).finding("time zone")
    assert finding.outcome is Outcome.DIFFERS
    assert "in the future" in finding.seen
    assert not finding.settings


def test_values_that_come_as_text_are_listed_by_field() -> None:
    finding = probed("utel", Behaviour(odd_types=True)).finding("value types")
    assert "duration" in finding.reading["as_text"]


@pytest.mark.parametrize("delay", [300, 7200])
def test_calls_published_late_are_not_taken_for_prompt(delay: float) -> None:
    behaviour = Behaviour(publish_delay=delay)
    finding = probed("etelecom", behaviour, calls=5_000).finding("late publishing")
    assert (finding.outcome is Outcome.AS_ASSUMED) == (delay < 3600)


def test_changes_later_than_the_last_revisit_are_seen() -> None:
    finding = probed("etelecom", Behaviour(change_delay=10 * 86_400)).finding("late changes")
    assert finding.outcome is Outcome.DIFFERS
    assert max(finding.settings["revisit_hours"]) > 240
