"""Windows under way: what has come of each, where it comes from, and what became of it."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from tap_callhistory.clocks import fixed_width
from tap_callhistory.reading.doubts import Shape
from tap_callhistory.reading.lineage import NO_LINEAGE, Lineage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_callhistory.errors import VendorRefusal
    from tap_callhistory.reading.pages import Page, Position, ReadCall
    from tap_callhistory.reading.passes import Pass
    from tap_callhistory.reading.searches import Searched
    from tap_callhistory.reading.windows import Window


#: A total that the vendor told so much more seldom than another one was a slip.
TOLD_AS_OFTEN = 1 / 3


class State(Enum):
    """Where a window stands.

    READING ── ENDS_ASKED ── READ ── (leaves)
       │            ╰───────── PROVISIONAL ─┤
       ├── INCOMPLETE
       ├── FAILED                        ╰── (leaves, or fails)
       ╰── GONE (replaced by its parts; a look at an end that has been taken)
    """

    READING = "pages are being asked for"
    SEARCHING = "refused, and it is being found out from when on the vendor gives history"
    ENDS_ASKED = "read, and its ends are being looked at"
    PROVISIONAL = "read, and a part of the same doubt is still out"
    READ = "read whole"
    INCOMPLETE = "could not be read whole, and leaves as it came"
    FAILED = "failed"
    GONE = "gone"


@dataclass(slots=True)
class PageAnswers:
    """The answers to a page that held fewer calls than is likely, and was asked for again.

    Attributes:
        first: The first one.
        counts: How many calls each held.
        best: The one that held most.
    """

    first: Page
    counts: list[int]
    best: Page


@dataclass(slots=True)
class WindowAnswers:
    """The answers to a window that proved themselves, and did not do alone.

    Attributes:
        counts: How many calls each held.
        agreeing: How many answers held all calls that are known, and no others. Each page that
            gave the same total is one.
        counted: Whether the present pass is among them.
        refuted: Whether one of them turned out to lack calls.
        trusted: Whether the window was accepted though the vendor gives too little.
        in_vain: How many other windows, in which calls are known, brought none.
        gives_others: Whether such a window brought calls.
        foreseen: Whether anything told how many calls the window should hold.
        parts: How many parts of the window were asked for, since none came of it.
        parts_came: Whether one of these brought calls.
        end_tried: Whether it was asked for without its last hour.
        end_is_blank: Whether calls came then, and none with it.
        looked_behind: Whether what lies behind it was asked for calls that it lacks.
    """

    counts: list[int] = field(default_factory=list)
    agreeing: int = 0
    counted: bool = False
    refuted: bool = False
    trusted: bool = False
    in_vain: int = 0
    gives_others: bool = False
    foreseen: bool = True
    parts: int = 0
    parts_came: bool = False
    end_tried: bool = False
    end_is_blank: bool = False
    looked_behind: bool = False


class PageRequest(NamedTuple):
    """What a worker is asked to fetch, and for which pass.

    Attributes:
        task: The window.
        attempt: Which pass over it.
        position: Which page.
        retries: How often it is tried again at once; None for all retries of the settings.
        repeats: How often the window was read before: the bounds that are asked for begin some
            steps earlier for it, so that no cache answers.
        pause_seconds: To wait before it is asked for.
        page_size: How many calls to ask for; 0 for as many as the settings say.
    """

    task: Task
    attempt: int
    position: Position
    retries: int | None = None
    repeats: int = 0
    pause_seconds: float = 0.0
    page_size: int = 0


@dataclass(slots=True)
class Refused:
    """What the vendor said of a window when it did not give it.

    Attributes:
        missing: What it said, time after time, of a page that it did not find.
        taken_for_empty: The pages that it did not find, time after time.
        others_answer: Whether it answered another window after it had not found this one.
        asked_once_more: Whether the window was asked for again in the same words.
    """

    missing: dict[Position, list[VendorRefusal]] = field(default_factory=dict)
    taken_for_empty: set[Position] = field(default_factory=set)
    others_answer: bool = False
    asked_once_more: bool = False


@dataclass(slots=True)
class Waiting:
    """What the pages of a window wait for.

    Attributes:
        patient: Whether they are given all retries of the settings.
        for_an_answer: Whether another window has to come before.
        for_its_turn: Whether all windows before it have to be read.
        answers_before: How many pages had come when the present pass began.
        pauses_due: How many of its pages are asked for after a pause.
    """

    patient: bool = False
    for_an_answer: bool = False
    for_its_turn: bool = False
    answers_before: int = 0
    pauses_due: int = 0


@dataclass(slots=True)
class LastPage:
    """The last page with calls of a pass.

    Attributes:
        position: Which; None where no calls have come.
        calls: How many it held.
        asked_again: Whether it was asked for again.
        holds: Whether it held as many when it was asked for again.
        in_vain: How often in a row it has held fewer.
        like_answers: How many like answers have told that nothing follows it.
    """

    position: Position | None = None
    calls: int = 0
    asked_again: bool = False
    holds: bool = False
    in_vain: int = 0
    like_answers: int = 0


@dataclass(slots=True, eq=False)
class Task:
    """A window under way."""

    window: Window
    lineage: Lineage = NO_LINEAGE
    end_of: Task | None = None
    state: State = State.READING
    attempt: int = 0
    current: Pass | None = None
    first_positions: list[Position] = field(default_factory=list)
    to_ask: deque[Position] = field(default_factory=deque)
    under_way: int = 0
    calls: list[ReadCall] = field(default_factory=list)
    #: The calls that came in passes before, and those that came of the windows it is a part of.
    came: dict[str | int, ReadCall] = field(default_factory=dict)
    inherited: dict[str | int, ReadCall] = field(default_factory=dict)
    total: int | None = None
    proof: str = ""
    doubles: frozenset[str | int] = frozenset()
    began: str = ""
    passes: int = 0
    unproved: int = 0
    requests: int = 0
    error: Exception | None = None
    waiting: Waiting = field(default_factory=Waiting)
    search: Searched | None = None
    searches_for: Task | None = None
    repeats: int = 0
    last: LastPage = field(default_factory=LastPage)
    #: How many pages of the present pass have given its total, and how many have filled it.
    totals: int = 0
    filled: int = 0
    #: How often the vendor gave which total.
    told_totals: Counter[int] = field(default_factory=Counter)
    answers: WindowAnswers = field(default_factory=WindowAnswers)
    repeated: dict[Position, PageAnswers] = field(default_factory=dict)
    refused: Refused = field(default_factory=Refused)

    def begin(self, current: Pass) -> None:
        """Begin a pass, the first one or another one."""
        self.attempt += 1
        self.passes += 1
        self.came.update(self.received)
        self.began = fixed_width(datetime.now(UTC))
        self.state = State.READING
        self.repeated.clear()
        self.last = LastPage(asked_again=bool(self.answers.counts))
        self.totals, self.filled = 0, 0
        self.answers.counted = False
        self.waiting.pauses_due = 0
        self.waiting.answers_before = current.knowledge.answers
        self.current = current
        self.first_positions = current.opening()
        self.to_ask = deque(self.first_positions)
        self.under_way = 0

    def reopen(self) -> None:
        """Make ready for one more pass a window that was accepted."""
        self.came = {call.key: call for call in self.calls}
        self.calls = []

    def take(self, position: Position, page: Page) -> None:
        """Take in a page of the present pass, and note which to ask for then.

        Raises:
            Disturbed: The pass is not whole.
            TooMany: The window holds too much.
        """
        current = self.current
        assert current is not None  # noqa: S101 - pages of a finished pass do not come here
        if page.calls:
            self.last.position, self.last.calls = position, len(page.calls)
        before = len(current.calls)
        self.to_ask.extend(current.take(position, page))
        self.filled += len(current.calls) > before
        self.totals += current.total is not None and bool(page.calls or not position.beyond)

    def finish(self, state: State, calls: list[ReadCall] | None = None) -> None:
        """Ask for nothing more; what is still under way no longer counts."""
        self.attempt += 1
        self.state = state
        self.came.clear()
        self.inherited.clear()
        self.calls = calls or []
        self.current = None
        self.to_ask.clear()

    @property
    def likely_total(self) -> int:
        """The largest total that the vendor gave; not one that it gave far more seldom than others.

        A total may be too small or too large now and then.
        """
        often = max(self.told_totals.values(), default=0) * TOLD_AS_OFTEN
        told = (total for total, times in self.told_totals.items() if times >= often)
        return max(told, default=0)

    @property
    def calls_count_alone(self) -> bool:
        """Whether what came of the window may leave though it is not whole: others can be read."""
        return self.state in {State.INCOMPLETE, State.PROVISIONAL}

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to ask for."""
        return self.state not in {State.READING, State.ENDS_ASKED, State.SEARCHING}

    @property
    def whole(self) -> bool:
        """Whether every page of the present pass that was asked for has come."""
        return not self.to_ask and not self.under_way

    @property
    def opened(self) -> bool:
        """Whether a page of the present pass has come."""
        return self.current is not None and bool(self.current.calls)

    @property
    def page_size(self) -> int:
        """How many calls the present pass asks for per page; 0 where there is none."""
        return self.current.limits.page_size if self.current else 0

    @property
    def surplus(self) -> int:
        """How many calls the vendor's total counts that have not come."""
        total = self.current.total if self.current else None
        return 0 if total is None else total - len(self.received)

    @property
    def received(self) -> dict[str | int, ReadCall]:
        """The calls of the present pass, by key."""
        return self.current.calls if self.current else {}

    @property
    def calls_of_its_time(self) -> int:
        """How many calls of the present pass are dated within the window."""
        start, end = fixed_width(self.window.start), fixed_width(self.window.end)
        return sum(start <= call.moment < end for call in self.received.values())

    def known_in(self, window: Window) -> dict[str | int, ReadCall]:
        """The calls that came in any pass, this one included, and are dated within a window."""
        return dated({**self.known, **self.received}, window)

    @property
    def known(self) -> dict[str | int, ReadCall]:
        """The calls that came before the present pass, here or of the window it is a part of."""
        return {**self.inherited, **self.came}

    @property
    def lacking(self) -> set[str | int]:
        """Which calls of this window have come before, and not in the present pass.

        What came of the window that this one is a part of may belong to the part beside it, by the
        time that the vendor means.
        """
        sure = self.current.knowledge.astray.sure(self.window) if self.current else self.window
        return self.lacking_of_its_own | (dated(self.inherited, sure).keys() - self.received.keys())

    @property
    def lacking_of_its_own(self) -> set[str | int]:
        """Which calls of this window have come for it before, and not in the present pass."""
        return dated(self.came, self.window).keys() - self.received.keys()

    @property
    def brought_at_last(self) -> int:
        """How many known calls the present pass has brought, and none before it."""
        return len((self.inherited.keys() & self.received.keys()) - self.came.keys())

    @property
    def novel(self) -> set[str | int]:
        """Which calls of this window have come in the present pass, and not before."""
        return dated(self.received, self.window).keys() - self.known.keys()

    @property
    def has_inner_pages(self) -> bool:
        """Whether pages lie before the last one, and no total tells what they must hold."""
        return self.filled > 1 and not self.totals

    @property
    def differences_within(self) -> int:
        """How many calls lack or are new between those that another pass has brought."""
        known = self.known
        before = [call.moment for call in dated(known, self.window).values()]
        now = [call.moment for call in self.received.values()]
        if not before or not now:
            return 0
        lacking = (known[key].moment for key in self.lacking)
        novel = (self.received[key].moment for key in self.novel)
        return sum(min(now) < moment < max(now) for moment in lacking) + sum(
            min(before) < moment < max(before) for moment in novel
        )

    @property
    def shape(self) -> Shape:
        """What has come, as points in time."""
        return Shape(self.window, self.received.values())

    @property
    def holds_only_known_calls(self) -> bool:
        """Whether this window, an end of another, holds only calls of the other."""
        return self.received.keys() <= (self.end_of.received.keys() if self.end_of else set())


def dated(calls: Mapping[str | int, ReadCall], window: Window) -> dict[str | int, ReadCall]:
    """Those of some calls that are dated within a window."""
    start, end = fixed_width(window.start), fixed_width(window.end)
    return {key: call for key, call in calls.items() if start <= call.moment < end}
