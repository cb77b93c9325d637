from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tap_callhistory
from tap_callhistory.sandbox.vendors.registry import make_calls, make_world
from tap_callhistory.sandbox.world.behaviour import Behaviour, Bounds, FilterField
from tests.support.sandbox.asking import NOW, VENDORS, a_call, answered, ask, made_world, read

SCHEMAS = Path(tap_callhistory.__file__).parent / "schemas"


def shape(value: Any) -> Any:
    """Return a row's nested property names."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value[:1]] if isinstance(value, list) else None


def declared(schema: dict[str, Any], row: Any) -> Any:
    if isinstance(row, dict) and "properties" in schema:
        return {key: declared(inner, row[key]) for key, inner in schema["properties"].items()}
    return (
        [declared(schema["items"], inner) for inner in row[:1]] if isinstance(row, list) else None
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_truth_has_every_declared_property_and_no_other(vendor: str) -> None:
    world = made_world(vendor)
    schema = json.loads((SCHEMAS / f"{world.api.stream}.json").read_text(encoding="utf-8"))
    for row in world.truth():
        assert shape(row) == declared(schema, row)


@pytest.mark.parametrize("vendor", VENDORS)
def test_truth_holds_every_call_shown_once(vendor: str) -> None:
    world = made_world(vendor)
    truth = [row["id"] for row in world.truth()]
    assert truth == [world.api.call_id(call) for call in world.calls()]
    assert len(set(truth)) == len(truth) == world.count()


@pytest.mark.parametrize("vendor", VENDORS)
def test_extra_fields_are_in_truth_as_extra(vendor: str) -> None:
    behaviour = Behaviour(extra_fields=(("newField", {"b": 1, "a": [2.5]}),), odd_types=True)
    world = made_world(vendor, 5, behaviour)
    assert {row["_extra"] for row in world.truth()} == {'{"newField":{"a":[2.5],"b":1}}'}
    assert all(record["newField"] == {"b": 1, "a": [2.5]} for record in read(world))


def test_truth_takes_the_earlier_of_two_possible_instants_when_tehran_sets_its_clock_back() -> None:
    world = made_world("kavenegar", 1)
    world.clock = lambda: datetime(2022, 9, 22, tzinfo=UTC)
    first, second = (
        datetime(2022, 9, 21, 18, 45, tzinfo=UTC),
        datetime(2022, 9, 21, 19, 45, tzinfo=UTC),
    )
    world.add(a_call("kavenegar", 1, created_at=first))
    world.add(a_call("kavenegar", 2, created_at=second))
    assert [record["createdAt"] for record in read(world)] == ["2022-09-21T23:15:00.000"] * 2
    assert [row["created_at"] for row in world.truth()] == ["2022-09-21T18:45:00.000000Z"] * 2


def test_neutral_truth_tells_a_calls_parts() -> None:
    world = made_world("utel", 1)
    call = a_call("utel", 5)
    world.add(call)
    told = next(truth for truth in world.calls_truth() if truth["call_id"] == 5)
    assert told["status"] == "answered"
    assert (told["ring_seconds"], told["talk_seconds"], told["total_seconds"]) == (4, 60, 65)
    assert told["direction"] == call.direction
    assert told["ended_by"] == call.ended_by


def test_a_call_in_progress_has_no_end_yet() -> None:
    world = made_world("twin", 1)
    world.add(a_call("twin", 5, ended_at=NOW + timedelta(minutes=1)))
    told = next(truth for truth in world.calls_truth() if truth["sequence"] == 5)
    assert told["status"] == "in_progress"
    assert told["ended_at"] is told["talk_seconds"] is told["ended_by"] is None
    assert told["ring_seconds"] == 4


@pytest.mark.parametrize("vendor", VENDORS)
def test_calls_added_replaced_and_deleted_show(vendor: str) -> None:
    world = made_world(vendor, 8)
    before = len(read(world))
    call = a_call(world.vendor, 77)
    world.add(call)
    assert len(read(world)) == before + 1
    world.replace(a_call(world.vendor, 77, caller="+989120000001"))
    assert any(truth["from_e164"] == "+989120000001" for truth in world.calls_truth())
    world.delete(77)
    assert len(read(world)) == before
    with pytest.raises(KeyError):
        world.delete(77)


def test_a_call_cannot_be_added_twice() -> None:
    world = made_world("utel", 5)
    with pytest.raises(ValueError, match="a call"):
        world.add(world.calls()[0])


@pytest.mark.parametrize("field", ["created", "started", "finished", "updated"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_clock_that_runs_shows_what_a_new_world_at_that_time_shows(
    vendor: str, field: FilterField
) -> None:
    calls = make_calls(vendor, 3, 400, NOW, days=3, ahead=timedelta(days=1))
    behaviour = Behaviour(filter_field=field)
    running = make_world(vendor, calls, lambda: NOW, behaviour)
    for hours in (0, 0.01, 0.2, 1, 5, 23, 3):
        clock = partial(NOW.__add__, timedelta(hours=hours))
        running.clock = clock
        fresh = make_world(vendor, calls, clock, behaviour)
        assert answered(ask(running)) == answered(ask(fresh))
        assert running.truth() == fresh.truth()


@pytest.mark.parametrize("bounds", ["[]", "[)", "(]", "()"])
def test_bounds_belong_to_a_window_as_the_vendor_reads_them(bounds: Bounds) -> None:
    world = made_world("cinnox", 1, Behaviour(bounds=bounds))
    for sequence, second in enumerate((0, 10, 20)):
        created = datetime(2026, 1, 5, 8, 0, second, tzinfo=UTC)
        world.add(a_call("cinnox", sequence, created_at=created))
    found = read(world, ("startAt", "2026-01-05T08:00:00Z"), ("endAt", "2026-01-05T08:00:20Z"))
    expected = {"[]": {0, 1, 2}, "[)": {0, 1}, "(]": {1, 2}, "()": {1}}[bounds]
    assert {record["seq"] for record in found} == expected


@pytest.mark.parametrize("field", ["created", "started", "finished", "updated"])
def test_the_window_is_about_the_date_that_the_vendor_means(field: FilterField) -> None:
    world = made_world("cinnox", 1, Behaviour(filter_field=field))
    world.add(a_call("cinnox", 7))
    start = NOW - timedelta(hours=1)
    dates = {"created": 0, "started": 1, "finished": 65, "updated": 90}
    for name, seconds in dates.items():
        since, until = (
            f"{start + timedelta(seconds=seconds + side):%Y-%m-%dT%H:%M:%S.%fZ}"
            for side in (-0.5, 0.4)
        )
        found = {record["seq"] for record in read(world, ("startAt", since), ("endAt", until))}
        assert (7 in found) == (name == field)


def test_a_call_without_its_date_yet_is_filtered_by_its_creation() -> None:
    world = made_world("cinnox", 1, Behaviour(filter_field="finished"))
    world.add(a_call("cinnox", 7, ended_at=NOW + timedelta(hours=1)))
    window = (("startAt", "2026-11-20T08:59:59Z"), ("endAt", "2026-11-20T09:00:01Z"))
    assert [record["seq"] for record in read(world, *window)] == [7]


def test_parameters_are_truncated_as_the_vendor_does() -> None:
    world = made_world("kavenegar", 1, Behaviour(parameter_resolution="minute", bounds="[)"))
    created = datetime(2026, 1, 5, 8, 0, 10, tzinfo=UTC)
    world.add(a_call("kavenegar", 7, created_at=created))
    to_the_end = read(world, ("since", "2026-01-05T11:30:59"), ("until", "2026-01-05T11:31:30"))
    before_it = read(world, ("since", "2026-01-05T11:30:00"), ("until", "2026-01-05T11:30:50"))
    assert (len(to_the_end), len(before_it)) == (1, 0)


def test_late_publication_hides_a_call_until_then() -> None:
    world = made_world("twin", 1, Behaviour(publish_delay=7200))
    world.add(a_call("twin", 7))
    assert 7 not in {call.sequence for call in world.calls()}
    world.clock = lambda: NOW + timedelta(hours=1)
    assert 7 in {call.sequence for call in world.calls()}


def test_late_changes_come_later() -> None:
    world = made_world("utel", 1, Behaviour(change_delay=7200))
    world.add(a_call("utel", 7))
    assert next(row for row in world.truth() if row["id"] == 7)["recorded_file_url"] is None
    world.clock = lambda: NOW + timedelta(hours=2)
    assert next(row for row in world.truth() if row["id"] == 7)["recorded_file_url"] is not None


def test_a_longer_window_than_the_vendor_takes_is_refused() -> None:
    world = made_world("cinnox", 5, Behaviour(largest_span_days=1))
    day = (("startAt", "2026-01-05T00:00:00Z"), ("endAt", "2026-01-06T00:00:00Z"))
    longer = (("startAt", "2026-01-05T00:00:00Z"), ("endAt", "2026-01-06T00:00:01Z"))
    assert ask(world, *day).status == 200
    assert ask(world, *longer).status == 400
    assert ask(world).status == 400


def test_many_threads_get_the_same_answers_as_one() -> None:
    world = made_world("utel", 900)
    pages = range(1, 46)
    alone = [ask(world, ("page", page)).body for page in pages]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda page: ask(world, ("page", page)).body, pages))
    assert together == alone


@pytest.mark.parametrize("vendor", VENDORS)
def test_records_of_odd_types_have_no_number_where_the_vendor_documents_one(vendor: str) -> None:
    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(plain(inner) for inner in value.values())
        if isinstance(value, list):
            return all(plain(inner) for inner in value)
        return value is None or isinstance(value, str)

    world = made_world(vendor, 30, Behaviour(odd_types=True))
    for record in read(world):
        assert plain({key: record[key] for key in record.keys() - world.api.undocumented})
    assert world.truth() == made_world(vendor, 30).truth()
