"""A story as it happens, and what must hold of the table that the target keeps.

A story's promise is what README and settings say:

- A call is there if the vendor showed it within the lookback of its date (as the vendor's filter
  means it), or within the largest revisit age once that age has come.
- A call dated at the very moment when a run begins belongs to the next run.
- Its latest change is there if it came within the lookback of the call's date, or while the call
  was unfinished and younger than `unfinished_call_hours`, or within the largest revisit age.
- A run that fails, or leaves a window behind, has a reason in what the vendor does, names the
  window, and has moved no bookmark past it. A loss without a word never has one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.windows import Window, floor, merged
from tap_callhistory.vendors import VENDORS
from tests.support.call_stories import (
    OLDEST_AGE_HOURS,
    START,
    Appear,
    Change,
    Delete,
    Event,
    Quiet,
    Story,
    Sync,
)
from tests.support.drawn_hardships import may_lack_calls, reasons
from tests.support.in_process import (
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
    from collections.abc import Iterator, Sequence

    from tap_callhistory.sandbox.world.call import Call
    from tap_callhistory.sandbox.world.world import World

UNFINISHED = timedelta(hours=6)
#: Bounds are asked for in steps of up to a minute; a promise does not turn on that.
MARGIN = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)
#: How far the end of history moves back for a vendor that refuses it.
LONGEST_TRIM = timedelta(hours=1) + MARGIN


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
        self.began = self.clock()
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
        began = self.began = self.clock()
        self.lookback = min(self.lookback, timedelta(hours=sync.settings["lookback_hours"]))
        events = list(sync.meanwhile)

        def before(number: int) -> None:
            if number == sync.kill_at_request:
                raise KilledError
            while events and number >= events[0][0]:
                self.clock.advance(timedelta(seconds=1))
                self.happen(events.pop(0)[1])

        run = run_tap(
            self.world,
            began=began,
            state=self.state,
            before_request=before,
            kill_after_lines=sync.kill_at_line,
            seed=sync.seed,
            sizes=small_sizes(self.story),
            vendor=self._vendor_settings(sync),
            faults=self.story.faults,
            pass_by=self.clock.advance if self._waits else None,
            **sync.settings,
        )
        self.runs.append(run)
        self.check_states(run, began)
        bookmark = self.bookmark(self.state).get("replication_key_value", "")
        self._load(run, sync)
        self.check_ledger(run, bookmark)
        return run

    @property
    def _waits(self) -> bool:
        """Whether the vendor wants to be waited for; else waits take no time."""
        return self.story.behaviour.hardship.fresh_token_seconds > 0

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

    def check_ledger(self, run: Run, bookmark: str) -> None:
        """The table holds what every window claims, and the windows leave no gap to the mark.

        Args:
            run: The run.
            bookmark: Where the bookmark was before it.
        """
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
        if not run.killed:
            # Where the target has lost rows of the ledger, the bookmark was further on before; a
            # run that fails, or is refused the end of history, may not come so far again.
            to_its_end = run.failure is None
            to_its_end = to_its_end and not self.story.behaviour.hardship.youngest_end_minutes
            most = reached if to_its_end else max(reached, bookmark)
            assert self.bookmark(self.state).get("replication_key_value", "") <= most

    def _loaded(self, column: str, start: str, end: str) -> int:
        return sum(start <= row[column] < end for row in self.table.values())

    def check_end(self, run: Run, sync: Sync, oldest: timedelta) -> None:
        """A run that fails, or leaves a window behind, has a reason and says where."""
        left = [row for row in run.windows() if not row["complete"]]
        if run.failure is None and not left:
            return
        found = list(self._reasons(sync, oldest))
        ends_runs = any(not of_windows for _, of_windows in found) or self.story.lies
        if run.failure is not None:
            keeps = sync.settings["on_incomplete_window"] == "continue"
            assert ends_runs or (found and not keeps), f"no reason for: {run.failure}"
            assert "a defect of the tap" not in str(run.failure)
            names_it = re.search(r"window|login|second factor", str(run.failure))
            assert names_it or ends_runs, f"no window is named: {run.failure}"
        for row in left:
            assert found or self.story.lies, f"no reason for: {row}"
            assert row["reason"]

    def _reasons(self, sync: Sync, oldest: timedelta) -> Iterator[tuple[str, bool]]:
        return reasons(
            self.story.vendor,
            self.story.behaviour,
            sync.settings,
            page_size=sync.page_size,
            faulty=self.story.faults is not None,
            dates=[self.date(self.world.call(number), self.began) for number in self.shown],
            oldest=oldest,
        )

    def oldest_asked(self, sync: Sync) -> timedelta:
        """The age of the oldest history that a run will ask for."""
        mine = self.bookmark(self.state)
        entered = self.state.get("bookmarks", {}).get(LEDGER, {}).get("entered_until", {})
        known = [mine.get("replication_key_value"), *mine.get("revisits", {}).values()]
        starts = [sync.settings["start_date"]]
        # Where no calls have come yet, history is asked for once more when the first ones do.
        if all(known) and mine.get("calls_per_day") != "0":
            starts = [*known, *entered.values(), *_starts(mine.get("incomplete_windows", []))]
        first = min(map(parse_instant, starts))
        return self.clock() - first + timedelta(hours=sync.settings["lookback_hours"]) + MARGIN

    def was_left_behind(self, call: Call) -> bool:
        """Whether a window with it was told to be incomplete."""
        date = fixed_width(self.date(call, self.began) + MARGIN)
        before = fixed_width(self.date(call, self.began) - MARGIN)
        return any(
            not row["complete"] and row["window_start"] <= date and before <= row["window_end"]
            for row in self.windows
        )

    def check_windows(self, run: Run) -> None:
        """What a window of an undisturbed run claims to hold whole is in the table, failed or not.

        The run may have ended before it came to the rest.
        """
        if self.lacks:
            return
        whole = merged(
            Window(parse_instant(row["window_start"]), parse_instant(row["window_end"]))
            for row in run.windows()
            if row["complete"] and row["read_by"] != "updated_at"
        )
        for number in self.shown:
            call = self.world.call(number)
            date, key = self.date(call, self.began), self.world.api.call_id(call)
            within = any(w.start + MARGIN <= date < w.end - MARGIN for w in whole)
            assert not within or key in self.table, f"{key} of {date} lacks in a whole window"

    @property
    def lacks(self) -> bool:
        """Whether calls may be lost without any sign of it."""
        story = self.story
        return may_lack_calls(story.vendor, story.behaviour, by_updates=story.by_updates)

    def check_hold(self, run: Run, before: dict[str, Any], began: datetime) -> None:
        """The bookmark has not passed the beginning of an unfinished young call that came.

        Unless its window was believed to hold none, and was read once more at the end.
        """
        if self.lacks:
            return
        came = run.table()
        after = self.bookmark(self.state).get("replication_key_value")
        for number in self.shown:
            call = self.world.call(number)
            young = call.created_at >= began - UNFINISHED + MARGIN
            young = young and self.world.api.call_id(call) in came
            if after and young and self.unfinished_until(call) > self.clock():
                passed = before.get("replication_key_value", "")
                # A window that ended before the vendor's date of the call may have been bookmarked,
                # and new history is before a revisit finds a call.
                date = fixed_width(self.date(call, began))
                new = [row["window_start"] for row in run.windows() if row["purpose"] == "new"]
                assert after <= max(passed, date) or date < min(new, default="")

    def unfinished_until(self, call: Call) -> datetime:
        """When the vendor's record stops saying that more is to come.

        A recording that nobody foresaw is told of once it is there.
        """
        if self.story.vendor == "utel":
            return call.created_at
        if self.story.vendor == "cinnox" and call.sequence not in self.changed:
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
        yield from (moment for moment in past if shown < moment <= self.began)

    def belongs_to_the_next_run(self, call: Call) -> bool:
        """Whether it is dated where the run's history ended: at its beginning, floored."""
        endpoint = next(each for each in VENDORS if each.vendor == self.story.vendor)
        habits, end = self.story.behaviour, self.began
        spans = habits.largest_span_days or habits.hardship.youngest_end_minutes
        hardship = habits.hardship
        fails = hardship.heavy_calls or hardship.broken_call or hardship.blinks_every
        if spans or fails or habits.cap_style == "error":
            # A refusal may be about the end, which is then moved back; the bookmark stays there.
            new = [row["window_end"] for row in self.runs[-1].windows() if row["purpose"] == "new"]
            read_until = parse_instant(max(new, default=fixed_width(end)))
            end = max(min(end, read_until), end - LONGEST_TRIM)
        return self.date(call, self.began) >= floor(end, endpoint.resolution)

    def is_promised(self, call: Call, reach: timedelta) -> bool:
        moments = list(self.moments(call))
        if self.belongs_to_the_next_run(call) or self.was_left_behind(call):
            return False
        return any(moment - self.date(call, moment) <= reach - MARGIN for moment in moments)

    def is_promised_fresh(self, call: Call, reach: timedelta) -> bool:
        """Whether the latest change must be there, too."""
        last = max(self.moments(call))
        changes = any(self.began < moment <= self.clock() for moment in call.changes)
        has_two_rows = call.sequence == self.story.behaviour.hardship.twice
        if self.belongs_to_the_next_run(call) or changes or has_two_rows:
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
            if self.is_promised(call, reach) and not self.lacks:
                assert key in self.table, f"{key} of {call.created_at} is lost"
            fresh = self.is_promised_fresh(call, reach) and not self.was_left_behind(call)
            if key in self.table and fresh and not self.lacks:
                assert self.table[key] == true[key]
        assert self.table.keys() <= true.keys() | self.deleted


def small_sizes(story: Story) -> Sizes:
    """Let a few dozen calls make many windows, the first one as short as the story says."""
    few = story.comfortable
    return Sizes(
        comfortable_pages=1,
        fewest_comfortable_calls=few,
        most_comfortable_calls=few,
        most_calls=3 * few,
        look_ahead_calls=3 * few,
        first_window=timedelta(hours=story.first_window_hours),
    )


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
    oldest = telling.oldest_asked(last)
    calm = replace(last, kill_at_request=None, kill_at_line=None, meanwhile=())
    run = telling.run(calm)
    telling.check_end(run, calm, oldest)
    telling.check_windows(run)
    if run.failure is not None:
        return False
    telling.check_hold(run, before, began)
    telling.check_table(reach)
    return True


def _starts(windows: Sequence[Any]) -> Iterator[str]:
    """Where windows of the state begin."""
    yield from (window[0] for window in windows)
