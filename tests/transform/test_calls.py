"""`calls` equals, row by row, what the sandbox knows of its made-up calls.

The truth is vendor-neutral and in full; here stands what each vendor leaves unsaid of it, and how
coarsely it writes the rest.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.warehouses import Warehouse

NEVER_SAID: Final = {
    "kavenegar": {"customer_number", "customer_e164", "line_e164", "extension", "started_at"},
    "etelecom": {"line_e164"},
    "twin": {
        *("from_number", "from_e164", "to_number", "to_e164", "extension"),
        *("answered_at", "ended_at", "ring_seconds", "total_seconds"),
    },
    "cinnox": {"started_at", "answered_at"},
    "utel": {"started_at"},
}
DIRECTION_UNSAID: Final = {"kavenegar", "twin"}
ONLY_ANSWERED_OR_NOT: Final = {"etelecom", "utel"}
RESOLUTION_SECONDS: Final = {
    "kavenegar": 0.0011,
    "etelecom": 1.0,
    "twin": 1.0,
    "cinnox": 0.0011,
    "utel": 2.0,
}
"""How far a vendor's own rounding, of a time and of a length added to it, may lead."""

SETTING_UP_SECONDS: Final = 2.0
"""From being placed to ringing, which ring_seconds includes where ringing is not said."""

AGENTS: Final[dict[str, Callable[[str], str | None]]] = {
    "kavenegar": lambda _: None,
    "etelecom": lambda extension: f"11700000000000{int(extension):05d}",
    "twin": lambda _: None,
    "cinnox": lambda extension: f"eid-{extension}",
    "utel": lambda extension: extension,
}
UNANSWERED: Final = ("missed", "busy", "failed", "cancelled")


@pytest.fixture(scope="module")
def calls(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    rows = warehouse.rows("select * from analytics.calls")
    by_key = {row["call_key"]: row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


def test_every_true_call_is_there_once_and_no_other(
    calls: dict[str, dict[str, Any]], calls_truth: dict[str, dict[str, Any]]
) -> None:
    assert calls.keys() == calls_truth.keys()
    assert len(calls) > 8_000


def test_an_internal_call_with_two_records_counts_once(
    calls: dict[str, dict[str, Any]], calls_truth: dict[str, dict[str, Any]]
) -> None:
    ends: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for key, truth in calls_truth.items():
        end = calls[key]
        ends.setdefault((end["vendor"], end["account"], truth["conversation"]), []).append(end)
    for records in ends.values():
        assert sum(record["counts_as_call"] for record in records) == 1
        if len(records) > 1:
            assert len({record["conversation_id"] for record in records}) == 1
    twofold = [vendor for (vendor, _, _), records in ends.items() if len(records) == 2]
    assert set(twofold) == {"etelecom"}
    assert len(twofold) > 100


def test_most_records_of_etelecom_are_made_after_their_calls_and_calls_are_dated_by_the_call(
    warehouse: Warehouse,
) -> None:
    ((records, late, dated_late),) = (
        row.values()
        for row in warehouse.rows("""
            select
                count(*) as records,
                count(case when raw.created_at > raw.ended_at then 1 end) as late,
                count(case when calls.created_at > raw.ended_at then 1 end) as dated_late
            from first_tenant.etelecom_call_logs as raw
            inner join analytics.calls
                on calls.call_key = 'etelecom/first_tenant/' || raw.id
        """)
    )
    assert late > records / 2 > 500
    assert dated_late == 0


def test_two_tenants_with_the_same_ids_stay_apart(calls: dict[str, dict[str, Any]]) -> None:
    ids: dict[str, set[str]] = {}
    for call in calls.values():
        if call["vendor"] == "utel":
            ids.setdefault(call["account"], set()).add(call["call_id"])
    assert len(ids["first_tenant"] & ids["second_tenant"]) > 500


@pytest.mark.parametrize("vendor", NEVER_SAID)
def test_every_call_is_as_it_truly_was(
    vendor: str,
    calls: dict[str, dict[str, Any]],
    calls_truth: dict[str, dict[str, Any]],
) -> None:
    compared = [
        f"{key}: {difference}"
        for key, truth in calls_truth.items()
        if truth["vendor"] == vendor
        for difference in differences(told(truth), calls[key])
    ]
    assert compared[:9] == []


def told(truth: dict[str, Any]) -> dict[str, Any]:
    """What a vendor tells of a true call, in the words of `calls`."""
    vendor, status = truth["vendor"], truth["status"]
    customer = {"inbound": "from", "outbound": "to"}.get(truth["direction"])
    full = truth | {
        "customer_number": customer and truth[f"{customer}_number"],
        "customer_e164": customer and truth[f"{customer}_e164"],
    }
    kept = {name: None if name in NEVER_SAID[vendor] else value for name, value in full.items()}
    kept["agent_id"] = AGENTS[vendor](truth["extension"])
    if vendor in DIRECTION_UNSAID:
        kept["direction"] = "unknown"
    if vendor in ONLY_ANSWERED_OR_NOT and status in UNANSWERED:
        kept["status"] = "missed"
    if vendor == "cinnox" and status not in UNANSWERED:
        kept |= {"ring_seconds": None, "talk_seconds": None}
    return kept


def differences(truth: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    """Where a row of `calls` is not what was told."""
    resolution = RESOLUTION_SECONDS[truth["vendor"]]
    ringing = resolution + (SETTING_UP_SECONDS if call["started_at"] is None else 0)
    told_and_found: dict[str, tuple[Any, Any, float]] = {
        **{
            name: (truth[name], call[name], resolution)
            for name in ("created_at", "started_at", "answered_at", "ended_at")
        },
        "ring_seconds": (truth["ring_seconds"], call["ring_seconds"], ringing),
        "talk_seconds": (truth["talk_seconds"], call["talk_seconds"], resolution),
        "total_seconds": (truth["total_seconds"], call["total_seconds"], resolution),
    }
    for name, (expected, found, tolerance) in told_and_found.items():
        if not near(expected, found, tolerance):
            yield f"{name} should be {expected}, is {found}"
    exact = {
        **{name: name for name in ("direction", "status", "from_number", "to_number")},
        **{name: name for name in ("account", "customer_number")},
        "from_e164": "from_number_e164",
        "to_e164": "to_number_e164",
        "customer_e164": "customer_number_e164",
        "line_e164": "external_line_e164",
    }
    if truth["vendor"] != "twin":
        exact["agent_id"] = "agent_id"
    for name, column in exact.items():
        if truth[name] != call[column]:
            yield f"{column} should be {truth[name]}, is {call[column]}"


def near(expected: Any, found: Any, tolerance: float) -> bool:
    """Whether two times (UTC) or lengths are the same but for a vendor's rounding."""
    if expected is None or found is None:
        return expected is found
    if isinstance(expected, datetime):
        apart: timedelta = expected.replace(tzinfo=None) - found
        return abs(apart) <= timedelta(seconds=tolerance)
    return abs(float(expected) - float(found)) <= tolerance


def test_who_hung_up_is_said_where_the_vendor_says_it(
    calls: dict[str, dict[str, Any]], calls_truth: dict[str, dict[str, Any]]
) -> None:
    ends = {"caller": "from_number", "callee": "to_number"}
    wrong = []
    for key, truth in calls_truth.items():
        party = truth["ended_by"] if truth["vendor"] == "cinnox" else None
        expected = truth[ends[party]] if party in ends else party
        if calls[key]["end_party"] != expected:
            wrong.append((key, expected, calls[key]["end_party"]))
    assert wrong[:9] == []


def test_a_recording_is_ready_exactly_when_it_is(
    calls: dict[str, dict[str, Any]], calls_truth: dict[str, dict[str, Any]]
) -> None:
    wrong = [
        (key, truth["recording_ready_at"], calls[key]["recording_status"])
        for key, truth in calls_truth.items()
        if (truth["recording_ready_at"] is not None) != (calls[key]["recording_status"] == "ready")
        or (truth["recording_ready_at"] is not None) != (calls[key]["recording_url"] is not None)
    ]
    assert wrong[:9] == []


def test_cinnoxs_abandoned_calls_were_answered_and_are_told_apart(
    calls: dict[str, dict[str, Any]], calls_truth: dict[str, dict[str, Any]]
) -> None:
    for key, truth in calls_truth.items():
        said = truth["vendor"] == "cinnox"
        assert calls[key]["is_abandoned"] is (truth["abandoned"] if said else None)
    abandoned = [call for call in calls.values() if call["is_abandoned"]]
    assert len(abandoned) > 10
    assert {(call["raw_status"], call["status"]) for call in abandoned} == {
        ("Abandoned", "answered")
    }


def test_what_a_call_cost_is_said_by_twin_alone(calls: dict[str, dict[str, Any]]) -> None:
    told_by = {call["vendor"] for call in calls.values() if call["cost"] is not None}
    assert told_by == {"twin"}
    assert max(call["cost"] for call in calls.values() if call["vendor"] == "twin") > 1


@pytest.mark.parametrize("vendor", ["etelecom", "twin"])
def test_the_last_change_is_as_the_vendor_stamps_it(
    vendor: str,
    calls: dict[str, dict[str, Any]],
    calls_truth: dict[str, dict[str, Any]],
) -> None:
    wrong = [
        key
        for key, truth in calls_truth.items()
        if truth["vendor"] == vendor
        and not near(truth["updated_at"], calls[key]["updated_at"], RESOLUTION_SECONDS[vendor])
    ]
    assert wrong[:9] == []
