"""Made-up but plausible calls: the same seed gives the same calls, day by day."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from tap_callhistory.sandbox.world.call import Call, Direction, Outcome, Party, Place, scatter

if TYPE_CHECKING:
    from collections.abc import Iterator

USUAL_SPAN_DAYS = 60
LONGEST_SILENCE_DAYS = 3660
FIRST_DAY = date(2000, 1, 1)
SEQUENCES_PER_DAY = 10_000_000

HOUR_WEIGHTS = (
    *(0.05, 0.03, 0.03, 0.03, 0.04, 0.08),  # 0-5: somebody always calls
    *(0.2, 0.7, 2.5, 6.0, 8.0, 7.5),  # 6-11: the morning's peak
    *(3.0, 4.0, 7.0, 7.5, 6.5, 5.0),  # 12-17: lunch, then the afternoon
    *(2.5, 1.2, 0.8, 0.5, 0.2, 0.1),  # 18-23
)
WEEKEND_WEIGHT = 0.3
BURST_BEGINS = 0.012
BURST_GOES_ON = 0.8
RECORDED_SHARE = 0.7
LATE_RECORDING_SHARE = 0.05
RATED_SHARE = 0.15
SYNCED_SHARE = 0.8
CUSTOMERS = 400
AGENTS = 24
LINES = 4
STANDING_CALLS_PER_DAY = 8
IMPORT_EVERY_SECONDS = 300
IMPORT_TAKES_SECONDS = 20
#: Of so many calls one is recorded by the client that placed it, before the exchange tells of it.
CALLS_PER_CLIENT_RECORD = 4
#: Of so many answered calls that the caller ended he ended one in a menu or at voicemail.
CALLS_PER_ABANDONED = 12

_CUMULATED_HOURS = tuple(accumulate(HOUR_WEIGHTS))
_HOURS = range(24)
_SECOND = 1_000_000
_HOUR = 3600 * _SECOND


class _Nature(NamedTuple):
    direction: Direction
    outcome: Outcome
    ended_by: Party


_NATURES: tuple[tuple[_Nature, float], ...] = (
    (_Nature("inbound", "answered", "caller"), 24),
    (_Nature("inbound", "answered", "callee"), 16),
    (_Nature("inbound", "missed", "system"), 9),
    (_Nature("inbound", "cancelled", "caller"), 4),
    (_Nature("inbound", "busy", "system"), 1.5),
    (_Nature("inbound", "failed", "system"), 0.5),
    (_Nature("outbound", "answered", "caller"), 11),
    (_Nature("outbound", "answered", "callee"), 11),
    (_Nature("outbound", "missed", "system"), 7),
    (_Nature("outbound", "cancelled", "caller"), 3),
    (_Nature("outbound", "busy", "callee"), 2),
    (_Nature("outbound", "failed", "system"), 1),
    (_Nature("internal", "answered", "caller"), 4),
    (_Nature("internal", "answered", "callee"), 4),
    (_Nature("internal", "missed", "system"), 1.5),
    (_Nature("internal", "cancelled", "caller"), 0.5),
)
_NATURE_CHOICES = tuple(nature for nature, _ in _NATURES)
_CUMULATED_NATURES = tuple(accumulate(weight for _, weight in _NATURES))
_STANDING = _Nature("internal", "answered", "system")


def calls_placed(
    vendor: str,
    place: Place,
    seed: int,
    count: int,
    now: datetime,
    *,
    days: float = USUAL_SPAN_DAYS,
    ahead: timedelta = timedelta(0),
    standing: int = STANDING_CALLS_PER_DAY,
) -> list[Call]:
    """Make the newest `count` calls placed up to `now`, oldest first.

    A day's calls depend on the seed, the vendor, the date and the rate (`count` per `days`), never
    on `now`: tomorrow's world holds today's calls unchanged, and new ones.

    Args:
        vendor: A vendor's name.
        place: Where its customers telephone.
        seed: Which of many possible histories.
        count: How many calls.
        now: The end of the history, aware.
        days: The span that they fill, roughly.
        ahead: How far beyond `now` to go on, for a world that stays alive.
        standing: How many lines a day are held open for hours, so that at any moment a call is in
            progress.
    """
    company = _Company.founded(vendor, seed, place)
    horizon = now + ahead
    zone = ZoneInfo(company.place.zone)
    last_day = horizon.astimezone(zone).date()
    newest_days: list[list[Call]] = []
    found = 0
    for back in range(max(LONGEST_SILENCE_DAYS, int(days * 10))):
        if found >= count:
            break
        made = company.calls_of(last_day - timedelta(days=back), count / days, standing)
        newest_days.append([call for call in made if call.created_at <= horizon])
        found += sum(call.created_at <= now for call in newest_days[-1])
    calls = [call for made in reversed(newest_days) for call in made]
    return calls[max(0, found - count) :]


@dataclass(frozen=True, slots=True)
class _Company:
    """Who telephones: the agents, their lines and their customers."""

    vendor: str
    seed: int
    place: Place
    agents: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]

    @classmethod
    def founded(cls, vendor: str, seed: int, place: Place) -> _Company:
        rng = random.Random(f"{seed}/{vendor}")
        extensions = [str(100 + index) for index in range(AGENTS)]
        mobiles = [_mobile(place, rng.getrandbits(48)) for _ in extensions]
        names = mobiles if place.agents == "number" else extensions
        tail = place.national_digits - len(place.line_prefix)
        lines = [
            f"+{place.country_code}{place.line_prefix}{rng.randrange(10**tail):0{tail}d}"
            for _ in range(LINES)
        ]
        agents = tuple(zip(extensions, names, strict=True))
        return cls(vendor, seed, place, agents, tuple(lines))

    def calls_of(self, day: date, rate: float, standing: int) -> list[Call]:
        """Make one day's calls, in the order in which they are placed."""
        rng = random.Random(f"{self.seed}/{self.vendor}/{day}")
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.place.zone))
        sequence = (day - FIRST_DAY).days * SEQUENCES_PER_DAY
        calls: list[Call] = []
        for offset, nature in sorted(self._plan(rng, day, rate, standing)):
            call = self._call(rng, sequence, midnight.astimezone(UTC), offset, nature)
            records = self._records(_imported(call, nature) if self.place.imported else call)
            calls += records
            sequence += len(records)
        return calls

    def _records(self, call: Call) -> list[Call]:
        """Return the vendor's records of a call: of an internal one perhaps one for each end."""
        if call.direction != "internal" or not self.place.two_records:
            return [call]
        first = replace(call, leg="out", conversation=call.sequence)
        (extension,) = [own for own, name in self.agents if name == call.callee]
        second = replace(first, leg="in", sequence=call.sequence + 1, extension=extension)
        return [first, second]

    def _plan(
        self, rng: random.Random, day: date, rate: float, standing: int
    ) -> Iterator[tuple[int, _Nature]]:
        """Say when in the day (microseconds after midnight) what kind of call is placed."""
        standing = min(standing, int(rate / 10))
        for slot in range(standing):
            yield int((slot + rng.random() * 0.2) * 24 * _HOUR / standing), _STANDING
        volume = max(0.0, rate * self._weight(day) * rng.uniform(0.85, 1.15) - standing)
        volume = int(volume) + (rng.random() < volume % 1)
        natures = rng.choices(_NATURE_CHOICES, cum_weights=_CUMULATED_NATURES, k=volume)
        yield from zip(_offsets(rng, volume), natures, strict=True)

    def _weight(self, day: date) -> float:
        rest = len(self.place.weekend)
        if day.weekday() in self.place.weekend:
            return WEEKEND_WEIGHT
        return (7 - rest * WEEKEND_WEIGHT) / (7 - rest)

    def _call(
        self, rng: random.Random, sequence: int, midnight: datetime, offset: int, nature: _Nature
    ) -> Call:
        created = midnight + timedelta(microseconds=offset)
        started = created + timedelta(microseconds=int(rng.random() * 2.0 * _SECOND))
        answered, ended = _course(rng, started, nature)
        caller, callee, extension, line = self._parties(rng, nature)
        recorded = answered is not None and rng.random() < RECORDED_SHARE
        return Call(
            sequence=sequence,
            created_at=created,
            started_at=started,
            answered_at=answered,
            ended_at=ended,
            published_at=_later(rng, ended, 1, 4) if self.place.published_when_over else created,
            recording_ready_at=_recording(rng, ended) if recorded else None,
            rated_at=_rating(rng, answered, ended) if self.place.rated else None,
            synced_at=_later(rng, ended, 5, 600) if self._taken_over(rng, nature) else None,
            caller=caller,
            callee=callee,
            extension=extension,
            line=line,
            direction="outbound" if line and nature.direction == "internal" else nature.direction,
            outcome=nature.outcome,
            ended_by=nature.ended_by,
            abandoned=self.place.abandons
            and nature == _Nature("inbound", "answered", "caller")
            and sequence % CALLS_PER_ABANDONED == 0,
        )

    def _taken_over(self, rng: random.Random, nature: _Nature) -> bool:
        return self.place.synced and nature.direction != "internal" and rng.random() < SYNCED_SHARE

    def _parties(self, rng: random.Random, nature: _Nature) -> tuple[str, str, str, str | None]:
        """Say who calls whom: caller, callee, the agent's extension, the external line."""
        agent = int(rng.random() * AGENTS)
        extension, name = self.agents[agent]
        if nature.direction == "internal" and self.place.agents != "line":
            other = self.agents[(agent + 1 + int(rng.random() * (AGENTS - 1))) % AGENTS][1]
            return name, other, extension, None
        line = self.lines[int(rng.random() * LINES)]
        # Squaring lets a few customers call often and many once, as in life.
        customer = self._customer(int(rng.random() ** 2 * CUSTOMERS))
        if self.place.agents == "line":
            name = line
        if nature.direction == "inbound":
            return customer, name, extension, line
        return name, customer, extension, line

    def _customer(self, index: int) -> str:
        key = (self.seed, self.vendor, index)
        number = _numbers.get(key)
        if number is None:
            bits = random.Random(f"{self.seed}/{self.vendor}/customer/{index}").getrandbits(48)
            number = _numbers[key] = _mobile(self.place, bits)
        return number


_numbers: dict[tuple[int, str, int], str] = {}


def _mobile(place: Place, bits: int) -> str:
    prefix = place.mobile_prefixes[bits % len(place.mobile_prefixes)]
    tail = place.national_digits - len(prefix)
    return f"+{place.country_code}{prefix}{scatter(bits) % 10**tail:0{tail}d}"


def _offsets(rng: random.Random, volume: int) -> list[int]:
    """Spread calls over the day, some of them in bursts within one second."""
    hours = rng.choices(_HOURS, cum_weights=_CUMULATED_HOURS, k=volume)
    offsets = [hour * _HOUR + int(rng.random() * _HOUR) for hour in hours]
    bursting = False
    for index in range(1, volume):
        bursting = rng.random() < (BURST_GOES_ON if bursting else BURST_BEGINS)
        if bursting:
            second = offsets[index - 1] // _SECOND
            offsets[index] = second * _SECOND + int(rng.random() * _SECOND)
    return offsets


def _course(
    rng: random.Random, started: datetime, nature: _Nature
) -> tuple[datetime | None, datetime]:
    """Say when the call was answered, if it was, and when it was over."""
    if nature is _STANDING:
        answered = _later(rng, started, 1, 3)
        return answered, _later(rng, answered, 3.3 * 3600, 4.5 * 3600)
    if nature.outcome == "answered":
        answered = _later(rng, started, 1, 25)
        talk = min(7200.0, rng.lognormvariate(4.6, 1.1))
        return answered, answered + timedelta(microseconds=int(talk * _SECOND) + _SECOND)
    if nature.outcome == "missed":
        return None, _later(rng, started, 18, 45)
    return None, _later(rng, started, 0.5, 15)


def _imported(call: Call, nature: _Nature) -> Call:
    """Return the call as a vendor holds it that imports calls after their end, every few minutes.

    Some are in its list from their beginning, for a client recorded that it placed them.
    """
    due = (int(call.ended_at.timestamp()) // IMPORT_EVERY_SECONDS + 1) * IMPORT_EVERY_SECONDS
    takes = scatter(call.sequence) % (IMPORT_TAKES_SECONDS * _SECOND)
    imported = datetime.fromtimestamp(due, UTC) + timedelta(microseconds=takes)
    by_client = call.direction != "inbound" and call.sequence % CALLS_PER_CLIENT_RECORD == 0
    if by_client or nature is _STANDING:
        return replace(call, imported_at=imported)
    return replace(call, imported_at=imported, inserted_at=imported, published_at=imported)


def _recording(rng: random.Random, ended: datetime) -> datetime:
    if rng.random() < LATE_RECORDING_SHARE:
        return _later(rng, ended, 600, 3000)
    return _later(rng, ended, 5, 90)


def _rating(rng: random.Random, answered: datetime | None, ended: datetime) -> datetime | None:
    if answered is None or rng.random() >= RATED_SHARE:
        return None
    return _later(rng, ended, 60, 20 * 3600)


def _later(rng: random.Random, instant: datetime, least: float, most: float) -> datetime:
    seconds = least + rng.random() * (most - least)
    return instant + timedelta(microseconds=int(seconds * _SECOND))
