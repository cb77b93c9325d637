"""What the ledger proves: from when until when each history is whole, and what is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from callhistory_report.warehouse import columns
from callhistory_report.wording import in_zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhistory_report.questions import Rows
    from callhistory_report.warehouse import Ask

NEEDED = {
    "coverage": {
        *("account", "stream", "calls", "whole_from", "whole_until", "read_until", "last_read_at"),
    },
    "coverage_gaps": {"account", "stream", "kind", "gap_start", "gap_end"},
    "missing_calls": {
        *("account", "stream", "window_start", "window_end", "wanted", "found", "verdict"),
    },
}
"""The models of the ledger, and the columns of each that the page shows."""

A_DAY = timedelta(days=1)
STALE_AFTER = timedelta(hours=24)
UNPROVED = frozenset({"not in the ledger", "other scope"})
"""Kinds of gaps that were read, only not so that the ledger proves it: no alarm."""

KINDS = {
    "never read": "was never read",
    "incomplete": "was read, but not whole",
    "not in the ledger": "no proof: loaded before the ledger existed",
    "other scope": "was read with other filters or another time zone",
}


class State(StrEnum):
    """How a day stands in the ledger."""

    WHOLE = "whole"
    SO_FAR = "whole so far"
    INCOMPLETE = "incomplete"
    NOT_READ = "not read"
    UNPROVED = "no proof"
    NOT_ASKED = "before the start date"


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of history that no complete reading covers; naive times in UTC."""

    since: datetime
    until: datetime
    kind: str

    @property
    def is_proved_lack(self) -> bool:
        """Whether calls may lack here, rather than only the proof of them."""
        return self.kind not in UNPROVED

    @property
    def said(self) -> str:
        """What happened to it, in words."""
        return KINDS.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A window of which fewer calls are in the warehouse than left the tap.

    Attributes:
        since: The window's start, naive in UTC.
        until: The window's end, excluded.
        wanted: How many calls of it left the tap.
        found: How many are there.
        is_explained: Whether later readings did not find them either: they went at the vendor.
    """

    since: datetime
    until: datetime
    wanted: int
    found: int
    is_explained: bool


@dataclass(frozen=True, slots=True)
class History:
    """One stream of one account, as the ledger has it; naive times in UTC.

    Times are None without a ledger, and where `coverage` was not built since there is one: dbt
    skips it when a test before it fails, so that gaps and missing calls may be known without.

    Attributes:
        timezone: The zone of its days.
        calls: How many are loaded, if that is known.
        whole_from: Since when it is whole.
        whole_until: Until when it is whole without a break.
        read_until: How far it was read.
        last_read: When it was read last.
    """

    vendor: str
    account: str
    stream: str
    timezone: str
    calls: int | None
    whole_from: datetime | None
    whole_until: datetime | None
    read_until: datetime | None
    last_read: datetime | None
    gaps: list[Gap]
    shortfalls: list[Shortfall]

    @property
    def has_ledger(self) -> bool:
        """Whether any window of it is in the ledger."""
        return self.is_covered or bool(self.gaps or self.shortfalls)

    @property
    def is_covered(self) -> bool:
        """Whether it is known how far it was read."""
        return self.read_until is not None

    @property
    def lacking(self) -> list[Gap]:
        """Gaps in which calls may lack."""
        return [gap for gap in self.gaps if gap.is_proved_lack]

    @property
    def unproved(self) -> list[Gap]:
        """Gaps that were read without proof."""
        return [gap for gap in self.gaps if not gap.is_proved_lack]

    @property
    def missing(self) -> list[Shortfall]:
        """Windows that lack calls for no known reason."""
        return [short for short in self.shortfalls if not short.is_explained]

    @property
    def explained(self) -> list[Shortfall]:
        """Windows that lack calls which later readings did not find either."""
        return [short for short in self.shortfalls if short.is_explained]

    @property
    def is_whole(self) -> bool:
        """Whether the ledger proves all of it."""
        return self.is_covered and not self.gaps and not self.missing

    def stale_for(self, now: datetime) -> timedelta | None:
        """Return how long ago it was read, if that is too long; `now` is aware."""
        if self.last_read is None:
            return None
        passed = now - self.last_read.replace(tzinfo=UTC)
        return passed if passed > STALE_AFTER else None

    def state(self, day: date) -> State:
        """Tell how a day of its zone stands."""
        since, until = _bounds(day, self.timezone)
        begins = [gap.since for gap in self.gaps]
        if self.whole_from is not None:
            begins.append(self.whole_from)
        if self.read_until is None:
            return State.UNPROVED
        if not begins or until <= min(begins):
            return State.NOT_ASKED
        if since >= self.read_until:
            return State.NOT_READ
        state = self._state_between(max(since, min(begins)), until)
        if state is State.WHOLE and self.read_until < until:
            return State.SO_FAR if self._was_read_on(day) else State.INCOMPLETE
        return state

    def _state_between(self, since: datetime, until: datetime) -> State:
        gaps = [gap for gap in self.gaps if _overlap(gap, since, until)]
        never_read = [gap for gap in gaps if gap.kind == "never read"]
        if any(gap.since <= since and until <= gap.until for gap in never_read):
            return State.NOT_READ
        short = any(_overlap(each, since, until) for each in self.missing)
        if short or any(gap.is_proved_lack for gap in gaps):
            return State.INCOMPLETE
        return State.UNPROVED if gaps else State.WHOLE

    def _was_read_on(self, day: date) -> bool:
        return self.last_read is not None and in_zone(self.last_read, self.timezone).date() <= day


@dataclass(frozen=True, slots=True)
class Coverage:
    """All histories; or why nothing is known of them.

    Attributes:
        absent: The models that are not in the warehouse, or not as they are today.
        histories: Per vendor, account and stream; where a model is absent, only those with a gap or
            with missing calls.
    """

    absent: list[str]
    histories: list[History]

    @property
    def alarms(self) -> int:
        """How many gaps and windows with missing calls there are."""
        return sum(len(each.lacking) + len(each.missing) for each in self.histories)

    @property
    def verdict(self) -> str:
        """The whole in one short sentence."""
        if self.alarms:
            return "calls may be missing"
        if self.absent or not any(each.has_ledger for each in self.histories):
            return "no proof"
        if all(each.is_whole for each in self.histories):
            return "whole"
        return "no proof of a part"


def coverage(ask: Ask) -> Coverage:
    """Ask the models of the ledger. Where one is absent (an older warehouse) the others alarm."""
    absent = [model for model, needed in NEEDED.items() if not needed <= columns(ask, model)]

    def rows_of(model: str, order: str) -> Rows:
        return [] if model in absent else ask(f"select * from {model} order by {order}")  # noqa: S608

    gaps = rows_of("coverage_gaps", "gap_start, gap_end, kind")
    short = rows_of("missing_calls", "window_start, window_end, wanted")
    # How far a history is whole cannot be said without knowing all that it lacks.
    known = [] if absent else rows_of("coverage", "stream, account")
    zones = {
        row["vendor"]: row["timezone"]
        for row in ask("select vendor, max(timezone) as timezone from calls group by vendor")
    }
    return Coverage(
        absent,
        [
            _history(
                next((row for row in known if _source(row) == source), {}),
                source,
                zones,
                [_gap(row) for row in gaps if _source(row) == source],
                [_shortfall(row) for row in short if _source(row) == source],
            )
            for source in sorted({_source(row) for row in (*known, *gaps, *short)})
        ],
    )


def _source(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["stream"], row["account"]


def _history(
    row: Mapping[str, Any],
    source: tuple[str, str],
    zones: Mapping[str, str],
    gaps: list[Gap],
    shortfalls: list[Shortfall],
) -> History:
    stream, account = source
    vendor = stream.split("_", 1)[0]
    return History(
        vendor=vendor,
        account=account,
        stream=stream,
        timezone=zones.get(vendor, "UTC"),
        calls=int(row["calls"]) if row else None,
        whole_from=_naive(row.get("whole_from")),
        whole_until=_naive(row.get("whole_until")),
        read_until=_naive(row.get("read_until")),
        last_read=_naive(row.get("last_read_at")),
        gaps=gaps,
        shortfalls=shortfalls,
    )


def _gap(row: dict[str, Any]) -> Gap:
    return Gap(_utc(row["gap_start"]), _utc(row["gap_end"]), row["kind"])


def _shortfall(row: dict[str, Any]) -> Shortfall:
    return Shortfall(
        since=_utc(row["window_start"]),
        until=_utc(row["window_end"]),
        wanted=int(row["wanted"]),
        found=int(row["found"]),
        is_explained=row["verdict"] == "warning",
    )


def _bounds(day: date, timezone: str) -> tuple[datetime, datetime]:
    """The instants at which a day of a zone begins and ends, naive in UTC."""
    zone = ZoneInfo(timezone)
    first, last = (
        datetime.combine(each, time.min, zone).astimezone(UTC).replace(tzinfo=None)
        for each in (day, day + A_DAY)
    )
    return first, last


def _overlap(stretch: Gap | Shortfall, since: datetime, until: datetime) -> bool:
    return stretch.since < until and since < stretch.until


def _naive(instant: datetime | None) -> datetime | None:
    return None if instant is None else _utc(instant)


def _utc(instant: datetime) -> datetime:
    """Models write times without a zone, in UTC; a database may add the zone of its session."""
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
