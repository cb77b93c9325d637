from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest

from tap_callhistory.sandbox.vendors.registry import make_calls, vendor_named
from tests.support.sandbox.asking import NOW, VENDORS


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_seed_gives_the_same_calls_again(vendor: str) -> None:
    assert make_calls(vendor, 7, 200, NOW) == make_calls(vendor, 7, 200, NOW)


def test_another_seed_gives_other_calls() -> None:
    assert make_calls("utel", 1, 50, NOW) != make_calls("utel", 2, 50, NOW)


@pytest.mark.parametrize("vendor", VENDORS)
def test_tomorrow_the_old_calls_stand_as_they_were_and_new_ones_come(vendor: str) -> None:
    today = make_calls(vendor, 1, 2000, NOW)
    tomorrow = make_calls(vendor, 1, 2000, NOW + timedelta(days=1))
    kept = [call for call in tomorrow if call.created_at <= NOW]
    new = tomorrow[len(kept) :]
    assert new
    assert kept == today[-len(kept) :]


@pytest.mark.parametrize("count", [0, 1, 30, 5000])
def test_there_are_exactly_as_many_calls_as_asked_for(count: int) -> None:
    calls = make_calls("cinnox", 1, count, NOW)
    assert len(calls) == count
    assert all(call.created_at <= NOW for call in calls)


def test_calls_ahead_come_on_top() -> None:
    calls = make_calls("twin", 1, 600, NOW, ahead=timedelta(days=3))
    assert sum(call.created_at <= NOW for call in calls) == 600
    assert NOW + timedelta(days=2) < calls[-1].created_at <= NOW + timedelta(days=3)


@pytest.mark.parametrize("vendor", VENDORS)
def test_sequence_numbers_are_unique_and_grow_with_time(vendor: str) -> None:
    calls = make_calls(vendor, 1, 3000, NOW)
    keys = [(call.created_at, call.sequence) for call in calls]
    assert keys == sorted(keys)
    assert len({call.sequence for call in calls}) == 3000
    assert len({call.uuid for call in calls}) == 3000


def test_five_thousand_calls_fill_about_sixty_days() -> None:
    span = NOW - make_calls("kavenegar", 1, 5000, NOW)[0].created_at
    assert timedelta(days=54) < span < timedelta(days=66)


def test_another_span_can_be_asked_for() -> None:
    span = NOW - make_calls("kavenegar", 1, 5000, NOW, days=365)[0].created_at
    assert timedelta(days=330) < span < timedelta(days=400)


@pytest.mark.parametrize("vendor", VENDORS)
def test_days_are_busy_and_nights_and_weekends_are_not(vendor: str) -> None:
    place = vendor_named(vendor).place
    local = [
        call.created_at.astimezone(ZoneInfo(place.zone))
        for call in make_calls(vendor, 1, 5000, NOW)
    ]
    hours = Counter(moment.hour for moment in local)
    days = Counter(moment.weekday() for moment in local)
    assert hours[10] > hours[12] > 2 * hours[3]
    assert max(days[day] for day in place.weekend) < min(
        days[day] for day in set(range(7)) - place.weekend
    )


def test_iran_rests_on_thursday_and_friday() -> None:
    assert vendor_named("kavenegar").place.weekend == {3, 4}


@pytest.mark.parametrize("vendor", VENDORS)
def test_calls_are_in_progress_at_any_hour(vendor: str) -> None:
    calls = make_calls(vendor, 1, 5000, NOW, ahead=timedelta(days=1))
    for hour in range(24):
        now = NOW + timedelta(hours=hour)
        assert any(call.created_at <= now and call.in_progress(now) for call in calls)


@pytest.mark.parametrize("vendor", VENDORS)
def test_bursts_put_several_calls_into_one_second(vendor: str) -> None:
    seconds = Counter(
        call.created_at.replace(microsecond=0) for call in make_calls(vendor, 1, 5000, NOW)
    )
    assert max(seconds.values()) >= 5


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_life_runs_in_order(vendor: str) -> None:
    for call in make_calls(vendor, 1, 2000, NOW):
        assert call.created_at <= call.started_at < call.ended_at
        assert call.created_at <= call.published_at
        assert (call.answered_at is not None) == (call.outcome == "answered")
        assert call.started_at <= (call.answered_at or call.ended_at) <= call.ended_at
        late = (call.recording_ready_at, call.rated_at, call.synced_at)
        assert all(moment > call.ended_at for moment in late if moment is not None)
        assert call.ring_seconds + call.talk_seconds <= call.total_seconds


@pytest.mark.parametrize("vendor", VENDORS)
def test_numbers_are_those_of_the_country(vendor: str) -> None:
    country = vendor_named(vendor).place.country_code
    calls = make_calls(vendor, 1, 1000, NOW)
    numbers = {
        number
        for call in calls
        for number in (call.caller, call.callee, call.line)
        if number is not None and number.startswith("+")
    }
    valid = [phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers]
    assert all(number.startswith(f"+{country}") for number in numbers)
    assert sum(valid) > 0.98 * len(valid)


@pytest.mark.parametrize("vendor", VENDORS)
def test_all_kinds_of_calls_occur(vendor: str) -> None:
    calls = make_calls(vendor, 1, 5000, NOW)
    outcomes = {call.outcome for call in calls}
    directions = {call.direction for call in calls}
    assert outcomes == {"answered", "missed", "busy", "failed", "cancelled"}
    assert directions == {"inbound", "outbound"} | ({"internal"} if vendor != "twin" else set())
    assert {call.recording_ready_at is None for call in calls} == {True, False}


def test_an_unknown_vendor_is_named_together_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no sandbox vendor 'acme'; there are kavenegar, etelecom"):
        make_calls("acme", 1, 1, NOW)


def test_people_talk_as_long_as_people_do_unless_lines_are_held_open() -> None:
    calls = make_calls("utel", 1, 5000, NOW, standing=0)
    talks = sorted(call.talk_seconds for call in calls if call.answered_at is not None)
    assert 60 < talks[len(talks) // 2] < 150
    assert 120 < sum(talks) / len(talks) < 300
    assert talks[int(len(talks) * 0.99)] < 3600
    held_open = make_calls("utel", 1, 5000, NOW)
    assert max(call.talk_seconds for call in held_open) > 3 * 3600
