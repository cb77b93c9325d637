"""Windows: planned over a span without gaps, split at the vendor's steps, visited once per age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_callhistory.reading.planner import LONGEST, Planner
from tap_callhistory.reading.spans import Revisits, new_history
from tap_callhistory.reading.windows import MONTH, Window, ceiling, floor, merged, shaped, widened

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
resolutions = st.sampled_from([SECOND, MINUTE])
instants = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lengths = st.timedeltas(timedelta(microseconds=1), timedelta(days=2000))
windows = st.builds(lambda start, length: Window(start, start + length), instants, lengths)


def planned(planner: Planner, calls_per_day: float = 0) -> list[Window]:
    found = []
    while window := planner.next():
        planner.learn(window, int(window.length / DAY * calls_per_day))
        found.append(window)
        assert len(found) < 5000
    return found


@given(
    st.lists(windows, max_size=3),
    resolutions,
    st.sampled_from([SECOND, HOUR, DAY, 60 * DAY]),
    st.integers(500, 10_000),
    st.floats(0, 50),
)
def test_windows_cover_the_spans_exactly_and_in_order(
    spans: list[Window], resolution: timedelta, first: timedelta, comfortable: int, density: float
) -> None:
    spans = merged(spans)
    planner = Planner(spans, resolution=resolution, comfortable=comfortable, first=first)
    found = planned(planner, density)
    assert merged(found) == spans
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(window for window in found)


@given(windows, resolutions, st.lists(st.integers(0, 40_000), min_size=1, max_size=30))
def test_windows_cover_the_span_whatever_is_learnt_and_refused(
    span: Window, resolution: timedelta, counts: list[int]
) -> None:
    planner = Planner([span], resolution=resolution, comfortable=1000, first=DAY)
    found: list[Window] = []
    for count in counts:
        window = planner.next()
        if window is None:
            break
        found.append(window)
        if count % 7 == 0 and window.can_split(resolution):
            planner.bound(window.length / 2)
        planner.learn(window, count)
    rest = planner.next()
    assert merged(found) == [Window(span.start, found[-1].end)]
    assert (found[-1].end == span.end) == (rest is None)
    assert rest is None or rest.start == found[-1].end


@pytest.mark.parametrize("first", [7 * DAY, MONTH, 60 * DAY])
def test_five_silent_years_take_at_most_sixty_windows(first: timedelta) -> None:
    span = Window(NOON - 1826 * DAY, NOON)
    planner = Planner([span], resolution=SECOND, comfortable=2000, first=first)
    assert len(planned(planner)) <= 60


def test_dense_history_gets_windows_of_about_the_comfortable_size() -> None:
    span = Window(NOON - 60 * DAY, NOON)
    planner = Planner([span], resolution=SECOND, comfortable=2000, first=DAY)
    sizes = [window.length / DAY * 1000 for window in planned(planner, calls_per_day=1000)]
    assert sizes[0] == 1000
    assert all(size == pytest.approx(2000, rel=0.01) for size in sizes[1:-1])


def test_no_window_is_planned_longer_than_its_bound() -> None:
    planner = Planner([Window(NOON, NOON + 90 * DAY)], resolution=SECOND, comfortable=9, first=DAY)
    planner.bound(DAY / 2)
    assert max(window.length for window in planned(planner)) <= DAY / 2 + SECOND


def test_a_span_put_back_is_planned_next() -> None:
    planner = Planner([Window(NOON, NOON + 4 * DAY)], resolution=SECOND, comfortable=9, first=DAY)
    assert planner.next() is not None
    second = planner.next()
    assert second is not None
    planner.put_back(Window(second.start + HOUR, second.end))
    again = planner.next()
    assert again is not None
    assert again.start == second.start + HOUR


def test_no_window_is_longer_than_the_longest() -> None:
    planner = Planner(
        [Window(NOON, NOON + 9 * LONGEST)], resolution=SECOND, comfortable=9, first=DAY
    )
    assert max(window.length for window in planned(planner)) <= LONGEST + SECOND


@given(windows, resolutions, st.integers(2, 200))
def test_parts_adjoin_and_cut_at_what_the_vendor_can_express(
    window: Window, resolution: timedelta, parts: int
) -> None:
    found = window.split(parts, resolution)
    assert merged(found) == [window]
    assert all(a.end == b.start for a, b in pairwise(found))
    assert all(floor(part.end, resolution) == part.end for part in found[:-1])
    assert (len(found) > 1) or not window.can_split(resolution)


@given(windows, resolutions)
def test_splitting_ends_at_the_resolution(window: Window, resolution: timedelta) -> None:
    steps = 0
    while window.can_split(resolution):
        window = window.split(2, resolution)[0]
        steps += 1
        assert steps < 64
    assert window.length < 2 * resolution


@given(windows, resolutions, st.floats(0, 1), st.sampled_from(["[]", "[)", "(]", "()"]))
def test_whatever_bounds_mean_a_call_lies_in_one_of_two_adjoining_windows(
    window: Window, resolution: timedelta, share: float, bounds: str
) -> None:
    middle = window.start + window.length * share
    call = middle if share else window.start
    asked = [
        widened(Window(window.start, middle), resolution),
        widened(Window(middle, window.end), resolution),
    ]

    def includes(bound: Window) -> bool:
        after = bound.start <= call if bounds[0] == "[" else bound.start < call
        before = call <= bound.end if bounds[1] == "]" else call < bound.end
        return after and before

    assert any(includes(bound) for bound in asked if bound) or call >= window.end


@given(instants, resolutions)
def test_floor_and_ceiling_enclose_an_instant(instant: datetime, resolution: timedelta) -> None:
    assert floor(instant, resolution) <= instant <= ceiling(instant, resolution)
    assert ceiling(instant, resolution) - floor(instant, resolution) in {timedelta(0), resolution}


def test_windows_widen_by_a_clock_change_nearby() -> None:
    bounds = widened(Window(NOON, NOON + HOUR), MINUTE, (HOUR, timedelta(0)))
    assert bounds == Window(NOON - MINUTE - HOUR, NOON + HOUR)


def test_new_history_begins_at_the_lookback_and_never_before_the_start_date() -> None:
    start = NOON - 10 * DAY

    def begin(bookmark: datetime | None, lookback: timedelta) -> datetime:
        return new_history(start_date=start, bookmark=bookmark, lookback=lookback, end=NOON).start

    assert begin(None, HOUR) == start
    assert begin(NOON - DAY, HOUR) == NOON - DAY - HOUR
    assert begin(NOON - DAY, 30 * DAY) == start
    assert not new_history(start_date=start, bookmark=NOON, lookback=HOUR, end=NOON - 2 * HOUR)


# Revisits.


class Visits:
    """Syncs one after another, with the instants at which each moment of history was read."""

    def __init__(self, start: datetime, lookback: timedelta = HOUR) -> None:
        self.start, self.lookback = start, lookback
        self.bookmark: datetime | None = None
        self.marks: dict[timedelta, datetime] = {}
        self.read: list[tuple[datetime, Window]] = []

    def sync(self, now: datetime, ages: list[timedelta]) -> list[Window]:
        new = new_history(
            start_date=self.start, bookmark=self.bookmark, lookback=self.lookback, end=now
        )
        revisits = Revisits.plan(ages=ages, bookmarks=self.marks, bookmark=self.bookmark, now=now)
        again = revisits.spans(read=new, start_date=self.start, bookmark=self.bookmark)
        revisits = revisits.visited(new) if new else revisits
        for window in again:
            revisits = revisits.visited(window)
        revisits = revisits.done()
        assert all(
            revisits.bookmarks[age] >= mark for age, mark in self.marks.items() if age in ages
        )
        self.read += [(now, span) for span in (new, *again) if span]
        self.bookmark, self.marks = now, dict(revisits.bookmarks)
        return again

    def times_read(self, moment: datetime) -> list[timedelta]:
        return [now - moment for now, span in self.read if span.start <= moment < span.end]


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=60),
    st.sampled_from([[3], [3, 24], [24, 168], [2, 3, 5]]),
)
def test_every_call_is_read_again_at_each_age_and_no_more(
    pauses_hours: list[int], ages_hours: list[int]
) -> None:
    visits, ages = Visits(NOON - 30 * DAY), [hours * HOUR for hours in ages_hours]
    now = NOON
    visits.sync(now, ages)
    for pause in pauses_hours:
        now += pause * HOUR
        visits.sync(now, ages)
    for moment in (NOON - 29 * DAY, NOON - HOUR / 2, NOON + HOUR / 3, NOON + 7 * HOUR / 2):
        if moment >= now:
            continue
        times = visits.times_read(moment)
        for age in ages:
            if now - moment > age:
                assert any(read >= age for read in times), "not read at its age"
        young = visits.lookback + 60 * HOUR
        assert sum(read > young for read in times) <= len(ages) + 1
        assert len(times) <= len(ages) + 2 + len([p for p in pauses_hours if p <= 1])


def test_a_first_backfill_visits_all_that_was_already_old() -> None:
    visits = Visits(NOON - 30 * DAY)
    assert visits.sync(NOON, [DAY, 7 * DAY]) == []
    assert visits.sync(NOON + HOUR, [DAY, 7 * DAY]) == [
        Window(NOON - 7 * DAY, NOON - 7 * DAY + HOUR),
        Window(NOON - DAY, NOON - DAY + HOUR),
    ]


def test_overlapping_revisits_are_read_once() -> None:
    visits = Visits(NOON - 30 * DAY)
    visits.sync(NOON, [DAY, 2 * DAY])
    assert visits.sync(NOON + 3 * DAY, [DAY, 2 * DAY]) == [Window(NOON - 2 * DAY, NOON - HOUR)]


def test_an_age_added_later_visits_what_comes_of_that_age_from_then_on() -> None:
    visits = Visits(NOON - 30 * DAY)
    visits.sync(NOON, [DAY])
    assert Window(NOON - 3 * DAY, NOON - 3 * DAY + HOUR) in visits.sync(NOON + HOUR, [DAY, 3 * DAY])


def test_an_age_removed_and_added_again_begins_anew() -> None:
    visits = Visits(NOON - 30 * DAY)
    visits.sync(NOON, [DAY, 3 * DAY])
    visits.sync(NOON + DAY, [3 * DAY])
    assert DAY not in visits.marks
    again = visits.sync(NOON + DAY + HOUR, [DAY, 3 * DAY])
    assert Window(NOON, NOON + HOUR) in [Window(max(s.start, NOON), s.end) for s in again]


def test_a_revisit_that_breaks_off_is_taken_up_where_it_ended() -> None:
    revisits = Revisits.plan(
        ages=[DAY], bookmarks={DAY: NOON - 3 * DAY}, bookmark=NOON - HOUR, now=NOON
    )
    some = revisits.visited(Window(NOON - 3 * DAY, NOON - 2 * DAY))
    assert some.bookmarks == {DAY: NOON - 2 * DAY}
    skipped = revisits.visited(Window(NOON - 2 * DAY, NOON - DAY))
    assert skipped.bookmarks == {DAY: NOON - 3 * DAY}


def test_an_old_stretch_claims_every_age_as_soon_as_it_is_read() -> None:
    start, end = NOON - 90 * DAY, NOON - 60 * DAY
    revisits = Revisits.plan(ages=[DAY, 7 * DAY], bookmarks={}, bookmark=None, now=NOON, end=end)
    assert revisits.visited(Window(start, end)).done().bookmarks == {DAY: end, 7 * DAY: end}


def test_a_stretch_that_ends_within_an_age_claims_what_was_old_enough() -> None:
    end = NOON - 2 * DAY
    revisits = Revisits.plan(ages=[DAY, 7 * DAY], bookmarks={}, bookmark=None, now=NOON, end=end)
    assert revisits.done().bookmarks == {DAY: end, 7 * DAY: NOON - 7 * DAY}
    # A week later, the ordinary run visits what was too young.
    later = Revisits.plan(
        ages=[DAY, 7 * DAY], bookmarks=revisits.bookmarks, bookmark=end, now=NOON + 7 * DAY
    )
    new = Window(end, NOON + 7 * DAY)
    assert later.spans(read=new, start_date=NOON - 90 * DAY, bookmark=end) == [
        Window(NOON - 7 * DAY, end)
    ]


def test_a_window_has_several_shapes_that_come_back_in_turn() -> None:
    window, second = Window(NOON, NOON + timedelta(hours=1)), timedelta(seconds=1)
    shapes = [shaped(window, repeats, second) for repeats in range(6)]
    assert shapes[0] == window
    assert shapes[:3] == shapes[3:]
    assert len(set(shapes)) == 3
    assert all(each.encloses(window) for each in shapes)


def test_nothing_is_planned_from_the_end_that_is_set_on() -> None:
    days = [NOON + timedelta(days=number) for number in range(4)]
    spans = [Window(days[0], days[1]), Window(days[2], days[3])]
    planner = Planner(spans, resolution=SECOND, comfortable=100, first=timedelta(hours=1))
    planner.end_at(days[2] + timedelta(hours=1))
    assert list(planner.left) == [spans[0], Window(days[2], days[2] + timedelta(hours=1))]
    planner.end_at(days[1])
    assert list(planner.left) == [spans[0]]
