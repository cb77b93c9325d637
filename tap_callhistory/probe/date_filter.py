"""What a vendor's date filter means: which timestamp, which bounds, to which resolution.

Every combination is a hypothesis: it predicts which calls a window brings. Windows are chosen so
that the remaining hypotheses predict different calls; an answer rules out those it contradicts.
What all remaining ones agree on is known. If none remains, the vendor reads its filter in a way
that is not among them, and nothing is claimed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from tap_callhistory.reading.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tap_callhistory.probe.seen import SeenCall

BOUNDS: Final = ("[]", "[)", "(]", "()")
RESOLUTIONS: Final = {
    "millisecond": timedelta(milliseconds=1),
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
#: Answers of fewer calls than this are taken to hold all calls of their window.
FEW: Final = 10
#: Calls with much to their records that windows are laid around.
FULLEST: Final = 5
#: Calls whose timestamps lie far apart that windows are laid around.
LATEST: Final = 2
#: Calls with a round stamp, of each kind of roundness, that windows are laid around.
ROUND: Final = 2
#: Answers that only confirm what is left, so that a reading that is not foreseen shows itself.
CONFIRMATIONS: Final = 5
#: Calls early and late within a unit, whose windows show whether dates are really cut.
EDGES: Final = 2
#: The most windows to ask for.
MOST_ANSWERS: Final = 14

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall times are counted from a naive epoch
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {name: size // _MICROSECOND for name, size in RESOLUTIONS.items()}


class Meaning(NamedTuple):
    """One way to read a date filter.

    Attributes:
        role: The timestamp that is filtered.
        bounds: Which ends belong to the window.
        resolution: What the date parameters are cut to.
    """

    role: str
    bounds: str
    resolution: str


@dataclass(frozen=True, slots=True)
class _InOrder:
    """Calls in the order of one of their timestamps: when, in microseconds, and their keys."""

    counts: Sequence[int]
    keys: Sequence[str]

    @classmethod
    def of(cls, stamped: Iterable[tuple[int, str]]) -> _InOrder:
        in_order = sorted(stamped)
        return cls([count for count, _ in in_order], [key for _, key in in_order])


@dataclass(slots=True)
class DateFilter:
    """What is known of a vendor's date filter.

    Attributes:
        calls: Calls whose every timestamp is known and settled.
        wall: The vendor's clock, which the parameters are written by.
        step: The smallest step in which a parameter can be written.
        left: The meanings that no answer has contradicted.
        answers: How many windows were asked for.
        confirmed: The calls whose windows brought just what everything left foretold.
    """

    calls: Sequence[SeenCall]
    wall: Callable[[datetime], datetime]
    step: timedelta
    left: list[Meaning] = field(default_factory=list)
    answers: int = 0
    confirmed: set[str] = field(default_factory=set)
    _used: set[Window] = field(default_factory=set)
    _sorted: dict[str, _InOrder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        roles = sorted(self.calls[0].stamps) if self.calls else []
        steps = [name for name, each in RESOLUTIONS.items() if each >= self.step]
        self.left = [Meaning(*each) for each in product(roles, BOUNDS, steps)]
        self._sorted = {
            role: _InOrder.of((self._count(call.stamps[role]), call.key) for call in self.calls)
            for role in roles
        }

    @property
    def roles(self) -> set[str]:
        """The timestamps that the filter may mean."""
        return {each.role for each in self.left}

    @property
    def bounds(self) -> set[str]:
        """The bounds that it may have."""
        return {each.bounds for each in self.left}

    @property
    def resolutions(self) -> set[str]:
        """What its parameters may be cut to."""
        return {each.resolution for each in self.left}

    @property
    def settled(self) -> bool:
        """Whether enough answers have confirmed what is left."""
        confirmed = len(self.confirmed) >= CONFIRMATIONS
        return bool(self.left) and confirmed and self._edge() is None

    def next_window(self) -> tuple[SeenCall, Window] | None:
        """The window that tells most, and its call; None where no further one tells anything."""
        if self.answers >= MOST_ANSWERS or not self.left:
            return None
        fresh = [(call, each) for call, each in self._windows() if each not in self._used]
        telling = max(fresh, key=lambda each: self._worth(each[1]), default=None)
        if telling and self._worth(telling[1]) > 0:
            return telling
        return self._edge() or (None if self.settled else self._confirming(fresh))

    def learn(self, call: SeenCall, window: Window, keys: Iterable[str], rows: int) -> None:
        """Rule out what an answer contradicts.

        Args:
            call: The call that the window was laid around.
            window: What was asked for.
            keys: The keys of the calls that came.
            rows: How many records came in all.
        """
        self._used.add(window)
        self.answers += 1
        known = frozenset(keys) & {each.key for each in self.calls}
        before = self.foretold(window)
        # A page that may be full proves only the calls that it holds.
        whole = rows < FEW
        self.left = [
            each
            for each, brought in zip(self.left, self._brought(window), strict=True)
            if (known == brought if whole else known <= brought)
        ]
        if whole and known and before == {known}:
            self.confirmed.add(call.key)

    def foretold(self, window: Window) -> set[frozenset[str]]:
        """What a window may bring of the settled calls, by all that is left."""
        return set(self._brought(window))

    def _confirming(
        self, fresh: Sequence[tuple[SeenCall, Window]]
    ) -> tuple[SeenCall, Window] | None:
        """The tightest window around a call that has not confirmed anything yet."""
        fitting = [
            (call, each)
            for call, each in fresh
            if call.key not in self.confirmed
            for brought in [self.foretold(each)]
            if len(brought) == 1 and 0 < len(next(iter(brought))) < FEW
        ]
        return min(fitting, key=lambda each: each[1].length, default=None)

    def _edge(self) -> tuple[SeenCall, Window] | None:
        """A window that looks whether dates are really cut, where they seem to be.

        They may only seem so because the filter means a timestamp soon after the one that is shown.
        """
        sizes = [RESOLUTIONS[name] for name in self.resolutions]
        if len(sizes) != 1 or sizes[0] <= self.step or len(self.roles) != 1:
            return None
        edges = self._edges(sizes[0], next(iter(self.roles)))
        return next((edge for edge in edges if edge[1] not in self._used), None)

    def _edges(self, size: timedelta, role: str) -> list[tuple[SeenCall, Window]]:
        """Windows that bring a call only if their start, or their end, is really cut.

        ::

        |-------------------- size --------------------|
          early call                           late call
        <--------------------------- a window ends here |
                                  one begins here     |------>
        """
        units = size // _MICROSECOND
        in_order = sorted(self.calls, key=lambda c: (self._count(c.stamps[role]) % units, c.key))
        minute = timedelta(seconds=61)
        late = [
            (call, Window(call.stamps[role] - minute, self._next(call.stamps[role], units)))
            for call in in_order[-EDGES:]
        ]
        early = [
            (call, Window(after - self.step, after + minute))
            for call in in_order[:EDGES]
            for after in [self._next(call.stamps[role], units)]
        ]
        return [*late, *early]

    def _next(self, instant: datetime, units: int) -> datetime:
        """The first round instant after another."""
        return instant + timedelta(microseconds=units - self._count(instant) % units)

    def _worth(self, window: Window) -> int:
        """How many of the meanings left an answer rules out at least; -1 for too many calls."""
        groups = Counter(self._brought(window))
        if any(len(brought) >= FEW for brought in groups):
            return -1
        return len(self.left) - max(groups.values(), default=0)

    def _windows(self) -> Iterator[tuple[SeenCall, Window]]:
        """Windows whose ends lie on, or next to, the timestamps of a few calls."""
        reaches = (timedelta(seconds=2), timedelta(seconds=61), timedelta(hours=1))
        for call in self._anchors():
            for role in sorted(self.roles):
                instant = call.stamps[role]
                for offset, reach in product((timedelta(0), self.step), reaches):
                    yield call, Window(instant + offset, instant + reach)
                    yield call, Window(instant - reach, instant - offset)
                # The tightest windows, in which a timestamp a step later would not be found.
                yield call, Window(instant - self.step, instant)
                yield call, Window(instant, instant + self.step)
                yield call, Window(instant - self.step, instant + self.step)

    def _anchors(self) -> list[SeenCall]:
        """The calls to lay windows around: full records, and round stamps of every kind."""
        fullest = sorted(self.calls, key=lambda call: (-_fullness(call), call.key))
        latest = sorted(self.calls, key=lambda call: (-_spread(call), call.key))
        chosen = {call.key: call for call in (*latest[:LATEST], *fullest[:FULLEST])}
        for size, role in product(RESOLUTIONS.values(), sorted(self.roles)):
            if size > self.step:
                even = [
                    c for c in fullest if not self._count(c.stamps[role]) % (size // _MICROSECOND)
                ]
                chosen |= {call.key: call for call in even[:ROUND]}
        return list(chosen.values())

    def _brought(self, window: Window) -> Iterator[frozenset[str]]:
        """The settled calls that a window brings, for each of the meanings left."""
        start, end = self._count(window.start), self._count(window.end)
        for meaning in self.left:
            size = _UNITS[meaning.resolution]
            shown = self._sorted[meaning.role]
            to_start = bisect_left if meaning.bounds[0] == "[" else bisect_right
            to_end = bisect_right if meaning.bounds[1] == "]" else bisect_left
            first = to_start(shown.counts, start - start % size)
            yield frozenset(shown.keys[first : to_end(shown.counts, end - end % size)])

    def _count(self, instant: datetime) -> int:
        return (self.wall(instant) - _EPOCH) // _MICROSECOND


def settled_calls(calls: Iterable[SeenCall], roles: Iterable[str]) -> list[SeenCall]:
    """The calls that tell filters apart: finished, and with every timestamp that the vendor has."""
    wanted = set(roles)
    found = {call.key: call for call in calls if not call.unfinished and wanted <= set(call.stamps)}
    return list(found.values())


def _spread(call: SeenCall) -> float:
    return (max(call.stamps.values()) - min(call.stamps.values())).total_seconds()


def _fullness(call: SeenCall) -> int:
    return len(str({name: value for name, value in call.record.items() if value}))
