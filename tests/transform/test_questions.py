"""The models that answer questions count what truly happened, each day in its vendor's zone."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest

from tests.support.transform.true_calls import ONLY_ANSWERED_OR_NOT, UNANSWERED, told

if TYPE_CHECKING:
    from datetime import date, datetime

    from tests.support.warehouses import Warehouse

ZONES: Final = {
    "kavenegar": ZoneInfo("Asia/Tehran"),
    "etelecom": ZoneInfo("Asia/Ho_Chi_Minh"),
    "twin": ZoneInfo("Europe/Moscow"),
    "cinnox": ZoneInfo("Asia/Hong_Kong"),
    "utel": ZoneInfo("Asia/Tashkent"),
}
STATUSES: Final = ("answered", *UNANSWERED, "in_progress", "unknown")
A_DAY: Final = timedelta(days=1)


def day_of(truth: dict[str, Any]) -> date:
    created: datetime = truth["created_at"]
    return created.astimezone(ZONES[truth["vendor"]]).date()


@pytest.fixture(scope="module")
def told_calls(calls_truth: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [told(truth) | {"day": day_of(truth)} for truth in counted(calls_truth)]


def counted(calls_truth: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """One record of every conversation."""
    by_conversation = {
        (truth["vendor"], truth["account"], truth["conversation"]): truth
        for truth in calls_truth.values()
    }
    return list(by_conversation.values())


def test_calls_by_day_count_every_status(
    warehouse: Warehouse, told_calls: list[dict[str, Any]]
) -> None:
    expected = Counter(
        (call["vendor"], call["account"], call["day"], call["direction"], call["status"])
        for call in told_calls
    )
    found: Counter[tuple[Any, ...]] = Counter()
    for row in warehouse.rows("select * from analytics.calls_by_day"):
        group = (row["vendor"], row["account"], row["call_day"], row["direction"])
        for status in STATUSES:
            found[*group, status] += int(row[f"{status}_calls"])
    assert +found == expected


@pytest.mark.parametrize("grain", ["week", "month"])
def test_weeks_and_months_add_up_their_days(warehouse: Warehouse, grain: str) -> None:
    expected: Counter[tuple[Any, ...]] = Counter()
    for row in warehouse.rows("select * from analytics.calls_by_day"):
        day = row["call_day"]
        first = day.replace(day=1) if grain == "month" else day - timedelta(days=day.weekday())
        expected[row["vendor"], row["account"], first, row["direction"]] += int(row["calls"])
    found = {
        (row["vendor"], row["account"], row[f"call_{grain}"], row["direction"]): int(row["calls"])
        for row in warehouse.rows(f"select * from analytics.calls_by_{grain}")  # noqa: S608 - ours
    }
    assert found == expected


def test_hours_are_those_of_the_vendors_day(
    warehouse: Warehouse, calls_truth: dict[str, dict[str, Any]]
) -> None:
    expected: Counter[tuple[Any, ...]] = Counter()
    for truth in counted(calls_truth):
        local = truth["created_at"].astimezone(ZONES[truth["vendor"]])
        expected[truth["vendor"], truth["account"], local.date(), local.hour] += 1
    found: Counter[tuple[Any, ...]] = Counter()
    for row in warehouse.rows("select * from analytics.calls_by_hour"):
        group = (row["vendor"], row["account"], row["call_day"], int(row["call_hour"]))
        found[group] += int(row["calls"])
    assert found == expected


def test_calls_by_day_rate_answers_and_take_the_middle_of_ringing(warehouse: Warehouse) -> None:
    groups = defaultdict(list)
    for call in warehouse.rows("select * from analytics.calls where counts_as_call"):
        groups[call["vendor"], call["account"], call["call_day"], call["direction"]].append(call)
    wrong = []
    for row in warehouse.rows("select * from analytics.calls_by_day"):
        calls = groups[row["vendor"], row["account"], row["call_day"], row["direction"]]
        answered = [call for call in calls if call["status"] == "answered"]
        settled = [call for call in calls if call["status"] not in {"in_progress", "unknown"}]
        rings = [call["ring_seconds"] for call in answered if call["ring_seconds"] is not None]
        talks = [call["talk_seconds"] for call in calls if call["talk_seconds"] is not None]
        unsaid = any(call["talk_seconds"] is None for call in answered)
        expected = {
            "answer_rate": len(answered) / len(settled) if settled else None,
            "median_ring_seconds": statistics.median(rings) if rings else None,
            "talk_seconds": None if unsaid or not talks else sum(talks),
        }
        wrong += [
            (row, name, value)
            for name, value in expected.items()
            if (None if row[name] is None else float(row[name]))
            != (None if value is None else pytest.approx(value))
        ]
    assert wrong[:3] == []


def test_agents_by_day_count_the_calls_of_each(
    warehouse: Warehouse, calls_truth: dict[str, dict[str, Any]]
) -> None:
    expected: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for truth in calls_truth.values():
        call = told(truth)
        if call["agent_id"] is not None:
            counts = expected[call["vendor"], call["account"], day_of(truth), call["agent_id"]]
            counts[0] += 1
            counts[1] += truth["direction"] == "inbound" and truth["status"] in UNANSWERED
    found = {
        (row["vendor"], row["account"], row["call_day"], row["agent_id"]): [
            int(row["calls"]),
            int(row["unanswered_inbound_calls"]),
        ]
        for row in warehouse.rows("select * from analytics.agents_by_day where vendor <> 'twin'")
    }
    assert found == expected


def test_lines_by_day_count_the_calls_over_each(
    warehouse: Warehouse, calls_truth: dict[str, dict[str, Any]]
) -> None:
    expected = Counter(
        (truth["vendor"], truth["account"], day_of(truth), truth["line_e164"])
        for truth in calls_truth.values()
        if truth["line_e164"] and truth["vendor"] not in {"kavenegar", "etelecom"}
    )
    found: Counter[tuple[Any, ...]] = Counter()
    for row in warehouse.rows("select * from analytics.lines_by_day where vendor <> 'etelecom'"):
        line = row["external_line_e164"]
        found[row["vendor"], row["account"], row["call_day"], line] += int(row["calls"])
    assert found == expected


def test_unanswered_callers_are_those_not_reached_within_a_day(
    warehouse: Warehouse, calls_truth: dict[str, dict[str, Any]]
) -> None:
    expected = waiting_callers(list(calls_truth.values()))
    found = {
        (row["vendor"], row["account"], row["caller_number"]): int(row["unanswered_calls"])
        for row in warehouse.rows("select * from analytics.unanswered_callers")
    }
    assert found == expected
    assert len(found) > 100


def waiting_callers(truths: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Count the calls of each caller that the company let go by."""
    contacts: dict[str, list[datetime]] = defaultdict(list)
    unanswered = []
    for call in map(told, truths):
        number = call["customer_e164"]
        answered = call["status"] == "answered" and not call["abandoned"]
        if call["direction"] == "outbound" or (call["direction"] == "inbound" and answered):
            contacts[number].append(call["created_at"])
        elif call["direction"] == "inbound" and (call["abandoned"] or call["status"] in UNANSWERED):
            unanswered.append(call)
    return Counter(
        (call["vendor"], call["account"], call["customer_e164"])
        for call in unanswered
        if not any(
            timedelta(0) < contact - call["created_at"] <= A_DAY
            for contact in contacts[call["customer_e164"]]
        )
    )


def test_only_vendors_that_tell_them_apart_have_busy_and_cancelled_calls(
    warehouse: Warehouse,
) -> None:
    rows = warehouse.rows("""
        select vendor from analytics.calls_by_day
        group by vendor having sum(busy_calls + cancelled_calls + failed_calls) > 0
    """)
    assert {row["vendor"] for row in rows} == set(ZONES) - ONLY_ANSWERED_OR_NOT
