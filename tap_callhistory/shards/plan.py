"""A plan: which shards a history is divided into, as a JSON file.

    {"shards": [{"id": "acme-utel_call_history-2025-01-01_2025-04-01", "account": "acme",
                 "vendor": "utel", "stream": "utel_call_history",
                 "start": "2025-01-01T00:00:00.000000Z", "end": "2025-04-01T00:00:00.000000Z",
                 "expected_calls": 180000}]}

Every shard is half-open, ``[start, end)``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.errors import CallHistoryError
from tap_callhistory.reading.windows import Window
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

#: An id names a file, a part of a state's id and a task of a scheduler.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_STREAMS: Final = {kind.name: kind.vendor for kind in VENDORS}


class PlanError(CallHistoryError):
    """A plan that cannot be made, or a file that is none; one line per fault in `lines`."""

    def __init__(self, lines: str | Sequence[str]) -> None:
        self.lines = [lines] if isinstance(lines, str) else list(lines)
        super().__init__("; ".join(self.lines))


@dataclass(frozen=True, slots=True)
class Shard:
    """One stretch of one source's history, read by one run of the ordinary tap.

    Attributes:
        id: Names the shard, its state's file and its run.
        account: The label of the account, as in the setting of that name.
        vendor: The vendor's name in the settings.
        stream: The stream that reads it.
        window: Its stretch of history, ``[start, end)``.
        expected_calls: About how many calls it holds; None where nobody knows.
    """

    id: str
    account: str
    vendor: str
    stream: str
    window: Window
    expected_calls: int | None = None

    @classmethod
    def of(
        cls, account: str, vendor: str, stream: str, window: Window, expected_calls: int | None
    ) -> Self:
        """A shard with an id made of what it is."""
        # Logs mask what may be a phone number, as 20250101 may; dates stay.
        ends = "_".join(_compact(end) for end in (window.start, window.end))
        name = _NOT_IN_AN_ID.sub("_", f"{account}-{stream}-{ends}").lstrip("._-")
        return cls(name, account, vendor, stream, window, expected_calls)

    @classmethod
    def read(cls, row: object, place: int) -> Self:
        """Read a shard of a plan's file.

        Args:
            row: The shard's object.
            place: Which of the plan's shards it is, counted from 1.

        Raises:
            PlanError: It is no shard of this tap's streams.
        """
        if not isinstance(row, dict):
            raise PlanError(f"The plan's shard {place} is not an object.")
        texts = {name: _text(row, name, place) for name in ("id", "account", "vendor", "stream")}
        shard = cls(**texts, window=_window(row, place), expected_calls=_count(row, place))
        if not _ID.fullmatch(shard.id):
            raise PlanError(
                f"The plan's shard {place} has an id that cannot name a file: letters, digits, "
                "dots, dashes and underscores only, a letter or digit first, 200 at most."
            )
        if _STREAMS.get(shard.stream) != shard.vendor:
            raise PlanError(
                f"The plan's shard {place} ({shard.id}) is of a stream that this version does not "
                "have for its vendor."
            )
        return shard

    def row(self) -> dict[str, Any]:
        """The shard as an object of a plan's file."""
        return {
            "id": self.id,
            "account": self.account,
            "vendor": self.vendor,
            "stream": self.stream,
            "start": fixed_width(self.window.start),
            "end": fixed_width(self.window.end),
            "expected_calls": self.expected_calls,
        }


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """What is read by itself: one stream of one account."""

    account: str
    stream: str

    def __str__(self) -> str:
        return f"{self.account} {self.stream}"


def by_source(shards: Iterable[Shard]) -> dict[Source, list[Shard]]:
    """Shards by their source, each list in order of time."""
    found: dict[Source, list[Shard]] = {}
    for shard in sorted(shards, key=lambda shard: (shard.window, shard.id)):
        found.setdefault(Source(shard.account, shard.stream), []).append(shard)
    return dict(sorted(found.items()))


def written(shards: Iterable[Shard]) -> str:
    """A plan's file, one shard a line."""
    rows = ",\n".join(f"  {msgspec.json.encode(shard.row()).decode()}" for shard in shards)
    return f'{{"shards": [\n{rows}\n]}}\n'


def plan_in(file: Path) -> list[Shard]:
    """Read a plan's file.

    Raises:
        PlanError: It cannot be read, or is no plan.
    """
    rows = object_in(file, "--plan").get("shards")
    if not isinstance(rows, list) or not rows:
        raise PlanError("The file given with --plan has no shards.")
    shards = [Shard.read(row, place) for place, row in enumerate(rows, 1)]
    ids = [shard.id for shard in shards]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise PlanError([f"The plan has the id {each} twice." for each in twice])
    return shards


def object_in(file: Path, option: str) -> Mapping[str, Any]:
    """Read a JSON file with an object in it.

    Raises:
        PlanError: It cannot be read, or holds something else; names the option, not the file.
    """
    try:
        found = msgspec.json.decode(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except OSError as error:
        raise PlanError(f"The file given with {option} cannot be read: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise PlanError(f"The file given with {option} is not JSON.") from None
    if not isinstance(found, dict):
        raise PlanError(f"The file given with {option} is not a JSON object.")
    return found


def _text(row: Mapping[str, Any], name: str, place: int) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise PlanError(f"The plan's shard {place} has no {name}.")
    return value


def _window(row: Mapping[str, Any], place: int) -> Window:
    ends = []
    for name in ("start", "end"):
        try:
            ends.append(parse_instant(row.get(name) or ""))
        except (TypeError, ValueError):
            raise PlanError(
                f"The plan's shard {place} has no {name} that is a date-time with an offset or Z."
            ) from None
    window = Window(*ends)
    if not window:
        raise PlanError(f"The plan's shard {place} ends before it begins.")
    return window


def _count(row: Mapping[str, Any], place: int) -> int | None:
    value = row.get("expected_calls")
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise PlanError(f"The plan's shard {place} has expected_calls that are not a count.")


def _compact(instant: datetime) -> str:
    whole_day = (instant.hour, instant.minute, instant.second, instant.microsecond) == (0, 0, 0, 0)
    shown = instant.astimezone(UTC)
    if whole_day:
        return f"{shown:%Y-%m-%d}"
    return f"{shown:%Y-%m-%dT%H%M%S}" + (f".{shown:%f}" if shown.microsecond else "")
