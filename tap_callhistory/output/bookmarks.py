"""A stream's bookmarks: up to where its history has been read, in its part of the Singer state.

    {"replication_key": "created_at",
     "replication_key_value": "2026-01-13T12:00:00.000000Z",
     "revisits": {"24": "2026-01-12T12:00:00.000000Z", "168": "2026-01-06T12:00:00.000000Z"},
     "calls_per_day": "412.5",
     "incomplete_windows": [["2026-01-09T08:15:00.000000Z", "2026-01-09T08:16:00.000000Z"]]}

The value is the instant up to which the vendor's history has been read completely; it does not
follow the records. `revisits` has one more such instant for every age, in hours. `calls_per_day`,
of the newest history, tells the next run when an empty answer is unlikely; it is text, since a
loader made with the SDK fails at a fraction in a state. It is 0 as long as no call has ever come.
`incomplete_windows` are those that `on_incomplete_window: continue` has left behind: every run with
that setting reads them again.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.errors import StateError
from tap_callhistory.reading.windows import Window, merged, without

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

KEY: Final = "replication_key"
VALUE: Final = "replication_key_value"
REVISITS: Final = "revisits"
CALLS_PER_DAY: Final = "calls_per_day"
INCOMPLETE: Final = "incomplete_windows"
#: The newest of them are kept.
MOST_INCOMPLETE: Final = 200
#: Of what is this much older, a third still counts in the calls per day.
MEMORY_OF_CALLS = timedelta(days=7)
FEWEST_PER_DAY: Final = 0.001
#: Two machines' clocks may differ by so much; a bookmark further ahead was not written by us.
CLOCK_SKEW = timedelta(hours=1)


class Bookmarks:
    """Reads a stream's state, and moves it forward only.

    Attributes:
        never_gave: Whether no call has ever come to the runs before: what is silent may have been a
            vendor that was not ready. It stays so in the state until that was read once more.
    """

    def __init__(
        self,
        state: MutableMapping[str, Any],
        *,
        replication_key: str,
        now: datetime,
        unfinished_call: timedelta,
    ) -> None:
        """Take over a state.

        Args:
            state: The stream's part of the state; written in place.
            replication_key: The property that the bookmark stands for.
            now: The moment when the sync began.
            unfinished_call: How long after its beginning an unfinished call holds the bookmark.

        Raises:
            StateError: The state is of another version, of another replication key, or nonsense.
        """
        self._state = state
        self._key = replication_key
        self._oldest_held = now - unfinished_call
        self._held_at: datetime | None = None
        self.bookmark = _read_bookmark(state, replication_key, now)
        self.revisits = _read_revisits(state, now)
        self.calls_per_day = _read_calls_per_day(state)
        self.never_gave = self.calls_per_day == 0
        self.incomplete = _read_incomplete(state, now)

    def hold(self, began: datetime) -> None:
        """Do not pass the beginning of an unfinished call, unless it is an old one."""
        if began >= self._oldest_held:
            self._held_at = began if self._held_at is None else min(began, self._held_at)

    def read_until(self, instant: datetime) -> None:
        """History has been read completely up to this instant."""
        reached = instant if self._held_at is None else min(instant, self._held_at)
        self.bookmark = reached if self.bookmark is None else max(reached, self.bookmark)

    def count(self, calls: int, length: timedelta) -> None:
        """Note how many calls the next stretch of new history had."""
        rate = calls / (length / timedelta(days=1))
        share = math.exp(-length / MEMORY_OF_CALLS)
        before = rate if self.calls_per_day is None else self.calls_per_day
        per_day = before * share + rate * (1 - share)
        # After a long silence, some calls ago are more than none ever.
        self.calls_per_day = max(round(per_day, 3), FEWEST_PER_DAY) if per_day else 0.0

    def note(self, window: Window, *, complete: bool) -> None:
        """Note whether a window could be read whole: if not, every run is to try it again."""
        if complete:
            self.incomplete = without(self.incomplete, window)
        else:
            self.incomplete = merged([*self.incomplete, window])[-MOST_INCOMPLETE:]

    def write(self, revisits: Mapping[timedelta, datetime]) -> None:
        """Put the bookmark and the revisits' bookmarks into the state."""
        if self.bookmark is None:
            return
        self._state[KEY] = self._key
        self._state[VALUE] = fixed_width(self.bookmark)
        self._state[REVISITS] = {
            _hours(age): fixed_width(instant) for age, instant in sorted(revisits.items())
        }
        if self.calls_per_day is not None:
            told = 0.0 if self.never_gave else self.calls_per_day
            self._state[CALLS_PER_DAY] = f"{told:.15g}"
        self._state.pop(INCOMPLETE, None)
        if self.incomplete:
            self._state[INCOMPLETE] = [
                [fixed_width(each.start), fixed_width(each.end)] for each in self.incomplete
            ]


def _hours(age: timedelta) -> str:
    return f"{age / timedelta(hours=1):.10g}"


def _read_bookmark(
    state: Mapping[str, Any], replication_key: str, now: datetime
) -> datetime | None:
    unknown = sorted(set(state) - {KEY, VALUE, REVISITS, CALLS_PER_DAY, INCOMPLETE})
    if unknown:
        raise _nonsense(f"it has {', '.join(unknown)}, which this version does not know")
    if not state:
        return None
    if state.get(KEY) != replication_key:
        raise _nonsense(
            f"its {KEY} is not {replication_key}, which the stream is read by with these settings"
        )
    return _read_instant(state.get(VALUE), VALUE, now)


def _read_revisits(state: Mapping[str, Any], now: datetime) -> dict[timedelta, datetime]:
    revisits = state.get(REVISITS, {})
    if not isinstance(revisits, dict):
        raise _nonsense(f"its {REVISITS} is not an object")
    return {
        _read_age(hours): _read_instant(value, f"{REVISITS}.{hours}", now)
        for hours, value in revisits.items()
    }


def _read_incomplete(state: Mapping[str, Any], now: datetime) -> list[Window]:
    given = state.get(INCOMPLETE, [])
    if not isinstance(given, list) or not all(
        isinstance(each, list) and len(each) == 2  # noqa: PLR2004 - start and end
        for each in given
    ):
        raise _nonsense(f"its {INCOMPLETE} is not a list of pairs")
    windows = (Window(*(_read_instant(at, INCOMPLETE, now) for at in each)) for each in given)
    return merged(windows)


def _read_calls_per_day(state: Mapping[str, Any]) -> float | None:
    given = state.get(CALLS_PER_DAY)
    if given is None:
        return None
    try:
        calls = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        calls = math.nan
    if not 0 <= calls < math.inf:
        raise _nonsense(f"its {CALLS_PER_DAY} is not a number from 0 on")
    return calls


def _read_age(hours: str) -> timedelta:
    try:
        age = timedelta(hours=float(hours))
    except (ValueError, OverflowError):
        raise _nonsense(f"its {REVISITS} has an age that is not a number of hours") from None
    if age <= timedelta(0):
        raise _nonsense(f"its {REVISITS} has an age that is not positive")
    return age


def _read_instant(value: object, name: str, now: datetime) -> datetime:
    try:
        instant = parse_instant(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None:
        raise _nonsense(f"its {name} is not a date-time with an offset or Z")
    if instant > now + CLOCK_SKEW:
        raise _nonsense(f"its {name} lies in the future")
    return instant


def _nonsense(fault: str) -> StateError:
    return StateError(
        f"the state cannot be trusted: {fault}. Nothing was read. Restore the last good state, or "
        "clear this stream's state to load it from start_date again"
    )
