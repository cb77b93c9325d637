"""`calls` equals, row by row, what the sandbox knows of its made-up calls.

The truth is vendor-neutral and in full; what each vendor leaves unsaid of it, and how coarsely it
writes the rest, stands in `tests/support/transform/true_calls.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.transform.true_calls import (
    NEVER_SAID,
    RESOLUTION_SECONDS,
    differences,
    near,
    told,
)

if TYPE_CHECKING:
    from tests.support.warehouses import Warehouse


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
