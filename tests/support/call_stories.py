"""Stories of a vendor's world and of runs of the tap, drawn by Hypothesis.

`telling.tell` lets one happen, and holds it to what is promised of the warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.drawn_hardships import ENOUGH_RETRIES, faults, hardships
from tests.support.in_process import NAMES, NOON

if TYPE_CHECKING:
    from tap_callhistory.sandbox.faults import Faults

START = NOON - timedelta(days=12)
OLDEST_AGE_HOURS = 48
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
    faults: Faults | None = None

    @property
    def date(self) -> str:
        return "updated" if self.by_updates else self.behaviour.filter_field

    @property
    def lies(self) -> bool:
        """Whether the vendor lies in a way that can be noticed and not be mended."""
        habits = self.behaviour
        lies = habits.total in {"all", "lie"} or habits.cursor_dialect == "loop"
        # A full page without a way on cannot be told from a cap.
        return lies or not habits.cursor_always_next


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
        cap_style=draw(st.sampled_from(["cut", "cut", "error"])),
        largest_span_days=draw(st.sampled_from([None, None, 2, 9])),
        hardship=draw(hardships(vendor)),
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
        "max_retries": draw(st.sampled_from([0, ENOUGH_RETRIES])),
        "on_incomplete_window": draw(st.sampled_from(["fail", "continue"])),
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
        faults=draw(faults),
    )
