"""Every kind of pass ends, and has either all calls or a reason why it is not whole.

What no pass can notice, and what the properties below therefore leave out:

- A vendor that hides calls consistently: total, pages and their end all tell of the same too few,
  and not as a cap would (see `ends_like_a_cap`).
- Numbered pages: a deletion and an insertion between two requests that leave the total as it was.
  Nothing in the answers differs from those of a vendor where neither happened.
- A total that is too small and just what a silently cut page holds, by a vendor whose total has
  been right for several pages before.
- A total that is too small by a vendor whose pages are shorter than they could be, where a short
  page ends at just that number.
- Pages of one call by offset, without a total, while calls come and go: they cannot overlap.
- Pages by offset, without a total, that hold nothing but the call seen again although more follow.
- A cursor that is an offset in disguise, while calls are deleted; an empty page amid the others.
- A window of the smallest size that holds more than an undocumented cap, and nothing beside it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tap_callhistory.reading.cursors import AnchoredPages, CursorPages
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.pages import Limits, Page, Position, ReadCall
from tap_callhistory.reading.paginators import PAGES_AT_ONCE, NumberedPages, OffsetPages
from tap_callhistory.reading.passes import Disturbed, Pass, TooMany

PAGE_SIZE = 10


def a_call(key: int, moment: int | None = None) -> ReadCall:
    return ReadCall(key, f"{key if moment is None else moment:06d}", b"", 0)


@dataclass
class Habits:
    """How a simulated vendor pages.

    Attributes:
        largest: It silently cuts larger pages to this.
        tells_size: It says what page size it used.
        total: What is added to the total; None gives none, "page" gives the page's length.
        clamps: A page number beyond the end gives the last page again.
        irregular: Pages are shorter than they could be, as if filtered afterwards.
        dialect: "plain", or "dot": only "." opens the cursor.
        last_next: There is a next cursor on the last page, too.
        loops: The cursor comes back to itself.
    """

    largest: int = PAGE_SIZE
    tells_size: bool = True
    total: int | str | None = 0
    clamps: bool = False
    irregular: bool = False
    dialect: str = "plain"
    last_next: bool = True
    loops: bool = False


class Vendor:
    """A list of calls in one order, changed between requests as a list of changes says.

    A change is the number of a request, a place in the list, and whether a call appears there.
    """

    def __init__(
        self, keys: list[int], habits: Habits, changes: list[tuple[int, int, bool]] | None = None
    ) -> None:
        self.keys, self.habits = list(keys), habits
        self.lasting, self.ever = set(keys), set(keys)
        self.requests = 0
        self._changes = sorted(changes or [])
        self._fresh = 10_000

    def answer(self, kind: type[Pass], position: Position) -> Page:
        self.requests += 1
        while self._changes and self._changes[0][0] <= self.requests:
            _, place, appears = self._changes.pop(0)
            self._change(place, appears=appears)
        if kind is NumberedPages:
            return self._numbered(position.number - 1)
        if kind is OffsetPages:
            return self._page(position.number)
        return self._after(position.cursor)

    def _change(self, place: int, *, appears: bool) -> None:
        if appears:
            # Cursors point at keys in order; so do these.
            self._fresh += 1
            self.keys.insert(place % (len(self.keys) + 1), self._fresh)
            self.ever.add(self._fresh)
        elif self.keys:
            self.lasting.discard(self.keys.pop(place % len(self.keys)))

    def _starts(self) -> list[int]:
        starts, at = [0], 0
        while at < len(self.keys):
            at += self._length(at)
            starts.append(at)
        return starts[:-1] or [0]

    def _length(self, start: int) -> int:
        size = min(PAGE_SIZE, self.habits.largest)
        return random.Random(start).randint(min(2, size), size) if self.habits.irregular else size

    def _numbered(self, number: int) -> Page:
        starts = self._starts()
        if number >= len(starts) and not self.habits.clamps:
            return self._page(len(self.keys))
        return self._page(starts[min(number, len(starts) - 1)])

    def _page(self, start: int, cursor: str = "") -> Page:
        keys = self.keys[start : start + self._length(start)]
        total: Any = self.habits.total
        if isinstance(total, int):
            total = max(0, len(self.keys) + total)
        if total == "page":
            total = len(keys)
        size = min(PAGE_SIZE, self.habits.largest) if self.habits.tells_size else None
        return Page([a_call(key) for key in keys], total, size, cursor)

    def _after(self, cursor: str) -> Page:
        if self.habits.loops and cursor not in {"", "."}:
            return self._page(0, cursor)
        start = 0
        if cursor not in {"", "."}:
            # By order of arrival: what was at or before the cursor's key is not given again.
            anchor = int(cursor)
            start = self.keys.index(anchor) + 1 if anchor in self.keys else self._place(anchor)
        page = self._page(start)
        is_last = start + len(page.calls) >= len(self.keys)
        plain = self.habits.dialect == "dot" and not cursor
        if not page.calls or plain or (is_last and not self.habits.last_next):
            return page
        self._last_places = {call.key: start + index for index, call in enumerate(page.calls)}
        return self._page(start, str(page.calls[-1].key))

    def _place(self, anchor: int) -> int:
        return min(self._last_places.get(anchor, 0), len(self.keys))


def read(
    kind: type[Pass],
    vendor: Vendor,
    *,
    seed: int = 0,
    knowledge: Knowledge | None = None,
    limits: Limits | None = None,
) -> Pass:
    """Read a window in one pass, its pages coming in any order."""
    chance = random.Random(seed)
    reading = kind(limits or Limits(PAGE_SIZE), knowledge or Knowledge())
    waiting = reading.opening()
    while waiting:
        position = waiting.pop(chance.randrange(len(waiting)))
        page = vendor.answer(kind, position)
        if position.again:
            reading.take_again(position, page)
        else:
            waiting += reading.take(position, page)
        assert vendor.requests <= 3 * len(vendor.ever) + 3 * PAGES_AT_ONCE, "never ends"
    reading.prove()
    return reading


def whole_or_none(kind: type[Pass], vendor: Vendor, seed: int, knowledge: Knowledge) -> bool:
    """Whether the pass took itself for whole; then it must be."""
    try:
        found = read(kind, vendor, seed=seed, knowledge=knowledge)
    except (Disturbed, TooMany):
        return False
    assert vendor.lasting <= found.calls.keys() <= vendor.ever
    return True


keys = st.integers(0, 65).map(lambda count: list(range(1, count + 1)))
seeds = st.integers(0, 5)
experiences = st.builds(Knowledge, total_holds=st.booleans())
largest = st.sampled_from([1, 2, 3, 7, PAGE_SIZE])


def changes(appears: st.SearchStrategy[bool]) -> st.SearchStrategy[list[tuple[int, int, bool]]]:
    return st.lists(st.tuples(st.integers(2, 12), st.integers(0, 70), appears), max_size=4)


appearances = changes(st.just(value=True))
deletions = changes(st.just(value=False))
any_changes = changes(st.booleans())


@given(
    keys,
    st.builds(
        Habits,
        largest=largest,
        tells_size=st.booleans(),
        total=st.sampled_from([0, 0, 1, 7, 10**9, -1, -3, "page"]),
        clamps=st.booleans(),
        irregular=st.booleans(),
    ),
    seeds,
    experiences,
)
def test_numbered_pages_are_whole_or_disturbed(
    keys: list[int], habits: Habits, seed: int, knowledge: Knowledge
) -> None:
    assume(not (habits.irregular and habits.total in {-1, -3}))
    if habits.total not in {0, None}:
        knowledge.total_holds = False
    vendor = Vendor(keys, habits)
    whole = whole_or_none(NumberedPages, vendor, seed, knowledge)
    assert whole or habits.total != 0


@given(keys, largest, st.booleans(), st.one_of(appearances, deletions), seeds, experiences)
def test_numbered_pages_notice_what_moves(
    keys: list[int],
    largest: int,
    clamps: bool,  # noqa: FBT001
    changes: list[tuple[int, int, bool]],
    seed: int,
    knowledge: Knowledge,
) -> None:
    vendor = Vendor(keys, Habits(largest=largest, clamps=clamps), changes)
    whole_or_none(NumberedPages, vendor, seed, knowledge)


@given(
    keys,
    st.builds(
        Habits,
        largest=largest,
        total=st.sampled_from([None, 0, 1, 7, 10**9, -1, -3, "page"]),
        irregular=st.booleans(),
    ),
    seeds,
    experiences,
)
def test_offset_pages_are_whole_or_disturbed(
    keys: list[int], habits: Habits, seed: int, knowledge: Knowledge
) -> None:
    assume(not (habits.irregular and habits.total in {-1, -3}))
    if habits.total not in {0, None}:
        knowledge.total_holds = False
    whole = whole_or_none(OffsetPages, Vendor(keys, habits), seed, knowledge)
    assert whole or habits.total not in {0, None}


@given(keys, st.sampled_from([2, 3, 7, PAGE_SIZE]), st.sampled_from([None, 0]), any_changes, seeds)
def test_offset_pages_notice_what_moves(
    keys: list[int],
    largest: int,
    total: int | None,
    changes: list[tuple[int, int, bool]],
    seed: int,
) -> None:
    vendor = Vendor(keys, Habits(largest=largest, total=total), changes)
    whole_or_none(OffsetPages, vendor, seed, Knowledge())


@given(
    keys,
    st.builds(
        Habits,
        largest=largest,
        tells_size=st.booleans(),
        total=st.none(),
        irregular=st.booleans(),
        dialect=st.sampled_from(["plain", "dot"]),
        last_next=st.booleans(),
        loops=st.booleans(),
    ),
    st.sampled_from(["", "."]),
)
def test_cursor_pages_are_whole_or_disturbed(keys: list[int], habits: Habits, opening: str) -> None:
    whole = whole_or_none(CursorPages, Vendor(keys, habits), 0, Knowledge(opening=opening))
    assert whole or habits.loops or not habits.last_next


@given(keys, largest, appearances)
def test_cursor_pages_hold_all_that_lasts_while_calls_appear(
    keys: list[int], largest: int, changes: list[tuple[int, int, bool]]
) -> None:
    vendor = Vendor(keys, Habits(largest=largest, total=None), changes)
    whole_or_none(CursorPages, vendor, 0, Knowledge())


class UpdatedCalls:
    """Calls in ascending order of their last update; some are updated between requests."""

    def __init__(self, moments: list[int], size: int, updates: list[int], total: bool) -> None:  # noqa: FBT001
        self.moments = dict(enumerate(moments))
        self.size, self.updates, self.total = size, updates, total
        self.end = max(moments, default=0) + 1
        self.requests = 0

    def answer(self, position: Position) -> Page:
        self.requests += 1
        if self.requests > 1 and self.updates and self.moments:
            self.moments[self.updates.pop() % len(self.moments)] = self.end + self.requests
        start = int(position.anchor) - 1 if position.anchor else 0
        found = sorted(
            (moment, key) for key, moment in self.moments.items() if start <= moment < self.end
        )
        rows = found[position.number :][: self.size]
        total = len(found) if self.total else None
        return Page([a_call(key, moment) for moment, key in rows], total)


@given(
    st.lists(st.integers(1, 30), max_size=60),
    st.sampled_from([1, 2, 3, PAGE_SIZE]),
    st.booleans(),
)
def test_anchored_pages_read_a_set_that_stands_still_whole(
    moments: list[int],
    size: int,
    total: bool,  # noqa: FBT001
) -> None:
    vendor = UpdatedCalls(moments, size, [], total)
    assert read_updates(vendor).calls.keys() == vendor.moments.keys()


@given(
    st.lists(st.integers(1, 40), max_size=60),
    st.sampled_from([2, 3, PAGE_SIZE]),
    st.lists(st.integers(0, 60), max_size=8),
    st.booleans(),
)
def test_anchored_pages_pass_over_nothing_while_calls_are_updated(
    moments: list[int],
    size: int,
    updates: list[int],
    total: bool,  # noqa: FBT001
) -> None:
    vendor = UpdatedCalls(moments, size, updates, total)
    try:
        found = read_updates(vendor)
    except Disturbed:
        assert vendor.requests > 1
        return
    still = {key for key, moment in vendor.moments.items() if moment < vendor.end}
    assert still <= found.calls.keys()


def read_updates(vendor: UpdatedCalls) -> Pass:
    reading = AnchoredPages(Limits(PAGE_SIZE), Knowledge())
    waiting = reading.opening()
    while waiting:
        position = waiting.pop()
        waiting += reading.take(position, vendor.answer(position))
        assert vendor.requests <= 3 * len(vendor.moments) + 20, "never ends"
    reading.prove()
    return reading


# What the properties have taught, and what they cannot show.


def test_a_single_updated_call_is_read_without_disturbance() -> None:
    assert len(read_updates(UpdatedCalls([5], PAGE_SIZE, [], total=False)).calls) == 1


def test_anchored_pages_refuse_another_order() -> None:
    reading = AnchoredPages(Limits(PAGE_SIZE), Knowledge())
    with pytest.raises(Disturbed, match="order"):
        reading.take(Position(), Page([a_call(1, 9), a_call(2, 3)]))


def test_a_total_of_a_billion_is_not_trusted() -> None:
    vendor = Vendor(list(range(10)), Habits(total=10**9))
    with pytest.raises(Disturbed):
        read(NumberedPages, vendor)
    assert vendor.requests <= 2 * PAGES_AT_ONCE


def test_a_total_of_a_billion_is_not_trusted_page_by_page() -> None:
    reading = NumberedPages(Limits(2), Knowledge())
    under_way = reading.opening()
    for first in range(10, 100, 2):
        page = Page([a_call(first), a_call(first + 1)], total=10**9)
        under_way += reading.take(under_way.pop(0), page)
        assert len(under_way) <= PAGES_AT_ONCE


def test_a_deletion_made_up_for_by_an_insertion_cannot_be_seen_in_numbered_pages() -> None:
    vendor = Vendor(list(range(30)), Habits(), [(2, 0, False), (2, 29, True)])
    found = read(NumberedPages, vendor, seed=0)
    assert not vendor.lasting <= found.calls.keys()


def test_the_same_is_seen_where_pages_overlap() -> None:
    vendor = Vendor(list(range(30)), Habits(), [(2, 0, False), (2, 29, True)])
    with pytest.raises(Disturbed, match="no longer there"):
        read(OffsetPages, vendor)


def test_a_full_page_without_a_next_cursor_is_too_many() -> None:
    vendor = Vendor(list(range(PAGE_SIZE)), Habits(total=None, last_next=False))
    with pytest.raises(TooMany) as reason:
        read(CursorPages, vendor)
    assert reason.value.at_cap


def test_a_repeated_cursor_is_a_disturbance() -> None:
    with pytest.raises(Disturbed, match=r"cursor came back|come before"):
        read(CursorPages, Vendor(list(range(30)), Habits(total=None, loops=True)))


def test_a_repeated_cursor_is_a_disturbance_even_with_new_calls() -> None:
    reading = CursorPages(Limits(PAGE_SIZE), Knowledge())
    (first,) = reading.opening()
    (second,) = reading.take(first, Page([a_call(1)], next="a"))
    with pytest.raises(Disturbed, match="came back"):
        reading.take(second, Page([a_call(2)], next="a"))


def test_an_empty_page_with_a_next_one_is_not_the_end() -> None:
    reading = CursorPages(Limits(1), Knowledge())
    (first,) = reading.opening()
    (second,) = reading.take(first, Page([a_call(1)], next="a"))
    (third,) = reading.take(second, Page([], next="b"))
    (fourth,) = reading.take(third, Page([a_call(2)], next="c"))
    (fifth,) = reading.take(fourth, Page([], next="d"))
    assert reading.take(fifth, Page([], next="e")) == []
    reading.prove()
    assert set(reading.calls) == {1, 2}


def test_a_page_that_repeats_some_calls_of_one_stamp_counts_them_and_is_a_disturbance() -> None:
    reading = CursorPages(Limits(3), Knowledge())
    (first,) = reading.opening()
    (second,) = reading.take(first, Page([a_call(n, 5) for n in (1, 2, 3)], next="a"))
    with pytest.raises(Disturbed, match="had come before"):
        reading.take(second, Page([a_call(n, 5) for n in (2, 4, 5)], next="b"))


def test_a_cursor_by_value_may_come_back_to_all_calls_of_its_stamp() -> None:
    reading = CursorPages(Limits(3), Knowledge())
    (first,) = reading.opening()
    calls = [a_call(1, 4), a_call(2, 5), a_call(3, 5)]
    (second,) = reading.take(first, Page(calls, next="a"))
    reading.take(second, Page([a_call(4, 5), a_call(3, 5), a_call(2, 5)], next="b"))
    assert len(reading.calls) == 4


def test_a_count_beside_the_page_beyond_the_last_one_does_not_move_the_total() -> None:
    reading = NumberedPages(Limits(2), Knowledge())
    (first,) = reading.opening()
    (beyond,) = reading.take(first, Page([a_call(1)], total=1))
    assert beyond.beyond
    assert reading.take(beyond, Page([], total=0)) == []
    reading.prove()


def test_a_total_is_not_trusted_for_the_sake_of_one_page_that_came_twice() -> None:
    knowledge = Knowledge()
    reading = NumberedPages(Limits(3), knowledge)
    (first,) = reading.opening()
    page = Page([a_call(n) for n in (1, 2, 3)], total=3)
    (second,) = reading.take(first, page)
    reading.take(second, page)
    reading.prove()
    assert not knowledge.total_holds


def test_a_page_that_repeats_under_new_cursors_is_a_disturbance() -> None:
    reading = CursorPages(Limits(2), Knowledge())
    (first,) = reading.opening()
    (second,) = reading.take(first, Page([a_call(1), a_call(2)], next="a"))
    with pytest.raises(Disturbed, match="had come before"):
        reading.take(second, Page([a_call(1), a_call(2)], next="b"))


def test_updates_of_what_was_read_do_not_disturb_anchored_pages() -> None:
    vendor = UpdatedCalls(list(range(1, 60, 2)), PAGE_SIZE, [2, 1, 0], total=True)
    assert len(read_updates(vendor).calls) == 30


def test_the_dialect_of_the_cursor_is_learnt_once() -> None:
    knowledge = Knowledge()
    habits = Habits(total=None, dialect="dot")
    read(CursorPages, Vendor(list(range(30)), habits), knowledge=knowledge)
    again = Vendor(list(range(30)), habits)
    assert len(read(CursorPages, again, knowledge=knowledge).calls) == 30
    assert again.requests == 4


@pytest.mark.parametrize("kind", [NumberedPages, OffsetPages])
def test_a_known_cap_splits_before_all_pages_are_asked_for(kind: type[Pass]) -> None:
    vendor = Vendor(list(range(40)), Habits())
    reading = kind(Limits(PAGE_SIZE, cap=40), Knowledge())
    with pytest.raises(TooMany) as reason:
        reading.take(reading.opening()[0], vendor.answer(kind, reading.opening()[0]))
    assert (reason.value.at_cap, reason.value.calls) == (True, 40)


@pytest.mark.parametrize("kind", [CursorPages, OffsetPages])
def test_more_calls_than_fit_split_a_window_without_a_total(kind: type[Pass]) -> None:
    vendor = Vendor(list(range(60)), Habits(total=None))
    with pytest.raises(TooMany) as reason:
        read(kind, vendor, limits=Limits(PAGE_SIZE, most_calls=25))
    assert not reason.value.at_cap
    assert vendor.requests <= 4


@pytest.mark.parametrize(
    ("count", "total", "looks_cut"),
    [
        (50, 0, True),
        (51, 0, True),
        (54, 0, False),
        (127, 0, True),
        (1234, 0, False),
        (100, None, True),
        (30, None, True),
        (34, None, False),
    ],
)
def test_results_that_end_at_a_round_number_or_a_full_page_look_like_a_cap(
    count: int,
    total: int | None,
    looks_cut: bool,  # noqa: FBT001
) -> None:
    vendor = Vendor(list(range(count)), Habits(total=total))
    kind = NumberedPages if total == 0 else CursorPages
    knowledge = Knowledge()
    found = read(kind, vendor, knowledge=knowledge)
    assert found.ends_like_a_cap == looks_cut
    knowledge.largest_trusted = count + 1
    assert not found.ends_like_a_cap


def test_a_refusal_of_a_page_that_need_not_exist_is_expected() -> None:
    reading = NumberedPages(Limits(PAGE_SIZE), Knowledge())
    page = Vendor(list(range(PAGE_SIZE)), Habits()).answer(NumberedPages, Position(1))
    (position,) = reading.take(reading.opening()[0], page)
    assert position == Position(2, beyond=True)
