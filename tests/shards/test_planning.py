from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_callhistory.reading.windows import Window, merged
from tap_callhistory.shards.planning import months_of, spread, stretches

S = datetime(2016, 1, 1, tzinfo=UTC)
#: Years after S.
places = st.integers(0, 10 * 365 * 24)
spans = (
    st
    .tuples(places, places)
    .filter(lambda ends: ends[0] != ends[1])
    .map(sorted)
    .map(lambda ends: Window(S + timedelta(hours=ends[0]), S + timedelta(hours=ends[1])))
)


def test_months_are_cut_at_their_firsts() -> None:
    start, end = datetime(2024, 11, 15, 8, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    assert [str(month) for month in months_of(Window(start, end))] == [
        "[2024-11-15T08:00:00Z, 2024-12-01T00:00:00Z)",
        "[2024-12-01T00:00:00Z, 2025-01-01T00:00:00Z)",
        "[2025-01-01T00:00:00Z, 2025-02-01T00:00:00Z)",
    ]


def test_sparse_months_share_a_shard_and_a_dense_one_has_its_own() -> None:
    months = months_of(Window(S, datetime(2016, 7, 1, tzinfo=UTC)))
    calls = dict(zip(months, [10, 20, 900, 30, 40, 30], strict=True))
    found = stretches(months, calls, 100)
    assert [each.expected_calls for each in found] == [30, 900, 100]
    assert found[2].window == Window(months[3].start, months[5].end)


def test_a_month_between_two_counted_ones_has_the_density_that_lies_between() -> None:
    months = months_of(Window(datetime(2025, 7, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)))
    found = stretches(months, {months[0]: 310, months[-1]: 3100}, 1)
    # 10 calls a day in July, 100 in January.
    assert [each.expected_calls for each in found] == [310, 775, 1200, 1705, 2100, 2635, 3100]


def test_ten_silent_years_are_one_shard() -> None:
    months = months_of(Window(S, datetime(2026, 1, 1, tzinfo=UTC)))
    asked = spread(months, 24)
    assert len(asked) == 24
    assert (asked[0], asked[-1]) == (months[0], months[-1])
    assert len(stretches(months, dict.fromkeys(asked, 0), 250_000)) == 1


@pytest.mark.parametrize("most", [1, 2, 5, 24])
@pytest.mark.parametrize("years", [1, 3])
def test_no_more_months_are_asked_for_than_allowed(most: int, years: int) -> None:
    months = months_of(Window(S, datetime(2016 + years, 1, 1, tzinfo=UTC)))
    assert len(spread(months, most)) == min(most, len(months))


@given(spans, st.data(), st.integers(1, 100_000))
def test_shards_tile_the_stretch_in_whole_months(
    span: Window, data: st.DataObject, calls_per_shard: int
) -> None:
    months = months_of(span)
    assert merged(months) == [span]
    assert all(month.length <= timedelta(days=31) for month in months)
    asked = data.draw(st.lists(st.sampled_from(months), min_size=1, max_size=9, unique=True))
    counts: dict[Window, float] = {
        month: data.draw(st.integers(0, 200_000), label="calls") for month in asked
    }
    found = stretches(months, counts, calls_per_shard)
    starts = [each.window.start for each in found]
    assert starts == [span.start, *(each.window.end for each in found[:-1])]
    assert found[-1].window.end == span.end
    assert {each.window.end for each in found} <= {month.end for month in months}
    for each in found:
        assert each.window in months or each.expected_calls <= calls_per_shard
    alone = {each.window.start: each.expected_calls for each in stretches(months, counts, -1)}
    for one, following in pairwise(found):
        assert one.expected_calls + alone[following.window.start] > calls_per_shard
