"""One made-up call, and where its vendor's customers telephone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

Direction = Literal["inbound", "outbound", "internal"]
Outcome = Literal["answered", "missed", "busy", "failed", "cancelled"]
Party = Literal["caller", "callee", "system"]
Leg = Literal["", "out", "in"]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def scatter(number: int) -> int:
    """Return 64 well-mixed bits of `number`; the same ones in every run."""
    number = (number + _GOLDEN) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


def scattered_uuid(number: int) -> str:
    """Return the UUID (of version 4) that belongs to `number`; the same one in every run."""
    high, low = f"{scatter(number):016x}", f"{scatter(~number):016x}"
    return f"{high[:8]}-{high[8:12]}-4{high[13:]}-a{low[1:4]}-{low[4:]}"


@dataclass(frozen=True, slots=True)
class Call:
    """A call's whole life, past and still to come, whatever vendor carries it.

    All instants are aware, in UTC. `ended_at` may lie ahead: until then the call is in progress.

    Attributes:
        sequence: The call's number in its account, growing with `created_at`; ids are made of it.
        created_at: When the call was placed.
        started_at: When the callee's telephone began to ring.
        answered_at: When somebody answered; None if nobody did.
        ended_at: When it was over.
        published_at: When the vendor's API first shows it.
        recording_ready_at: When its recording appears; None if there never is one.
        rated_at: When the caller's rating arrives; None if it never does.
        synced_at: When another system (a CRM) has taken the call over; None if it never does.
        caller: Who called: a number in E.164 or an extension.
        callee: Who was called: likewise.
        extension: The extension of the agent who took part.
        line: The company's external line in E.164; None for internal calls.
        direction: As the company sees it.
        outcome: How it went, known when it is over.
        ended_by: Who hung up.
        inserted_at: When the vendor made its record; None where that is when the call was placed.
        imported_at: When the vendor's exchange tells it how the call went; None where the vendor
            follows the call itself.
        leg: Which end of an internal call this record is about, where the vendor has one for each.
        abandoned: It was answered by a menu or voicemail, and given up there.
        conversation: The sequence number of the conversation's first record; None where the
            conversation has no other.
    """

    sequence: int
    created_at: datetime
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    published_at: datetime
    recording_ready_at: datetime | None
    rated_at: datetime | None
    synced_at: datetime | None
    caller: str
    callee: str
    extension: str
    line: str | None
    direction: Direction
    outcome: Outcome
    ended_by: Party
    inserted_at: datetime | None = None
    imported_at: datetime | None = None
    leg: Leg = ""
    conversation: int | None = None
    abandoned: bool = False

    @property
    def uuid(self) -> str:
        """The call's id, for vendors whose ids are UUIDs."""
        return scattered_uuid(self.sequence)

    @property
    def ring_seconds(self) -> float:
        """How long it rang."""
        return ((self.answered_at or self.ended_at) - self.started_at).total_seconds()

    @property
    def talk_seconds(self) -> float:
        """How long they talked; 0 when nobody answered."""
        if self.answered_at is None:
            return 0.0
        return (self.ended_at - self.answered_at).total_seconds()

    @property
    def total_seconds(self) -> float:
        """From being placed to being over."""
        return (self.ended_at - self.created_at).total_seconds()

    @property
    def changes(self) -> tuple[datetime, ...]:
        """The instants at which the call's record changes, in no particular order."""
        instants = (
            self.started_at,
            self.answered_at,
            self.ended_at,
            self.imported_at,
            self.recording_ready_at,
            self.rated_at,
            self.synced_at,
        )
        return tuple(instant for instant in instants if instant is not None)

    def stage(self, now: datetime) -> int:
        """How many of its changes the call has behind it."""
        return sum(instant <= now for instant in self.changes)

    def updated_at(self, now: datetime) -> datetime:
        """When its record last changed, as of `now`."""
        past = [instant for instant in self.changes if instant <= now]
        return max(past, default=self.created_at)

    def in_progress(self, now: datetime) -> bool:
        """Whether it is not over yet."""
        return now < self.ended_at


@dataclass(frozen=True, slots=True)
class Place:
    """Where a vendor's customers telephone.

    Attributes:
        zone: IANA zone of the business day.
        country_code: Without the plus sign.
        mobile_prefixes: First digits of national mobile numbers, without a trunk prefix.
        line_prefix: First digits of the company's own lines.
        national_digits: Digits of a national number, without a trunk prefix.
        weekend: Days of rest, Monday being 0.
        agents: How agents appear in calls: by extension, by a number of their own, or (bots) by
            the company's line; bots have no internal calls.
        published_when_over: The API shows a call only after its end.
        rated: Calls may be rated afterwards.
        synced: Calls may be taken over by another system afterwards.
        abandons: The API tells calls that were given up in a menu or at voicemail.
        imported: The API's records come from the exchange, every few minutes; of some calls it has
            a record from their beginning.
        two_records: An internal call has a record for each end.
    """

    zone: str
    country_code: str
    mobile_prefixes: tuple[str, ...]
    line_prefix: str
    national_digits: int
    weekend: frozenset[int] = field(default_factory=lambda: frozenset({5, 6}))
    agents: Literal["extension", "number", "line"] = "extension"
    published_when_over: bool = False
    rated: bool = False
    synced: bool = False
    abandons: bool = False
    imported: bool = False
    two_records: bool = False


def as_of(instant: datetime | None, now: datetime) -> datetime | None:
    """Return `instant` if it has come by `now`, else None."""
    return instant if instant is not None and instant <= now else None
