"""What a shard's state proves: the last STATE that came out of the loader.

    {"bookmarks": {"utel_call_history": {"replication_key": "date_time",
                                         "replication_key_value": "2025-04-01T00:00:00.000000Z",
                                         "revisits": {"24": "2025-04-01T00:00:00.000000Z"}},
                   "callhistory_windows": {"entered_until": {
                       "utel_call_history": "2025-04-01T00:00:00.000000Z"}}}}

Only what has left the loader is in the warehouse, so a STATE of the tap itself proves nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_callhistory.clocks import parse_instant
from tap_callhistory.errors import CallHistoryError
from tap_callhistory.output.bookmarks import CALLS_PER_DAY, KEY, REVISITS, VALUE
from tap_callhistory.output.ledger import ENTERED_UNTIL
from tap_callhistory.output.ledger import NAME as LEDGER
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from tap_callhistory.shards.plan import Shard

#: Keys that begin so name windows that could not be read whole.
INCOMPLETE: Final = "incomplete"
_KNOWN: Final = frozenset({KEY, VALUE, REVISITS, CALLS_PER_DAY})


class BadState(CallHistoryError):  # noqa: N818 - the user's word for it
    """A state that proves nothing; the text goes on from the shard's id."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a state says of one stream.

    Attributes:
        read_by: The replication key.
        bookmark: Up to where history has been read and loaded.
        revisits: By age in hours, as the state writes it: before which instant calls have been
            read at that age or later.
        entered_until: Up to where the ledger holds the windows; None where it is not kept.
        calls_per_day: What the stream remembers of its density, as it is; None for nothing.
        ledger: The ledger's whole part of the state.
    """

    read_by: str
    bookmark: datetime
    revisits: Mapping[str, datetime] = field(default_factory=dict)
    entered_until: datetime | None = None
    calls_per_day: Any = None
    ledger: Mapping[str, Any] = field(default_factory=dict)

    @property
    def proved_until(self) -> datetime:
        """Where the next run of the tap would begin: what lies before it is read, and entered."""
        if self.entered_until is None:
            return self.bookmark
        return min(self.bookmark, self.entered_until)


def keys_of(stream: str) -> tuple[str, ...]:
    """The replication keys that a stream may have, whatever its settings."""
    (kind,) = [kind for kind in VENDORS if kind.name == stream]
    return (kind.read_by, *kind.also_read_by)


def bookmarks_in(state: object) -> Mapping[str, Any]:
    """The bookmarks of a state, by stream, those of streams that say nothing left out.

    Raises:
        BadState: It is no Singer state.
    """
    if isinstance(state, dict) and isinstance(state.get("singer_state"), dict):
        state = state["singer_state"]  # as Meltano writes it down
    bookmarks = state.get("bookmarks", {}) if isinstance(state, dict) else None
    if not isinstance(bookmarks, dict) or not all(
        isinstance(each, dict) for each in bookmarks.values()
    ):
        raise BadState("its state is not a Singer state: an object per stream in bookmarks")
    return {name: each for name, each in bookmarks.items() if each}


def proof_in(bookmarks: Mapping[str, Any], stream: str) -> Proof | None:
    """What bookmarks say of a stream; None where they do not have it.

    Raises:
        BadState: They are of another version, or nonsense.
    """
    given = bookmarks.get(stream)
    if not given:
        return None
    unknown = sorted(name for name in given if name not in _KNOWN and not _incomplete(name))
    if unknown:
        raise BadState(f"its state has {', '.join(unknown)}, which this version does not know")
    key = given.get(KEY)
    if not isinstance(key, str):
        raise BadState(f"its state has no {KEY}")
    revisits = given.get(REVISITS) or {}
    ledger = bookmarks.get(LEDGER) or {}
    marks = ledger.get(ENTERED_UNTIL) or {}
    if not isinstance(revisits, dict) or not isinstance(marks, dict):
        raise BadState(f"its {REVISITS} or {ENTERED_UNTIL} is not an object")
    mark = marks.get(stream)
    return Proof(
        read_by=key,
        bookmark=_instant(given.get(VALUE), VALUE),
        revisits={
            _age(hours): _instant(value, f"{REVISITS}.{hours}") for hours, value in revisits.items()
        },
        entered_until=None if mark is None else _instant(mark, f"{ENTERED_UNTIL}.{stream}"),
        calls_per_day=given.get(CALLS_PER_DAY),
        ledger=ledger,
    )


def incomplete_in(bookmark: Mapping[str, Any]) -> list[str]:
    """The names of a bookmark's entries with windows that could not be read whole."""
    return sorted(name for name, value in bookmark.items() if _incomplete(name) and value)


def state_of(shard: Shard, folder: Path) -> object | None:
    """The shard's state in a folder: the last whole line of its file; None without a file.

    A loader's whole output may be in the file, a STATE a line, the last one cut by a kill.

    Raises:
        BadState: The file cannot be read, or holds no JSON.
    """
    try:
        text = (folder / f"{shard.id}.json").read_bytes().removeprefix(b"\xef\xbb\xbf")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadState(f"its state cannot be read: {error.strerror}") from None
    if not text.strip():
        return None
    for each in (text, *reversed(text.splitlines())):
        try:
            found: object = msgspec.json.decode(each)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        else:
            return found
    raise BadState("its state is not JSON")


def _incomplete(name: str) -> bool:
    return name.startswith(INCOMPLETE)


def _age(hours: str) -> str:
    try:
        age = float(hours)
    except ValueError:
        age = 0.0
    if not 0 < age < math.inf:
        raise BadState(f"its {REVISITS} have an age that is not a positive number of hours")
    return f"{age:.10g}"


def _instant(value: object, name: str) -> datetime:
    try:
        if isinstance(value, str):
            return parse_instant(value)
    except ValueError:
        pass
    raise BadState(f"its {name} is not a date-time with an offset or Z")
