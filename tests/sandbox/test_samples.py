from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tap_callhistory.sandbox.vendors.twin_terms import FIELDS
from tests.support.sandbox.asking import RECORDS, VENDORS, answered, ask, made_world, read

SAMPLES = Path(__file__).parent.parent / "samples"
MAY_BE_ABSENT = {
    "kavenegar": {("startedAt",), ("finishedAt",), ("finishReason",), ("recording",)},
    "cinnox": {("callEndTime",)},
}

ON_ANOTHER_PAGE = {
    "kavenegar": {
        (party, key) for party in ("caller", "receptor") for key in ("displayName", "mobileNumber")
    }
}
"""Fields of the vendor's other pages, which some answers have."""


def keys_of(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Return the paths of all keys in a JSON value, those of undocumented structures left out."""
    found: set[tuple[str, ...]] = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= {(*path, key)} | keys_of(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            found |= keys_of(inner, path)
    return found


def documented(world: Any, records: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    return {
        path for path in keys_of(records) if path[0] not in world.api.undocumented or not path[1:]
    }


@pytest.mark.parametrize("vendor", VENDORS)
def test_records_have_the_keys_of_the_documented_sample(vendor: str) -> None:
    stream = made_world(vendor, 1).api.stream
    sample = json.loads((SAMPLES / f"{stream}.json").read_text(encoding="utf-8"))
    world = made_world(vendor, 1000)
    records = [json.loads(world.api.records([call], world.now()))[0] for call in world.calls()]
    elsewhere = ON_ANOTHER_PAGE.get(vendor, set())
    assert documented(world, records) == documented(world, sample[RECORDS[vendor]]) | elsewhere


@pytest.mark.parametrize("vendor", VENDORS)
def test_only_keys_that_the_pages_leave_out_may_be_absent(vendor: str) -> None:
    world = made_world(vendor, 1000)
    records = [json.loads(world.api.records([call], world.now()))[0] for call in world.calls()]
    full = set().union(*records)
    optional = {path[0] for path in MAY_BE_ABSENT.get(vendor, set())}
    assert full - optional == set.intersection(*(set(record) for record in records)) - optional


@pytest.mark.parametrize("vendor", ["kavenegar", "etelecom", "utel"])
def test_pages_have_the_keys_of_the_documented_sample(vendor: str) -> None:
    world = made_world(vendor, 1000)
    sample = json.loads((SAMPLES / f"{world.api.stream}.json").read_text(encoding="utf-8"))
    page = answered(ask(world))
    without = RECORDS[vendor]
    assert keys_of({k: v for k, v in page.items() if k != without}) == keys_of({
        k: v for k, v in sample.items() if k != without
    })
    assert page.keys() == sample.keys()


def test_twin_has_the_29_fields_of_its_page() -> None:
    assert len(FIELDS) == 29
    assert set(read(made_world("twin", 5))[0]) == FIELDS


def test_kavenegars_parties_carry_a_credential_and_no_row_does() -> None:
    world = made_world("kavenegar", 50)
    for record in read(world):
        for party in ("caller", "receptor"):
            assert record[party]["accessToken"].startswith("sandbox-access-token-")
    assert "sandbox-access-token" not in json.dumps(world.truth())


def test_utels_recording_names_hold_the_epoch_of_a_date_time_in_utc_plus_5() -> None:
    recorded = [
        call for call in read(made_world("utel"), ("per_page", 300)) if call["recorded_file_url"]
    ]
    assert recorded
    for call in recorded:
        naive = datetime.fromisoformat(call["date_time"])
        local = naive.replace(tzinfo=timezone(timedelta(hours=5)))
        epoch, _, extension = call["recorded_file_url"].rpartition("/")[2].split(".")
        assert (int(epoch), extension) == (int(local.timestamp()), "wav")


def test_kavenegars_durations_are_milliseconds_of_talk() -> None:
    records = read(made_world("kavenegar"), ("size", 300))
    for record in records:
        if "startedAt" not in record or "finishedAt" not in record:
            assert record["duration"] == 0
            continue
        talked = datetime.fromisoformat(record["finishedAt"]) - datetime.fromisoformat(
            record["startedAt"]
        )
        assert abs(round(talked.total_seconds() * 1000) - record["duration"]) <= 1
