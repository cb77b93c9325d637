"""Stories of a vendor's world and of runs of the tap, and what they promise of the warehouse.

A story is drawn by Hypothesis and told by `tell`. Its promise is what README and settings say:

- A call is there if the vendor showed it within the lookback of its date (as the vendor's filter
  means it), or within the largest revisit age once that age has come.
- A call dated at the very moment when a run begins belongs to the next run.
- Its latest change is there if it came within the lookback of the call's date, or while the call
  was unfinished and younger than `unfinished_call_hours`, or within the largest revisit age.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hypothesis import strategies as st

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.windows import floor
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.vendors import VENDORS
from tests.support.in_process import (
    NAMES,
    NOON,
    STREAMS,
    Clock,
    KilledError,
    Run,
    made_call,
    run_tap,
    truth,
)
from tests.support.in_process import made_world as world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_callhistory.sandbox.world.call import Call
    from tap_callhistory.sandbox.world.world import World

START = NOON - timedelta(days=40)
UNFINISHED = timedelta(hours=6)
OLDEST_AGE_HOURS = 48
#: Bounds are asked for in steps of up to a minute; a promise does not turn on that.
MARGIN = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)
#: Their pages have no overlap: a deletion made up for by an insertion cannot be seen in them.
NUMBERED = frozenset({"kavenegar", "utel"})


@dataclass(frozen=True)
class Quiet:
    """Time passes; what is scheduled happens."""

    minutes: int


@dataclass(frozen=True)
class Appear:
    """Calls are shown for the first time, late or not, perhaps in one second, perhaps unfinished.

    Attributes:
        count: How many.
        late: Minutes since they were placed.
        apart: Seconds between two of them.
        lasts: Minutes from being placed to being over.
        recording: Minutes from the end to the recording; None without one.
    """

    count: int
    late: int
    apart: int
    lasts: int
    recording: int | None


@dataclass(frozen=True)
class Change:
    """A call that is over gets a (new) recording now."""

    which: int


@dataclass(frozen=True)
class Delete:
    """The vendor forgets a call."""

    which: int


Event = Quiet | Appear | Change | Delete


@dataclass(frozen=True)
class Sync:
    """A run of the tap.

    Attributes:
        settings: Its settings.
        page_size: The vendor's page size.
        seed: The order in which answers come.
        kill_at_request: The request at which it is killed.
        kill_at_line: The message at which it is killed.
        keep_all: The target keeps also what came after the last STATE.
        ledger_lost: The target has flushed the calls, and none of the ledger's rows, when it is
            killed with the tap.
        meanwhile: What happens before its requests, by their numbers.
    """

    settings: dict[str, Any]
    page_size: int
    seed: int
    kill_at_request: int | None = None
    kill_at_line: int | None = None
    keep_all: bool = False
    ledger_lost: bool = False
    meanwhile: tuple[tuple[int, Event], ...] = ()


@dataclass(frozen=True)
class Story:
    """A vendor, its habits, and what happens."""

    vendor: str
    behaviour: Behaviour
    by_updates: bool
    comfortable: int
    first_window_hours: int
    revisited: bool
    steps: tuple[Event | Sync, ...]

    @property
    def date(self) -> str:
        return "updated" if self.by_updates else self.behaviour.filter_field

    @property
    def may_fail(self) -> bool:
        """Whether the vendor lies in a way that can be noticed and not be mended."""
        habits = self.behaviour
        lies = habits.total in {"all", "lie"} or habits.cursor_dialect == "loop"
        # A full page without a way on cannot be told from a cap, and Kavenegar's refusals do not
        # say that a window is too long.
        silent = self.vendor == "kavenegar" and habits.largest_span_days is not None
        return lies or silent or not habits.cursor_always_next


quiets = st.builds(Quiet, st.sampled_from([1, 7, 45, 120, 600, 1500]))
appearances = st.builds(
    Appear,
    count=st.integers(1, 12),
    late=st.sampled_from([0, 0, 1, 20, 50, 59, 70, 300, 2000]),
    apart=st.sampled_from([0, 1, 17, 600]),
    lasts=st.sampled_from([0, 1, 15, 80, 240, 500]),
    recording=st.sampled_from([None, None, 0, 1, 30, 1000]),
)
changes = st.builds(Change, st.integers(0, 200))
deletions = st.builds(Delete, st.integers(0, 200))
HABITS: dict[str, dict[str, Any]] = {
    "kavenegar": {
        "parameter_resolution": st.sampled_from(["", "second", "minute"]),
        "clamp_pages": st.booleans(),
    },
    "utel": {"clamp_pages": st.booleans()},
    "etelecom": {
        "cursor_dialect": st.sampled_from(["plain", "plain", "dot", "dot", "loop"]),
        "cursor_always_next": st.booleans(),
    },
    "twin": {},
    "cinnox": {"errors_in_ok": st.booleans()},
}


@st.composite
def behaviour(draw: st.DrawFn, vendor: str) -> Behaviour:
    """A vendor's habits, within what its pages leave open."""
    total, cap = "", 0
    if draw(st.booleans()):
        cap = draw(st.sampled_from([50, 100]))
        total = draw(st.sampled_from(["", "capped"]))
    elif vendor in {"kavenegar", "utel", "twin"}:
        total = draw(st.sampled_from(["", "", "", "all", "lie"]))
        if vendor == "twin" and draw(st.booleans()):
            total = "none"
    if vendor in {"etelecom", "cinnox"}:
        total = ""
    return Behaviour(
        bounds=draw(st.sampled_from(["[]", "[)", "(]", "()"])),
        filter_field=draw(st.sampled_from(["created", "started", "finished", "updated"])),
        largest_page=draw(st.sampled_from([0, 3, 5])),
        oversize="cut",
        order=draw(st.sampled_from(["", "newest", "oldest", "id"])),
        total=total,  # type: ignore[arg-type]
        result_cap=cap,
        largest_span_days=draw(st.sampled_from([None, None, 2, 9])),
        **{name: draw(habit) for name, habit in HABITS[vendor].items()},
    )


@st.composite
def syncs(draw: st.DrawFn, *, vendor: str, meanwhile: bool, revisited: bool) -> Sync:
    """A run, perhaps killed, perhaps while the world changes."""
    kill = draw(st.sampled_from(["", "", "request", "line"]))
    ages = [*draw(st.sampled_from([[], [3], [24], [3, 24]])), OLDEST_AGE_HOURS]
    settings = {
        "lookback_hours": draw(st.sampled_from([1, 1, 2, 30])),
        "concurrency": draw(st.integers(1, 4)),
        "revisit_hours": ages if revisited else [],
        "start_date": draw(st.sampled_from([START, START - timedelta(days=9)])).isoformat(),
    }
    kinds: list[st.SearchStrategy[Event]] = [quiets]
    if meanwhile:
        kinds += [appearances, changes] if draw(st.booleans()) else [deletions, changes]
    events = st.tuples(st.integers(1, 30), st.one_of(kinds))
    return Sync(
        settings=settings,
        page_size=draw(st.sampled_from([2, 3, 5, 10, 40])),
        seed=draw(st.integers(0, 9)),
        kill_at_request=draw(st.integers(1, 40)) if kill == "request" else None,
        kill_at_line=draw(st.integers(0, 60)) if kill == "line" else None,
        keep_all=draw(st.booleans()),
        ledger_lost=draw(st.booleans()),
        meanwhile=tuple(draw(st.lists(events, max_size=3))) if vendor else (),
    )


@st.composite
def stories(draw: st.DrawFn, vendor: str | None = None) -> Story:
    """Anything that may happen between a vendor, the world and the tap."""
    vendor = vendor or draw(st.sampled_from(NAMES))
    by_updates = vendor == "twin" and draw(st.booleans())
    habits = draw(behaviour(vendor))
    revisited = draw(st.booleans())
    moving = habits.filter_field in {"started", "finished", "updated"}
    # Where calls leave a window as they change, nothing may be put into it at the same time.
    meanwhile = not (vendor in NUMBERED and moving)
    sync = syncs(vendor=vendor, meanwhile=meanwhile, revisited=revisited)
    steps = st.one_of(quiets, appearances, appearances, changes, deletions, sync, sync)
    return Story(
        vendor=vendor,
        behaviour=habits,
        by_updates=by_updates,
        comfortable=draw(st.sampled_from([4, 15, 2000])),
        first_window_hours=draw(st.sampled_from([1, 24, 24 * 60])),
        revisited=revisited,
        steps=(*draw(st.lists(steps, min_size=1, max_size=12)), draw(sync)),
    )


class Telling:
    """A story as it goes: the world, the state, the target's table, the promises."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.clock = Clock(NOON)
        self.world: World = world_of(story.vendor, [], self.clock, story.behaviour)
        self.state: dict[str, Any] = {}
        self.table: dict[Any, dict[str, Any]] = {}
        self.windows: list[dict[str, Any]] = []
        self.shown: dict[int, datetime] = {}
        self.changed: dict[int, datetime] = {}
        self.deleted: set[Any] = set()
        self.lookback = timedelta(hours=30)
        self.runs: list[Run] = []
        self._next = 1

    # What happens.

    def happen(self, event: Event) -> None:
        match event:
            case Quiet(minutes):
                self.clock.advance(minutes * MINUTE)
            case Appear():
                for index in range(event.count):
                    self._appear(event, index)
            case Change(which):
                self._change(which)
            case Delete(which):
                self._delete(which)

    def _appear(self, event: Appear, index: int) -> None:
        now = self.clock()
        created = now - event.late * MINUTE - timedelta(seconds=event.apart * index)
        ended = created + event.lasts * MINUTE + timedelta(seconds=6)
        recording = None if event.recording is None else ended + event.recording * MINUTE
        call = made_call(
            self._next,
            created,
            ended_at=ended,
            recording_ready_at=recording,
            published_at=now,
        )
        self.world.add(call)
        self.shown[self._next] = now
        self._next += 1

    def _some(self, which: int) -> Call | None:
        numbers = sorted(self.shown)
        return self.world.call(numbers[which % len(numbers)]) if numbers else None

    def _change(self, which: int) -> None:
        call, now = self._some(which), self.clock()
        if call is None or call.ended_at > now:
            return
        self.world.replace(replace(call, recording_ready_at=now))
        self.changed[call.sequence] = now

    def _delete(self, which: int) -> None:
        call = self._some(which)
        if call is not None:
            self.world.delete(call.sequence)
            del self.shown[call.sequence]
            self.deleted.add(self.world.api.call_id(call))

    # Runs.

    def run(self, sync: Sync) -> Run:
        self.clock.advance(timedelta(seconds=1))
        began = self.clock()
        self.lookback = min(self.lookback, timedelta(hours=sync.settings["lookback_hours"]))
        events = list(sync.meanwhile)

        def before(number: int) -> None:
            if number == sync.kill_at_request:
                raise KilledError
            while events and number >= events[0][0]:
                self.clock.advance(timedelta(seconds=1))
                self.happen(events.pop(0)[1])

        with small_windows(self.story):
            run = run_tap(
                self.world,
                began=began,
                state=self.state,
                before_request=before,
                kill_after_lines=sync.kill_at_line,
                seed=sync.seed,
                sizes=small_sizes(self.story.comfortable),
                vendor=self._vendor_settings(sync),
                **sync.settings,
            )
        self.check_states(run, began)
        self._load(run, sync)
        self.check_ledger(run)
        self.runs.append(run)
        return run

    def _vendor_settings(self, sync: Sync) -> dict[str, Any]:
        own = {"page_size": sync.page_size}
        return own | {"date_field_parameter": "dateField"} if self.story.by_updates else own

    def _load(self, run: Run, sync: Sync) -> None:
        """What a target keeps: of a killed run all before the last STATE, perhaps some more."""
        known = len(self.windows)
        states = run.states()
        pending: list[dict[str, Any]] = []
        for line in run.lines:
            if line["type"] == "RECORD":
                pending.append(line)
            elif line["type"] == "STATE":
                self._flush(pending)
                pending = []
                self.state = line["value"]
        if sync.keep_all or not run.killed:
            self._flush(pending)
        if sync.ledger_lost and run.killed and states:
            del self.windows[known:]
            self.state["bookmarks"][LEDGER] = states[0]["bookmarks"][LEDGER]

    def _flush(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if line["stream"] == LEDGER:
                self.windows.append(line["record"])
            else:
                self.table[line["record"]["id"]] = line["record"]

    # What must hold.

    def bookmark(self, state: dict[str, Any]) -> dict[str, Any]:
        own: dict[str, Any] = state.get("bookmarks", {}).get(STREAMS[self.story.vendor], {})
        return own

    def check_states(self, run: Run, began: datetime) -> None:
        """Bookmarks are of fixed width, never move back, and never lie beyond what was read."""
        before = self.bookmark(self.state)
        for state in run.states():
            now = self.bookmark(state)
            if not now:
                continue
            value = now["replication_key_value"]
            assert value == fixed_width(parse_instant(value))
            assert before.get("replication_key_value", "") <= value <= fixed_width(began)
            for age, mark in now["revisits"].items():
                latest = began - timedelta(hours=float(age))
                assert before.get("revisits", {}).get(age, "") <= mark <= fixed_width(latest)
            before = now

    def check_ledger(self, run: Run) -> None:
        """The table holds what every window claims, and the windows leave no gap to the mark."""
        for row in self.windows:
            if not row["moving"]:
                assert (
                    self._loaded(row["read_by"], row["window_start"], row["window_end"])
                    >= (row["calls_written"])
                )
            assert row["calls_written"] <= row["calls"]
        new = [row for row in run.windows() if row["purpose"] == "new"]
        if self.story.by_updates and new and not run.killed:
            born = sum(row["calls_born"] for row in new)
            assert self._loaded("created_at", new[0]["window_start"], new[-1]["window_end"]) >= born
        marks = self.state.get("bookmarks", {}).get(LEDGER, {}).get("entered_until", {})
        # A run without a state may begin at a later start_date than one that was killed before it.
        reached = fixed_width(START)
        windows = sorted(
            (row["window_start"], row["window_end"])
            for row in self.windows
            if row["window_end"] > reached
        )
        for start, end in windows:
            assert start <= reached, f"no window in the ledger from {reached} to {start}"
            reached = max(reached, end)
        if windows:
            assert marks[STREAMS[self.story.vendor]] <= max(reached, fixed_width(START))
        if run.failure is None and not run.killed:
            assert self.bookmark(self.state)["replication_key_value"] <= reached

    def _loaded(self, column: str, start: str, end: str) -> int:
        return sum(start <= row[column] < end for row in self.table.values())

    def check_hold(self, run: Run, before: dict[str, Any], began: datetime) -> None:
        """The bookmark has not passed the beginning of an unfinished young call that came."""
        came = run.table()
        after = self.bookmark(self.state).get("replication_key_value")
        for number in self.shown:
            call = self.world.call(number)
            young = call.created_at >= began - UNFINISHED + MARGIN
            young = young and self.world.api.call_id(call) in came
            if after and young and self.unfinished_until(call) > self.clock():
                passed = before.get("replication_key_value", "")
                # A window that ended before the vendor's date of the call may have been bookmarked.
                date = self.date(call, began)
                assert after <= max(passed, fixed_width(date))

    def unfinished_until(self, call: Call) -> datetime:
        """When the vendor's record stops saying that more is to come."""
        if self.story.vendor == "utel":
            return call.created_at
        if self.story.vendor == "cinnox":
            return max(call.ended_at, call.recording_ready_at or call.ended_at)
        return call.ended_at

    def date(self, call: Call, at: datetime) -> datetime:
        """What the vendor's window is about, at some instant."""
        return self.world.api.dated(call, self.story.date, at)[0]  # type: ignore[arg-type]

    def moments(self, call: Call) -> Iterator[datetime]:
        """When the call's record was shown or changed, up to now."""
        shown = self.shown[call.sequence]
        yield shown
        past = [*call.changes, self.changed.get(call.sequence, shown)]
        yield from (moment for moment in past if shown < moment <= self.clock())

    def belongs_to_the_next_run(self, call: Call) -> bool:
        """Whether it is dated where the run's history ended: at its beginning, floored."""
        endpoint = next(each for each in VENDORS if each.vendor == self.story.vendor)
        return self.date(call, self.clock()) >= floor(self.clock(), endpoint.resolution)

    def is_promised(self, call: Call, reach: timedelta) -> bool:
        moments = list(self.moments(call))
        if self.belongs_to_the_next_run(call):
            return False
        return any(moment - self.date(call, moment) <= reach - MARGIN for moment in moments)

    def is_promised_fresh(self, call: Call, reach: timedelta) -> bool:
        """Whether the latest change must be there, too."""
        last = max(self.moments(call))
        if self.belongs_to_the_next_run(call):
            return False
        if last - self.date(call, last) <= reach - MARGIN:
            return True
        until = self.unfinished_until(call)
        held = last <= until <= call.created_at + UNFINISHED - MARGIN
        shown = self.shown[call.sequence]
        in_time = shown - self.date(call, shown) <= self.lookback - MARGIN
        return held and in_time

    def check_table(self, reach: timedelta) -> None:
        """Every promised call is there, fresh where promised, and nothing is made up."""
        true = truth(self.world)
        for number in self.shown:
            call = self.world.call(number)
            key = self.world.api.call_id(call)
            if self.is_promised(call, reach):
                assert key in self.table, f"{key} of {call.created_at} is lost"
            if key in self.table and self.is_promised_fresh(call, reach):
                assert self.table[key] == true[key]
        assert self.table.keys() <= true.keys() | self.deleted


def small_sizes(few: int) -> Sizes:
    """Let a few dozen calls make many windows."""
    return Sizes(
        comfortable_pages=1,
        fewest_comfortable_calls=few,
        most_comfortable_calls=few,
        most_calls=3 * few,
        look_ahead_calls=3 * few,
    )


class small_windows:  # noqa: N801 - reads as a statement
    """Let the first window be short."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._stack = ExitStack()

    def __enter__(self) -> None:
        first = timedelta(hours=self._story.first_window_hours)
        stream = next(each for each in VENDORS if each.vendor == self._story.vendor)
        self._stack.enter_context(patch.object(stream, "first_window", first))

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def tell(story: Story) -> Telling:
    """Let a story happen, and hold it to its promises."""
    telling = Telling(story)
    for step in story.steps:
        if isinstance(step, Sync):
            telling.run(step)
        else:
            telling.happen(step)
    if not _quiet_end(telling, telling.lookback):
        return telling
    if story.revisited:
        telling.clock.advance(timedelta(hours=OLDEST_AGE_HOURS + 24))
        _quiet_end(telling, timedelta(hours=OLDEST_AGE_HOURS))
    return telling


def _quiet_end(telling: Telling, reach: timedelta) -> bool:
    """A last run that nothing disturbs; afterwards the table is as promised."""
    last = telling.story.steps[-1]
    assert isinstance(last, Sync)
    before = telling.bookmark(telling.state)
    began = telling.clock.instant + timedelta(seconds=1)
    calm = replace(last, kill_at_request=None, kill_at_line=None, meanwhile=())
    run = telling.run(calm)
    if run.failure is not None:
        assert telling.story.may_fail, run.failure
        return False
    telling.check_hold(run, before, began)
    telling.check_table(reach)
    return True
