"""Reads spans of history completely and in order, several windows and pages at a time.

One thread, the caller's, keeps the books: which windows are under way, which page to ask for
next, what is whole. Workers only fetch pages. So nothing here needs a lock, and what leaves is in
window order, however the answers came.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeGuard

from tap_callhistory.clocks import fixed_width
from tap_callhistory.errors import (
    CallHistoryError,
    IncompleteWindow,
    StoppedError,
    VendorRefusal,
)
from tap_callhistory.reading.pages import (
    Disturbed,
    Experience,
    Limits,
    Page,
    Pass,
    Position,
    TooMany,
)
from tap_callhistory.reading.tasks import PageRequest, Reading, ReadWindow, Split, Suspicion
from tap_callhistory.reading.windows import MONTH, Planner, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from threading import Event

    from tap_callhistory.reading.workers import Workers

#: How often a window is read before it is split, because its pages did not prove themselves.
PASSES_PER_WINDOW = 3
#: How often a window is halved for that reason: a vendor that still does not add up never will.
MOST_HALVINGS = 12
#: How often a part is split that holds as many calls as the whole did: the next one will, too.
MOST_SPLITS_IN_VAIN = 3
#: A window is planned to hold this many pages, within the two bounds after it.
COMFORTABLE_PAGES = 20
FEWEST_COMFORTABLE_CALLS = 2_000
MOST_COMFORTABLE_CALLS = 15_000
#: A window with more calls than this is split.
MOST_CALLS = 30_000
#: A page says little of a whole week: what is foreseen against experience must be so much more.
DOUBT = 3
#: A window that cannot be split is read whole up to so many, or a vendor could go on for ever.
MOST_CALLS_OF_AN_INSTANT = 500_000
#: Calls held in memory, read and not yet written, beyond which no further window is begun.
LOOK_AHEAD_CALLS = 30_000
#: A longer window may be refused for its length, whatever the refusal says.
SURELY_SHORT = timedelta(days=8)
#: How often the books are looked at while nothing arrives.
POLL_SECONDS = 0.25


class Source(Protocol):
    """What the reader needs of a vendor's stream."""

    @property
    def resolution(self) -> timedelta:
        """The smallest step of the vendor's date parameters."""

    @property
    def limits(self) -> Limits:
        """Page size and known cap."""

    @property
    def first_window(self) -> timedelta:
        """The length of the first window, when nothing is known of the history yet."""

    def new_pass(self, limits: Limits, experience: Experience) -> Pass:
        """A fresh pass over one window."""


@dataclass(slots=True)
class Tally:
    """What reading cost, and what it found, so far."""

    windows: int = 0
    rereads: int = 0
    splits: int = 0
    total: int | None = None


class Reader:
    """Reads spans of one stream's history, window by window, each proved to be whole."""

    def __init__(
        self,
        source: Source,
        workers: Workers[PageRequest, Page],
        *,
        concurrency: int,
        stop: Event,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Make a reader.

        Args:
            source: The stream.
            workers: Fetch the pages; their work is `source`'s.
            concurrency: How many windows are read at once, and how many requests are under way.
            stop: When set, reading ends with `StoppedError` at the next look at the books.
            tick: Called at least every `POLL_SECONDS` while waiting.
        """
        self.experience = Experience()
        self.tally = Tally()
        self._source = source
        self._workers = workers
        self._concurrency = concurrency
        self._stop = stop
        self._tick = tick
        self._queue: deque[Reading] = deque()
        self._under_way = 0
        self._longest_accepted = timedelta(0)
        pages = COMFORTABLE_PAGES * source.limits.page_size
        self._comfortable = min(max(pages, FEWEST_COMFORTABLE_CALLS), MOST_COMFORTABLE_CALLS)
        self._planner = self._plan([])

    def _plan(self, spans: Sequence[Window]) -> Planner:
        return Planner(
            spans,
            resolution=self._source.resolution,
            comfortable=self._comfortable,
            first=self._source.first_window,
        )

    def read(self, spans: Sequence[Window]) -> Iterator[ReadWindow]:
        """Read spans of history.

        Args:
            spans: In order, not overlapping.

        Yields:
            Windows read whole, in order, together covering the spans.

        Raises:
            IncompleteWindow: A window cannot be proved whole at the vendor's smallest resolution.
            CallHistoryError: What the transport or a record raised, after all windows before it
                have been yielded.
        """
        self._planner = self._plan(spans)
        while True:
            self._begin_windows()
            self._submit()
            if self._queue and self._may_leave(self._queue[0]):
                yield self._leave(self._queue.popleft())
            elif self._queue:
                self._wait()
            else:
                return

    def _begin_windows(self) -> None:
        while self._room_for_a_window() and (window := self._planner.next()):
            self._queue.append(self._begin(Reading(window)))

    def _room_for_a_window(self) -> bool:
        if not self._queue:
            return True
        if not self._planner.knows or any(reading.error for reading in self._queue):
            return False
        unsettled = sum(not reading.settled for reading in self._queue)
        held = sum(self._held_by(reading) for reading in self._queue)
        return unsettled < self._concurrency and held + self._comfortable <= LOOK_AHEAD_CALLS

    def _held_by(self, reading: Reading) -> int:
        """How many calls a window holds in memory, or will."""
        if reading.settled:
            return len(reading.calls or ())
        received = len(reading.current.calls) if reading.current else 0
        return max(received, self._comfortable)

    def _begin(self, reading: Reading) -> Reading:
        """Begin a pass over a window, the first one or another one."""
        splittable = reading.window.can_split(self._source.resolution)
        helps = splittable and not self.experience.heedless
        most_calls = MOST_CALLS if helps else MOST_CALLS_OF_AN_INSTANT
        limits = replace(self._source.limits, most_calls=most_calls)
        reading.attempt += 1
        reading.current = self._source.new_pass(limits, self.experience)
        reading.first_positions = reading.current.opening()
        reading.to_ask = deque(reading.first_positions)
        reading.under_way = 0
        return reading

    def _submit(self) -> None:
        """Ask for pages of the first windows, as far as their calls may be held in memory."""
        asking = [reading for reading in self._within_memory() if reading.to_ask]
        if not asking and not self._under_way:
            # The first window waits for what is to be read behind it: the parts of a suspicion.
            asking = [reading for reading in self._queue if reading.to_ask][:1]
        # Until its first page has come, a window can keep no more than one worker busy.
        for reading in sorted(asking, key=lambda reading: reading.opened):
            while reading.to_ask and self._under_way < self._concurrency:
                self._workers.submit(
                    PageRequest(reading, reading.attempt, reading.to_ask.popleft())
                )
                reading.under_way += 1
                self._under_way += 1

    def _within_memory(self) -> Iterator[Reading]:
        held = 0
        for reading in self._queue:
            # The window that a witness stands for cannot leave before.
            if held < LOOK_AHEAD_CALLS or reading.witness_for is not None:
                held += self._held_by(reading)
                yield reading

    def _wait(self) -> None:
        """Wait for a page and enter it into the books."""
        self._tick()
        if self._stop.is_set():
            raise StoppedError("stopped")
        finished = self._workers.finished(POLL_SECONDS)
        if finished is None:
            return
        request, page, error = finished
        self._under_way -= 1
        reading = request.reading
        if request.attempt != reading.attempt or reading.settled:
            return
        reading.under_way -= 1
        try:
            self._enter(reading, request.position, page, error)
        except (Disturbed, TooMany) as reason:
            self._try_otherwise(reading, reason)

    def _try_otherwise(self, reading: Reading, reason: Disturbed | TooMany) -> None:
        if reading.witness_for is not None:
            self._disbelieve(reading.witness_for)
        elif isinstance(reason, TooMany):
            self._split_dense(reading, reason)
        else:
            self._read_again(reading, str(reason))

    def _enter(
        self, reading: Reading, position: Position, page: Page | None, error: Exception | None
    ) -> None:
        current = reading.current
        if position.beyond and isinstance(error, VendorRefusal) and error.may_mean_the_window:
            page, error = Page(calls=()), None
        if page is None and reading.witness_for is not None:
            raise Disturbed(str(error))
        if current is None or page is None:
            self._fail_or_shorten(reading, position, error)
            return
        self._longest_accepted = max(self._longest_accepted, reading.window.length)
        known = current.total
        try:
            reading.to_ask.extend(current.take(position, page))
        finally:
            self.experience.most_calls = max(self.experience.most_calls, len(current.calls))
        if reading.witness_for is not None and not reading.corroborates(page):
            self._disbelieve(reading.witness_for)
            return
        if known is None and current.total is not None:
            self._note_split(reading, current.total)
            if not self._planner.knows:
                self._planner.learn(reading.window, current.total)
        if not reading.to_ask and not reading.under_way:
            self._finish(reading, current)
        elif page.total is None:
            self._foresee(reading)

    def _note_split(self, reading: Reading, total: int) -> None:
        """Add up what the parts of a window hold: far more than it did itself cannot be."""
        if reading.split is not None and reading.split.calls:
            reading.split.found += total
            if reading.split.found > 2 * reading.split.calls:
                self._expect_no_less()

    def _expect_no_less(self) -> None:
        """Read longer windows: the vendor heeds their bounds roughly, so short ones repeat much."""
        self.experience.heedless = True
        self._planner.aim_at(MOST_CALLS)

    def _foresee(self, reading: Reading) -> None:
        """Split a window in time, where no total tells how many calls are still to come."""
        if self.experience.heedless:
            return
        estimate = reading.expected_calls(self._source.resolution)
        most = MOST_CALLS * DOUBT if self._planner.knows else MOST_CALLS
        if estimate > most and reading.window.can_split(self._source.resolution):
            reason = f"about {estimate} calls are more than {most}"
            raise TooMany(reason, calls=estimate, at_cap=False)

    def _finish(self, reading: Reading, current: Pass) -> None:
        """Take a pass for whole if it proves itself, and no cap can have cut it."""
        current.prove()
        if reading.witness_for is not None:
            self._hear(reading, current)
            return
        suspicion = reading.suspicion
        if reading.may_be_cut_to_a_month:
            months = -(-reading.window.length // MONTH)
            self._replace(reading, reading.window.split(months, self._source.resolution), suspicion)
            return
        if suspicion is not None:
            suspicion.keys.update(current.calls)
            # One more may have been published since.
            if len(suspicion.keys) > suspicion.calls + 1:
                self.experience.cap = suspicion.calls
        doubtful = current.ends_like_a_cap or reading.falls_silent
        reading.suspect = doubtful and not self._cannot_be_narrowed(reading, current)
        if reading.suspect and reading.window.can_split(self._source.resolution):
            self._question(reading, current)
        else:
            self._accept(reading, current)

    def _cannot_be_narrowed(self, reading: Reading, current: Pass) -> bool:
        """Whether a part of a suspect brings just what the whole did, and not for its own time."""
        suspicion = reading.suspicion
        if suspicion is None or current.calls.keys() != suspicion.first:
            return False
        before, suspicion.brought_again = suspicion.brought_again, reading.window
        elsewhere = before is not None and not before.encloses(reading.window)
        unmoved = elsewhere and reading.spread > 4 * self._source.resolution
        return self.experience.cap is None and (unmoved or reading.is_overrun)

    def _question(self, reading: Reading, current: Pass) -> None:
        """Look at both ends of a window, one of which a cap has cut, or at all of it again."""
        ends = [] if reading.suspicion is not None else reading.ends_to_look_at()
        if not ends:
            self._split_suspect(reading, current)
            return
        place = self._queue.index(reading) + 1
        for end in ends:
            self._queue.insert(place, self._begin(Reading(end, witness_for=reading)))

    def _hear(self, witness: Reading, current: Pass) -> None:
        """Believe a window when both ends have been looked at, and were not cut themselves."""
        suspect = witness.witness_for
        if suspect is None or suspect.current is None:
            return
        if len(current.calls) >= len(suspect.current.calls):
            self._disbelieve(suspect)
            return
        self._dismiss(witness)
        if not any(other.witness_for is suspect for other in self._queue):
            suspect.suspect = False
            self._accept(suspect, suspect.current)

    def _disbelieve(self, suspect: Reading) -> None:
        for witness in [each for each in self._queue if each.witness_for is suspect]:
            self._dismiss(witness)
        if suspect.current is not None:
            self._split_suspect(suspect, suspect.current)

    def _dismiss(self, witness: Reading) -> None:
        witness.attempt += 1  # what is still under way for it no longer counts
        witness.calls = []
        self._queue.remove(witness)

    def _accept(self, reading: Reading, current: Pass) -> None:
        if reading.suspicion is not None:
            reading.suspicion.open_parts -= 1
        self._planner.learn(reading.window, self._calls_of_its_time(reading, current))
        if not reading.suspect:
            self.experience.believed = max(self.experience.believed, len(current.calls))
        reading.total = current.total
        reading.calls = sorted(
            current.calls.values(), key=lambda call: (call.lines is None, call.moment, call.key)
        )
        reading.current = None

    def _calls_of_its_time(self, reading: Reading, current: Pass) -> int:
        """How many calls to plan other windows by."""
        if not self.experience.heedless:
            return len(current.calls)
        start, end = fixed_width(reading.window.start), fixed_width(reading.window.end)
        return sum(start <= call.moment < end for call in current.calls.values())

    def _split_suspect(self, reading: Reading, current: Pass) -> None:
        suspicion = reading.suspicion
        if suspicion is None or suspicion.calls != len(current.calls):
            if suspicion is not None:
                suspicion.open_parts -= 1
            came = current.calls.keys()
            suspicion = Suspicion(len(came), frozenset(came), set(came), open_parts=1)
        self._replace(reading, reading.window.split(2, self._source.resolution), suspicion)

    def _split_dense(self, reading: Reading, reason: TooMany) -> None:
        """Split a window that holds too much, into parts that should be comfortable."""
        if not reading.window.can_split(self._source.resolution):
            self._give_up(reading, str(reason))
            return
        split = self._split_of(reading)
        if not reason.at_cap:
            if split.in_vain >= MOST_SPLITS_IN_VAIN or reading.is_overrun:
                self._expect_no_less()
            if self.experience.heedless:
                self._read_unsplit(reading, reason)
                return
        calls = max(reason.calls, reading.expected_calls(self._source.resolution))
        if split.calls:
            self._planner.learn(reading.window, calls)
        parts = reading.window.split(-(-calls // self._comfortable), self._source.resolution)
        self._put_back(reading, parts)
        self._replace(reading, parts, reading.suspicion, split=split)

    def _put_back(self, reading: Reading, parts: list[Window]) -> None:
        """Let the parts of the last window be planned anew, when the first one has told more."""
        if reading is self._queue[-1] and reading.suspicion is None:
            self._planner.put_back(Window(parts[1].start, parts[-1].end))
            del parts[1:]

    @staticmethod
    def _split_of(reading: Reading) -> Split:
        total = (reading.current.total if reading.current else None) or 0
        whole = reading.split
        in_vain = whole is not None and 0 < 0.95 * whole.calls <= total
        return Split(total, in_vain=whole.in_vain + 1 if whole and in_vain else 0)

    def _read_unsplit(self, reading: Reading, reason: TooMany) -> None:
        """Read a window whole, since shorter ones would hold no fewer calls."""
        if reading.current and reading.current.limits.most_calls != MOST_CALLS:
            self._give_up(reading, f"{reason}, and shorter windows bring no fewer calls")
        else:
            self._begin(reading)

    def _read_again(self, reading: Reading, reason: str) -> None:
        """Read a window once more; split it when that has not helped."""
        self.tally.rereads += 1
        if reading.attempt % PASSES_PER_WINDOW:
            self._begin(reading)
        elif reading.halvings < MOST_HALVINGS and reading.window.can_split(self._source.resolution):
            parts = reading.window.split(2, self._source.resolution)
            self._replace(reading, parts, reading.suspicion, halvings=reading.halvings + 1)
        else:
            self._give_up(reading, reason)

    def _fail_or_shorten(
        self, reading: Reading, position: Position, error: Exception | None
    ) -> None:
        """A refused window may only be too long or too full, if others were not refused."""
        resolution = self._source.resolution
        if not (isinstance(error, VendorRefusal) and error.may_mean_the_window):
            self._settle(reading, error)
            return
        first = position in reading.first_positions
        long = reading.window.length > SURELY_SHORT
        why = error.speaks_of_the_window or (first and (self._longest_accepted or long))
        if why and reading.window.can_split(resolution):
            if first and reading.window.length > self._longest_accepted:
                self._planner.refuse(reading.window)
            parts = reading.window.split(4, resolution)
            self._put_back(reading, parts)
            self._replace(reading, parts, reading.suspicion)
        elif first:
            self._settle(reading, error)
        else:
            raise Disturbed(str(error))

    def _replace(
        self,
        reading: Reading,
        windows: list[Window],
        suspicion: Suspicion | None,
        halvings: int = 0,
        split: Split | None = None,
    ) -> None:
        self.tally.splits += 1
        if suspicion is not None:
            suspicion.open_parts += len(windows) - 1
        place = self._queue.index(reading)
        reading.attempt += 1  # what is still under way for it no longer counts
        reading.calls = []
        del self._queue[place]
        for window in reversed(windows):
            part = Reading(window, suspicion=suspicion, halvings=halvings, split=split)
            self._queue.insert(place, self._begin(part))

    def _give_up(self, reading: Reading, reason: str) -> None:
        self._settle(
            reading,
            IncompleteWindow(
                f"the window {reading.window} cannot be read whole: {reason}. "
                "Neither reading it again nor splitting it helped"
            ),
        )

    def _settle(self, reading: Reading, error: Exception | None) -> None:
        reading.error = error or IncompleteWindow(f"nothing came for the window {reading.window}")
        if _depends_on_the_window(error):
            error.window = reading.window
        reading.to_ask.clear()
        reading.current = None
        if reading.suspicion is not None:
            reading.suspicion.failure = reading.error

    def _may_leave(self, reading: Reading) -> bool:
        """Whether a window is settled, and no part of its suspicion can still accuse it."""
        suspicion = reading.suspicion if reading.suspect else None
        if not reading.settled or suspicion is None:
            return reading.settled
        return self._cut(reading) or bool(suspicion.failure) or not suspicion.open_parts

    def _cut(self, reading: Reading) -> bool:
        cap = self.experience.cap
        return cap is not None and self.experience.most_calls <= cap == len(reading.calls or ())

    def _leave(self, reading: Reading) -> ReadWindow:
        if reading.error is not None:
            raise reading.error
        calls = reading.calls or []
        if reading.suspect and self._cut(reading):
            raise IncompleteWindow(
                f"the window {reading.window} cannot be read whole: the vendor stops at "
                f"{len(calls)} results, and the window cannot be split any further"
            )
        if reading.suspect and reading.suspicion is not None and reading.suspicion.failure:
            raise reading.suspicion.failure
        self.tally.windows += 1
        if reading.total is not None:
            self.tally.total = (self.tally.total or 0) + reading.total
        return ReadWindow(reading.window, calls)


def _depends_on_the_window(error: Exception | None) -> TypeGuard[CallHistoryError]:
    """Whether the user should know the window; not where no other one would have been read."""
    if isinstance(error, VendorRefusal):
        return error.may_mean_the_window
    return isinstance(error, CallHistoryError) and not isinstance(error, IncompleteWindow)
