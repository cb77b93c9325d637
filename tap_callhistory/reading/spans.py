"""What a sync has to read: new history, and the stretches that have come of an age. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_callhistory.reading.windows import Window, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta


def new_history(
    *, start_date: datetime, bookmark: datetime | None, lookback: timedelta, end: datetime
) -> Window:
    """The history that a sync reads: ``[bookmark - lookback, end)``, never before `start_date`.

    The window is empty (false) when there is nothing to read.
    """
    start = start_date if bookmark is None else max(start_date, bookmark - lookback)
    return Window(start, end)


@dataclass(frozen=True, slots=True)
class Revisits:
    """The stretches of history to be read once more, because they have come of an age.

    Each age has a bookmark: calls that began before it have been read at that age or later.
    """

    bookmarks: Mapping[timedelta, datetime]
    targets: Mapping[timedelta, datetime]

    @classmethod
    def plan(
        cls,
        *,
        ages: Iterable[timedelta],
        bookmarks: Mapping[timedelta, datetime],
        bookmark: datetime | None,
        now: datetime,
        end: datetime | None = None,
    ) -> Revisits:
        """Say, for every age, from where to where history is due.

        An old stretch that is read today is older than an age throughout, so its bookmarks reach
        its end at once: they are reckoned from when history is read, not from where it ends.

        Args:
            ages: The ages at which history is read once more.
            bookmarks: The ages' bookmarks in the state.
            bookmark: The stream's own bookmark before this sync. A history that was never read
                needs no visit where it is older than the age: its first reading is the visit.
            now: The moment when the sync began.
            end: Where the sync's history ends, and no claim goes beyond it; by default, now.
        """
        known = now if bookmark is None else min(bookmark, now)
        end = end or now
        marks = {age: bookmarks.get(age, min(known - age, end)) for age in ages}
        return cls(
            bookmarks=marks,
            targets={age: max(mark, min(now - age, end)) for age, mark in marks.items()},
        )

    def spans(
        self, *, read: Window, start_date: datetime, bookmark: datetime | None
    ) -> list[Window]:
        """The history to revisit, in order and without overlaps.

        Args:
            read: What this sync has read as new: that was a visit, too.
            start_date: Nothing before it is read.
            bookmark: The stream's bookmark before this sync: what lies behind it is read at all.
        """
        if bookmark is None:
            return []
        spans = merged(
            Window(max(self.bookmarks[age], start_date), min(self.targets[age], bookmark))
            for age in self.bookmarks
        )
        if not read:
            return spans
        before = [Window(span.start, min(span.end, read.start)) for span in spans]
        after = [Window(max(span.start, read.end), span.end) for span in spans]
        return [span for span in (*before, *after) if span]

    def visited(self, window: Window) -> Revisits:
        """The same revisits when one more window, next in order, has been read."""
        moved = {
            age: max(mark, min(window.end, self.targets[age])) if window.start <= mark else mark
            for age, mark in self.bookmarks.items()
        }
        return Revisits(moved, self.targets)

    def done(self) -> Revisits:
        """The same revisits when everything that was due has been read."""
        return Revisits(dict(self.targets), self.targets)
