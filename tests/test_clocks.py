from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo, available_timezones

import pendulum
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tap_callhistory.clocks import (
    HOURS_REMEMBERED,
    STAMPS_REMEMBERED,
    Clock,
    fixed_width,
    parse_instant,
    rfc3339,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TEHRAN = "Asia/Tehran"
ZONES = [TEHRAN, "Asia/Tashkent", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]

instants = st.datetimes(
    min_value=datetime(1990, 1, 3),  # noqa: DTZ001 - the zone comes from ``timezones``
    max_value=datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def test_an_instant_is_written_in_utc_with_six_digits() -> None:
    local = datetime(2018, 11, 20, 14, 24, 46, 206_000, tzinfo=timezone(timedelta(hours=3.5)))
    assert fixed_width(local) == "2018-11-20T10:54:46.206000Z"


def test_a_year_before_1000_keeps_four_digits() -> None:
    assert fixed_width(datetime(2, 1, 1, tzinfo=UTC)) == "0002-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("write", [fixed_width, rfc3339])
def test_a_naive_instant_is_not_written(write: Callable[[datetime], str]) -> None:
    with pytest.raises(ValueError, match="offset"):
        write(datetime(2018, 11, 20))  # noqa: DTZ001 - naive is the point


def test_vendors_date_parameters_are_written_in_milliseconds() -> None:
    local = datetime(2022, 11, 7, 8, tzinfo=timezone(timedelta(hours=8)))
    assert rfc3339(local) == "2022-11-07T00:00:00.000Z"


@given(instants, instants)
def test_written_instants_sort_as_the_instants_do(one: datetime, other: datetime) -> None:
    assert (fixed_width(one) < fixed_width(other)) == (one < other)


@given(instants)
def test_a_written_instant_is_read_back(instant: datetime) -> None:
    assert parse_instant(fixed_width(instant)) == instant
    assert parse_instant(fixed_width(instant)).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["2018-11-20T14:24:46", "yesterday", "", "2018-11-20", "2018-W47-2T10:00:00Z"]
)
def test_what_is_no_date_time_with_an_offset_is_not_an_instant(text: str) -> None:
    with pytest.raises(ValueError, match="date-time"):
        parse_instant(text)


def test_kavenegars_sample_is_read_by_tehrans_clock() -> None:
    assert Clock(TEHRAN).to_utc("2018-11-20T14:24:46.206") == "2018-11-20T10:54:46.206000Z"


def test_utels_sample_is_the_instant_in_its_recordings_name() -> None:
    epoch_in_file_name = datetime.fromtimestamp(1_768_308_876, UTC)
    assert Clock("Asia/Tashkent").instant("2026-01-13 17:54:36") == epoch_in_file_name


@pytest.mark.parametrize(
    ("stamp", "utc"),
    [
        ("2019-08-24T14:15:22Z", "2019-08-24T14:15:22.000000Z"),
        ("2018-05-27T21:30:54+00:00", "2018-05-27T21:30:54.000000Z"),
        ("2021-03-10T17:07:19+07:00", "2021-03-10T10:07:19.000000Z"),
        ("2021-03-10T17:07:19-0330", "2021-03-10T20:37:19.000000Z"),
        ("2021-03-10T17:07:19+07", "2021-03-10T10:07:19.000000Z"),
        ("2021-03-10t17:07:19z", "2021-03-10T17:07:19.000000Z"),
        ("2018-08-26T16:18", "2018-08-26T16:18:00.000000Z"),
        ("2018-08-26 16:18:18.1", "2018-08-26T16:18:18.100000Z"),
        ("2018-08-26T16:18:18,163", "2018-08-26T16:18:18.163000Z"),
        ("2018-08-26T16:18:18.123456789Z", "2018-08-26T16:18:18.123456Z"),
    ],
)
def test_stamps_of_many_shapes_become_one_width(stamp: str, utc: str) -> None:
    assert Clock(None).to_utc(stamp) == utc


@pytest.mark.parametrize(
    "zero",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00",
        "0001-01-01 00:00:00+07:06",
        "0000-00-00",
        "0000-00-00 00:00:00",
        "0000-00-00T00:00:00.000Z",
        "-0001-11-30T00:00:00.000000Z",
    ],
)
def test_a_zero_date_is_no_date(zero: str) -> None:
    assert Clock(TEHRAN).to_utc(zero) is None
    assert Clock(TEHRAN).instant(zero) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "2018-11-20",
        "20181120T142446Z",
        "2018-11-20T24:00:00",
        "2018-11-20T14:24:60",
        "2018-02-30T00:00:00",
        "2018-13-01T00:00:00Z",
        "1542723886",
        "2018-11-20T14:24:46.",
        "2018-11-20T14:24:46Zoo",
        "۲۰۱۸-۱۱-۲۰T۱۴:۲۴:۴۶",  # noqa: RUF001 - Persian digits
        "9999-12-31T23:59:59-01:00",
        "0001-01-02T00:00:00+25:00",
        "0001-01-01 and more",
        "2018-11-20T14:24:46." + "1" * 1_000,
    ],
)
def test_what_is_no_date_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - some messages are Python's
        Clock(TEHRAN).to_utc(text)


@given(st.text())
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    try:
        utc = Clock(TEHRAN).to_utc(text)
    except ValueError:
        return
    assert utc is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", utc)


def test_an_ambiguous_local_time_is_the_earlier_instant() -> None:
    # Tehran went back from 24:00 to 23:00 on 21 September 2022.
    assert Clock(TEHRAN).to_utc("2022-09-21T23:30:00") == "2022-09-21T19:00:00.000000Z"


@pytest.mark.parametrize(
    ("zone", "stamp", "earlier"),
    [
        (TEHRAN, "2022-09-21T23:30:00", "2022-09-21T19:00:00.000000Z"),
        ("Europe/Berlin", "2025-10-26 02:30:00", "2025-10-26T00:30:00.000000Z"),
        ("Australia/Lord_Howe", "2024-04-07T01:45:00.5", "2024-04-06T14:45:00.500000Z"),
    ],
)
def test_in_a_fold_pendulums_own_parser_would_take_the_later_instant(
    zone: str, stamp: str, earlier: str
) -> None:
    assert Clock(zone).to_utc(stamp) == earlier
    assert fixed_width(cast("pendulum.DateTime", pendulum.parse(stamp, tz=zone))) > earlier


def test_a_zone_that_does_not_exist_has_no_clock() -> None:
    with pytest.raises(ValueError, match="Mars"):
        Clock("Mars/Olympus")


def test_a_local_time_that_was_skipped_is_read_by_the_clock_before() -> None:
    # Tehran went forward from 00:00 to 01:00 on 22 March 2022.
    clock = Clock(TEHRAN)
    assert clock.to_utc("2022-03-21T23:59:59") == "2022-03-21T20:29:59.000000Z"
    assert clock.to_utc("2022-03-22T00:30:00") == "2022-03-21T21:00:00.000000Z"
    assert clock.to_utc("2022-03-22T01:00:00") == "2022-03-21T20:30:00.000000Z"


@pytest.mark.parametrize(
    ("midnight", "next_midnight", "hours"),
    [
        ("2022-03-22T00:00:00", "2022-03-23T00:00:00", 23),
        ("2022-09-21T00:00:00", "2022-09-22T00:00:00", 25),
        ("2023-03-22T00:00:00", "2023-03-23T00:00:00", 24),
    ],
)
def test_tehrans_days_have_23_24_or_25_hours(midnight: str, next_midnight: str, hours: int) -> None:
    clock = Clock(TEHRAN)
    start, end = clock.instant(midnight), clock.instant(next_midnight)
    assert start is not None
    assert end is not None
    # The 23-hour day begins at 01:00, an hour that its midnight is read into.
    assert end - start == timedelta(hours=hours)


@given(instants, st.sampled_from(ZONES))
@example(datetime(2022, 3, 21, 20, 30, tzinfo=UTC), TEHRAN)
@example(datetime(2022, 9, 21, 19, 30, tzinfo=UTC), TEHRAN)
def test_a_wall_clock_is_read_back_to_the_instant_or_an_earlier_twin(
    instant: datetime, zone: str
) -> None:
    clock = Clock(zone)
    wall = clock.wall(instant)
    read = clock.instant(wall.isoformat())
    assert (wall.tzinfo, wall.fold) == (None, 0)
    assert read is not None
    assert read <= instant
    assert clock.wall(read) == wall


@given(instants, st.sampled_from(ZONES))
def test_a_clock_agrees_with_the_standard_library(instant: datetime, zone: str) -> None:
    local = instant.astimezone(ZoneInfo(zone))
    assert Clock(None).instant(local.isoformat()) == instant
    assert Clock(zone).to_utc(local.isoformat()) == fixed_width(instant)


def test_a_shift_is_seen_from_both_sides_and_only_nearby() -> None:
    clock = Clock(TEHRAN)
    change = datetime(2022, 9, 21, 19, 30, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert clock.shift_nearby(change - 2 * hour, 3 * hour) == hour
    assert clock.shift_nearby(change + 2 * hour, 3 * hour) == hour
    assert clock.shift_nearby(change, timedelta(minutes=1)) == hour
    assert clock.shift_nearby(change + 4 * hour, 3 * hour) == timedelta()
    assert clock.shift_nearby(change, timedelta(days=250)) == hour
    assert Clock("Asia/Tashkent").shift_nearby(change, 3 * hour) == timedelta()
    assert Clock(None).shift_nearby(change, 3 * hour) == timedelta()


def test_half_an_hours_shift_is_half_an_hour() -> None:
    change = datetime(2024, 10, 5, 15, 30, tzinfo=UTC)
    shift = Clock("Australia/Lord_Howe").shift_nearby(change, timedelta(hours=1))
    assert shift == timedelta(minutes=30)


def test_a_clock_remembers_a_bounded_number_of_stamps() -> None:
    clock = Clock(TEHRAN)
    for second in range(2 * STAMPS_REMEMBERED):
        clock.to_utc(f"2018-11-20T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}")
    assert clock.to_utc.cache_info().currsize == STAMPS_REMEMBERED  # type: ignore[attr-defined]


def test_a_clock_that_has_forgotten_an_hour_reads_it_again() -> None:
    clock = Clock(TEHRAN)
    first = datetime(2018, 3, 1)  # noqa: DTZ001 - the zone's own
    for hour in (*range(HOURS_REMEMBERED + 50), *range(50)):
        stamp = f"{first + timedelta(hours=hour):%FT%T}.206"
        assert clock.fresh_to_utc(stamp) == read_whole(stamp, TEHRAN)


# The table of hours: what it puts together is what reading the whole stamp gives.

ALL_ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"}))
ENDS = ["", ".5", ".206", ".206000", ",206", ".123456789", "Z", ".206Z", "z", "+00:00", "-0330"]
MINUTES = (0, 1, 29, 30, 31, 59)


def read_whole(stamp: str, zone: str) -> str:
    """What a stamp says, by the standard library alone."""
    moment = datetime.fromisoformat(stamp.upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def change_after(instant: datetime, zone: ZoneInfo) -> datetime | None:
    """The second of a zone's next clock change within a good year, if there is one."""
    week = timedelta(days=7)
    for begin in (instant + number * week for number in range(55)):
        before, after = begin, begin + week
        if before.astimezone(zone).utcoffset() == after.astimezone(zone).utcoffset():
            continue
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) / 2
            if middle.astimezone(zone).utcoffset() == begin.astimezone(zone).utcoffset():
                before = middle
            else:
                after = middle
        return after.replace(microsecond=0)
    return None


@settings(max_examples=300)
@given(instants, ALL_ZONES, st.sampled_from(ENDS), st.integers(0, 59))
@example(datetime(2005, 3, 1, tzinfo=UTC), "America/St_Johns", "", 0)  # a minute past midnight
@example(datetime(2024, 9, 1, tzinfo=UTC), "Australia/Lord_Howe", ".206", 59)  # by half an hour
@example(datetime(2018, 4, 1, tzinfo=UTC), "Asia/Pyongyang", "", 7)  # for good, by half an hour
def test_a_stamp_reads_the_same_beside_others_of_its_hour(
    instant: datetime, zone: str, end: str, second: int
) -> None:
    clock = Clock(zone)
    near = change_after(instant, ZoneInfo(zone)) or instant
    for hours in range(-3, 4):
        wall = near.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(hours=hours)
        for minute in MINUTES:
            stamp = f"{wall:%Y-%m-%d %H}:{minute:02}:{second:02}{end}"
            assert clock.to_utc(stamp) == read_whole(stamp, zone), (stamp, zone)


@given(st.text(alphabet="0123456789:.,TZz +-", max_size=20))
@example(":46:46.5Zz")
def test_an_odd_end_is_read_as_if_its_hour_were_not_known(end: str) -> None:
    clock = Clock(TEHRAN)
    for stamp in (f"2018-11-20T14{end}", f"2018-11-20T14:24{end}", f"2018-11-20T14:24:46{end}"):
        instant = None
        with suppress(ValueError):
            instant = clock.instant(stamp)  # which has no table
        if instant is None:
            with pytest.raises(ValueError):  # noqa: PT011 - some messages are Python's
                clock.to_utc(stamp)
        else:
            assert clock.to_utc(stamp) == fixed_width(instant)


@pytest.mark.parametrize(
    "stamp",
    [
        "1405-09-02T10:00:00.000",
        "2569-01-13T12:00:00Z",
        "1970-01-01T00:00:00Z",
        "1989-12-31T23:59:59Z",
        "2201-01-01T00:00:00Z",
    ],
)
def test_a_year_of_another_calendar_is_no_date_time(stamp: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="year"):
            Clock(None).to_utc(stamp)


@pytest.mark.parametrize(
    "stamp", ["1990-01-01T00:00:00Z", "2030-06-01T10:00:00Z", "2200-12-31T23:59:59Z"]
)
def test_a_year_within_reason_is_one(stamp: str) -> None:
    assert Clock(None).to_utc(stamp) == f"{stamp[:-1]}.000000Z"
