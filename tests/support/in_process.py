"""The whole tap against a sandbox vendor that is called directly: no HTTP, no threads, no waits.

Only the connection (which carries bytes) and the workers (which give the order of things) are
exchanged. The tap's requests, verdicts, login and messages are its own; so are the vendor's rules.
"""

from __future__ import annotations

import io
import random
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import msgspec
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_callhistory import tap
from tap_callhistory.errors import StreamsFailed
from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.reading.sizes import Sizes
from tap_callhistory.reading.workers import InTurn
from tap_callhistory.sandbox.faults import FaultSource
from tap_callhistory.sandbox.vendors.registry import make_world, vendor_named
from tap_callhistory.sandbox.world.call import Call
from tap_callhistory.transport.budget import Budget
from tap_callhistory.transport.transport import FIRST_WAIT_SECONDS
from tap_callhistory.vendors import VENDORS
from tests.support.direct import sender_to
from tests.support.waiting import Patience, Unhurried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_callhistory import run as runs
    from tap_callhistory.reading.workers import Finished
    from tap_callhistory.sandbox.faults import Faults
    from tap_callhistory.sandbox.world.behaviour import Behaviour
    from tap_callhistory.sandbox.world.world import World

ADDRESS = "http://127.0.0.1:9"
NAMES = tuple(each.vendor for each in VENDORS)
STREAMS = {each.vendor: each.name for each in VENDORS}
#: Windows that hold a handful of calls, so that what comes within minutes is split down to seconds.
SMALL = Sizes(
    comfortable_pages=1,
    fewest_comfortable_calls=4,
    most_comfortable_calls=4,
    most_calls=12,
    look_ahead_calls=12,
    first_window=timedelta(hours=1),
)
KEYS = {"utel": int}
#: More requests than this in one run of a test mean that it would never end.
MOST_REQUESTS = 20_000


class KilledError(BaseException):
    """The process ends here, as by SIGKILL: nothing of the tap runs any more."""


class NeverEndsError(BaseException):
    """A run asks for more pages than any sane one would, or waits for nothing."""


class AtRandom(InTurn[Any, Any]):
    """Jobs done in an order drawn from a seed, as threads on a network would do them."""

    def __init__(self, work: Callable[[Any], Any], seed: int) -> None:
        super().__init__(work)
        self._random = random.Random(seed)

    @override
    def finished(self, timeout: float) -> Finished[Any, Any] | None:
        if not self._jobs:
            raise NeverEndsError("the reader waits, and nothing is under way")
        self._jobs.rotate(-self._random.randrange(len(self._jobs)))
        return super().finished(timeout)


@dataclass
class Clock:
    """A clock that is set by hand."""

    instant: datetime

    def __call__(self) -> datetime:
        return self.instant

    def advance(self, by: timedelta) -> None:
        self.instant += by


def made_world(
    vendor: str, calls: Iterable[Call], clock: Callable[[], datetime], behaviour: Behaviour
) -> World:
    """A vendor's world whose clock is set by hand."""
    return make_world(vendor, calls, clock, behaviour)


def made_call(sequence: int, created_at: datetime, **changed: Any) -> Call:
    """An answered inbound call of a minute, without a recording."""
    usual: dict[str, Any] = {
        "sequence": sequence,
        "created_at": created_at,
        "started_at": created_at + timedelta(seconds=1),
        "answered_at": created_at + timedelta(seconds=5),
        "ended_at": created_at + timedelta(seconds=65),
        "published_at": created_at,
        "recording_ready_at": None,
        "rated_at": None,
        "synced_at": None,
        "caller": f"+98912000{sequence % 10_000:04d}",
        "callee": "+982100000001",
        "extension": "101",
        "line": "+982100000001",
        "direction": "inbound",
        "outcome": "answered",
        "ended_by": "caller",
    }
    return Call(**{**usual, **changed})


@dataclass
class Run:
    """What one run of the tap wrote and asked.

    Attributes:
        lines: Its messages in order, parsed.
        requests: How many requests it sent, logins left aside.
        failure: Why its stream failed; None if it did not.
        killed: Whether it was killed.
        summary: The stream's own closing counts.
        waited_seconds: What a user would have sat through of pauses and of silence, where that was
            counted.
    """

    lines: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    failure: Exception | None = None
    killed: bool = False
    summary: Any = None
    waited_seconds: float = 0.0

    def records(self) -> list[dict[str, Any]]:
        """The calls that were written, in order."""
        return self._rows(lambda stream: stream != LEDGER)

    def windows(self) -> list[dict[str, Any]]:
        """The rows of the ledger, in order."""
        return self._rows(lambda stream: stream == LEDGER)

    def _rows(self, of: Callable[[str], bool]) -> list[dict[str, Any]]:
        records = (line for line in self.lines if line["type"] == "RECORD")
        return [line["record"] for line in records if of(line["stream"])]

    def states(self) -> list[dict[str, Any]]:
        return [line["value"] for line in self.lines if line["type"] == "STATE"]

    def table(self) -> dict[Any, dict[str, Any]]:
        return {record["id"]: record for record in self.records()}


class _Pipe(io.RawIOBase):
    """Takes what the tap writes, line by line; may end the process."""

    def __init__(self, run: Run, kill_after_lines: int | None) -> None:
        self._run = run
        self._kill_after = kill_after_lines
        self._rest = b""

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: Any, /) -> int:
        *lines, self._rest = (self._rest + bytes(data)).split(b"\n")
        for line in lines:
            if self._kill_after is not None and len(self._run.lines) >= self._kill_after:
                raise KilledError
            self._run.lines.append(msgspec.json.decode(line))
        return len(data)


class _Output:
    def __init__(self, pipe: _Pipe) -> None:
        self.buffer = pipe

    def flush(self) -> None:
        pass

    def write(self, text: str) -> int:
        return self.buffer.write(text.encode())


class _Counted:
    """Counts a run's requests, and lets a test do something before each."""

    def __init__(self, run: Run, before: Callable[[int], None]) -> None:
        self._run = run
        self._before = before

    def __call__(self) -> None:
        self._run.requests += 1
        if self._run.requests > MOST_REQUESTS:
            raise NeverEndsError(f"more than {MOST_REQUESTS} requests in one run")
        self._before(self._run.requests)


class _Unpaced(Budget):
    """Knows no pauses, and is not slowed down."""

    @override
    def pause(self, seconds: float) -> None:
        pass

    @override
    def slow_down(self) -> None:
        pass


class _MadeUpTime(threading.Event):
    """Lets waits pass in the time of a world."""

    def __init__(self, pass_by: Callable[[timedelta], None]) -> None:
        super().__init__()
        self._pass_by = pass_by

    @override
    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set() and timeout:
            self._pass_by(timedelta(seconds=timeout))
        return self.is_set()


def settings_of(world: World, began: datetime, **settings: Any) -> dict[str, Any]:
    """The tap's settings for one vendor; a setting of the vendor's own is `vendor={...}`."""
    vendor = settings.pop("vendor", {})
    own = world.api.settings(ADDRESS) | vendor
    usual = {"start_date": (began - timedelta(days=30)).isoformat(), "max_retries": 0}
    return usual | {world.vendor: own} | settings


def _nothing(_number: int) -> None:
    pass


def _let_wait(
    run: runs.Run, patience: Patience | None, pass_by: Callable[[timedelta], None] | None
) -> None:
    """Let waits be counted, or pass in the time of a world, or take no time."""
    if patience is not None:
        run.stop = patience
    else:
        run.new_budget = _Unpaced
        run.stop = _MadeUpTime(pass_by) if pass_by else run.stop
    run.first_wait_seconds = FIRST_WAIT_SECONDS if patience or pass_by else 0.0


def run_tap(  # noqa: PLR0913 - a run has many sides, all by keyword
    world: World,
    *,
    began: datetime,
    state: dict[str, Any] | None = None,
    before_request: Callable[[int], None] = _nothing,
    kill_after_lines: int | None = None,
    seed: int = 0,
    sizes: Sizes | None = None,
    catalog_without: str = "",
    full_table: bool = False,
    faults: Faults | None = None,
    pass_by: Callable[[timedelta], None] | None = None,
    patience: Patience | None = None,
    **settings: Any,
) -> Run:
    """Run the tap once over one vendor's world.

    Args:
        world: The vendor's world; its clock is the world's own.
        began: When the run begins.
        state: What the run before has left.
        before_request: Called with the number of each request before the vendor sees it.
        kill_after_lines: Ends the process after so many messages.
        sizes: How many calls windows should hold; the usual ones by default.
        catalog_without: A stream that is not selected.
        full_table: Whether the catalog wants everything to be read again.
        seed: In which order the workers' requests come back.
        faults: What goes wrong on the way.
        pass_by: Lets time pass where the tap waits; by default its waits take none.
        patience: Counts the seconds that the run would wait; its pauses are then the usual ones.
        settings: The tap's settings beside those of the vendor; `vendor` holds those.
    """
    run = Run()
    with (
        patch.object(tap, "redact_logging", lambda _redactor: None),
        patch.object(sys, "stdout", _Output(_Pipe(run, kill_after_lines))),
    ):
        made = tap.TapCallHistory(
            config=settings_of(world, began, **settings),
            state=msgspec.json.decode(msgspec.json.encode(state or {})),
            setup_mapper=True,
        )
        made.run.began = began
        if catalog_without:
            made.streams[catalog_without].selected = False
        if full_table:
            made.streams[STREAMS[world.vendor]].forced_replication_method = REPLICATION_FULL_TABLE
        made.run.sizes = sizes or made.run.sizes
        source = FaultSource(faults, world.vendor, lambda: 0.0) if faults else None
        counted = _Counted(run, before_request)
        made.run.new_sender = sender_to(world, counted, source, patience or Patience())
        _let_wait(made.run, patience, pass_by)
        made.run.new_workers = lambda work, _count, _name: (
            AtRandom(work, seed) if patience is None else Unhurried(work, patience)
        )
        try:
            made.sync_all()
        except KilledError:
            run.killed = True
        except NeverEndsError as never:
            raise AssertionError(str(never)) from None
        except StreamsFailed as failed:
            run.failure = failed
        run.waited_seconds = patience.seconds if patience is not None else 0.0
        if not run.killed:
            run.summary = made.streams[STREAMS[world.vendor]].summary  # type: ignore[attr-defined]
    return run


def truth(world: World) -> dict[Any, dict[str, Any]]:
    """What the warehouse should hold now, by key."""
    return {row["id"]: row for row in world.truth()}


def read_until(run: Run) -> str:
    """The bookmark that a run left for its stream."""
    marks = run.states()[-1]["bookmarks"]
    state = next(each for name, each in marks.items() if name != LEDGER)
    return str(state["replication_key_value"])


def lost(run: Run, world: World) -> set[Any]:
    """The keys of the calls that a run's bookmark claims and that it did not write."""
    read_by = next(each.read_by for each in VENDORS if each.vendor == world.vendor)
    claimed = {key for key, row in truth(world).items() if row[read_by] < read_until(run)}
    return claimed - run.table().keys()


NOON = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)


__all__ = ["ADDRESS", "NAMES", "NOON", "Clock", "KilledError", "Run", "made_call", "run_tap"]


def vendor_class(name: str) -> Any:
    """The sandbox's class of a vendor."""
    return vendor_named(name)
