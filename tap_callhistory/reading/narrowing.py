"""What to ask for instead of what a vendor refused. Pure.

A refusal is about the window until shown otherwise, whatever its words; the words only choose what
is tried first. At most about a dozen cheap requests tell; what worked is remembered.

| The first page was refused        | and                              | then                     |
|-----------------------------------|----------------------------------|--------------------------|
| windows as long have come         | for the first time               | `ReadAgain`              |
| the window ends where history     | its words speak of the end       | its end moves back       |
|   does                            | windows as long came, or a day's | its end moves back       |
|                                   | moving it did not help           | `Split` in four, whole   |
|                                   | it is longer                     | `Split`, but an hour     |
| it is one of the last hour's      | others came                      | `Split`, with the rest   |
| its words speak of the beginning  |                                  | `Search`                 |
| the last hours failed             | others come                      | their end moves back     |
| otherwise                         | longer than an hour              | `Split` in four          |
|                                   | history goes on behind it        | `Search`                 |
|                                   | otherwise                        | `Fail`                   |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard

from tap_callhistory.errors import (
    IncompleteWindow,
    VendorRefusal,
)
from tap_callhistory.reading.decision import Decision, Fail, ReadAgain, Search, Split, in_parts
from tap_callhistory.reading.searches import Purpose, Searched
from tap_callhistory.reading.windows import A_DAY, HOUR, MINUTE, Window, floor

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.tasks import Task

#: How far the end of history moves back, step by step, for a vendor that refuses it.
STEPS_BACK: Final = (MINUTE, 4 * MINUTE, 10 * MINUTE, 45 * MINUTE)
#: Where so much of history's end fails, and others come, it may be for the end. Windows are split
#: in four, so that one as long is still longer than the end moves back.
LAST_HOURS: Final = 4 * HOUR
#: How many windows are asked for to find where the vendor's history begins.
MOST_SEARCHES: Final = 9
#: So often a vendor is asked again, after a pause, that gave others before.
MOST_ROUNDS: Final = 3
#: The same, where it gives others meanwhile.
MOST_ROUNDS_OF_THE_LIVING: Final = 6


class Narrowing:
    """Decides about windows that were refused.

    Args:
        knowledge: What has been learnt of the vendor.
        resolution: The smallest step of the vendor's date parameters.
        refuse: Told of the length of a window that is not to be planned again.

    Attributes:
        horizon: The end of all that is to be read.
        let_in_before: Whether the vendor gave calls to a run before.
    """

    def __init__(
        self, knowledge: Knowledge, resolution: timedelta, refuse: Callable[[timedelta], None]
    ) -> None:
        self.horizon: datetime | None = None
        self.let_in_before = False
        self._end_of_history: datetime | None = None
        self._moved_in_vain = False
        self._reads_the_end = False
        self._took_in_the_rest = False
        self._knowledge = knowledge
        self._resolution = resolution
        self._refuse = refuse

    def read_until(self, end: datetime | None) -> None:
        """Note where what is to be read now ends; the end of history is the latest of these."""
        if end is not None and (self._end_of_history is None or end > self._end_of_history):
            self.horizon = self._end_of_history = end
        self._reads_the_end = end == self._end_of_history

    def ends_history(self, window: Window) -> bool:
        """Whether a window ends where history does: the vendor may find its end too young."""
        return window.end == self.horizon

    def concerns(self, error: Exception | None) -> TypeGuard[VendorRefusal]:
        """Whether another window might not be refused."""
        if not isinstance(error, VendorRefusal):
            return False
        others_came = self._knowledge.answers > 0 or self.let_in_before
        return error.may_mean_the_window or (
            error.may_mean_a_window_once_others_came and others_came
        )

    def on_refusal(self, task: Task, error: VendorRefusal) -> Decision:
        """Decide when the first page of a window was refused."""
        self._knowledge.lengths.note_refusal(task.window)
        at_end, length = self.ends_history(task.window), task.window.length
        if moved := self._moved(task, error) if at_end else self._with_the_rest(task, error):
            return moved
        if error.speaks_of_the_beginning and not at_end:
            return self._search(task, error)
        if at_end and length > A_DAY:
            return self._but_its_last_hour(task, error)
        if length > HOUR and task.window.can_split(self._resolution):
            if length > self._knowledge.lengths.longest_accepted:
                self._refuse(length)
            window, resolution = task.window, self._resolution
            return in_parts(window, task.lineage, 4, str(error), resolution=resolution)
        return self._search(task, error)

    def _moved(self, task: Task, error: VendorRefusal) -> Decision | None:
        """Move the end of history back, if the window may be refused for it; or back again."""
        usual = max(A_DAY, self._knowledge.lengths.longest_accepted)
        too_young = error.speaks_of_the_end or task.window.length <= usual
        if not (too_young or task.lineage.trims):
            return None
        trimmed = self._trimmed(task, error)
        if trimmed or not task.lineage.trims or self._end_of_history is None:
            return trimmed
        return self._untrimmed(task, error, self._end_of_history)

    def _with_the_rest(self, task: Task, error: VendorRefusal) -> Split | None:
        """Ask for a window and all of history behind it as one, whose end moves back; once a run.

        Where windows are shorter than the time that an end must lie back by, those before the last
        one end too late, too.
        """
        window, end = task.window, self._end_of_history
        if self._took_in_the_rest or end is None or error.speaks_of_too_many_calls:
            return None
        is_young = self._reads_the_end and end - HOUR < window.end < end
        if not (is_young and self._knowledge.answers) or task.lineage.doubt is not None:
            return None
        if window.length > max(self._knowledge.lengths.longest_accepted, HOUR):
            return None
        self._took_in_the_rest = True
        self.horizon = end
        rest, lineage = Window(window.start, end), task.lineage._replace(trims=0)
        reason = f"{error}; history is asked for to its end"
        return Split([rest], lineage, reason, takes_in_the_rest=True)

    def once_more(self, task: Task, error: VendorRefusal) -> ReadAgain | None:
        """Ask for a window again that is no longer than others that came.

        Not where history ends: to move the end back costs as little, and loses nothing.
        """
        length = task.window.length
        if length > self._knowledge.lengths.longest_accepted or error.speaks_of_too_many_calls:
            return None
        if self.ends_history(task.window) or task.refused.asked_once_more:
            return None
        if not self._knowledge.came_before(task.window):
            return None  # it may lie before all that the vendor keeps
        task.refused.asked_once_more = True
        return ReadAgain(str(error), pause=True)

    def ask_recent(self, task: Task, error: Exception | None) -> Search | None:
        """Ask for a recent hour when all that was asked for was a long window, and forbidden.

        A plan may cover the last months only; where not even an hour is given, it is the account.
        """
        if not isinstance(error, VendorRefusal) or not error.may_mean_the_plan:
            return None
        if self._knowledge.answers or self.horizon is None:
            return None
        if task.window.length <= 3 * HOUR or task.search is not None:
            return None
        start = floor(self.horizon - 2 * HOUR, self._resolution)
        task.search = Searched(error, Purpose.RECENT, task.window.end)
        return Search(Window(start, start + HOUR), Purpose.RECENT.value)

    def on_search(
        self, task: Task, asked: Window, error: Exception | None, *, given: bool
    ) -> Decision:
        """Decide when a window came, or did not, that was asked for in place of another."""
        search = task.search
        assert search is not None  # noqa: S101 - it was begun by a decision of these
        if search.purpose is Purpose.RECENT:
            task.search = None
            refusal = search.refusal
            if given and isinstance(refusal, VendorRefusal):
                return self.on_refusal(task, refusal)
            return Fail(refusal)
        if not given and not self.concerns(error):
            return Fail(error or IncompleteWindow(f"nothing came for the window {asked}"))
        return self._on_searched(task, asked, given=given)

    def _on_searched(self, task: Task, asked: Window, *, given: bool) -> Decision:
        """Decide when a window came, or was refused, that was to find where history begins.

        Args:
            task: The window whose refusal began the search.
            asked: What was asked for.
            given: Whether it came.
        """
        search = task.search
        assert search is not None  # noqa: S101 - it was begun by `on_refusal`
        search.tries += 1
        if given:
            search.given = asked.start
        else:
            search.refused = asked.end
        return self._search(task, search.refusal)

    def _search(self, task: Task, error: Exception) -> Decision:
        """Ask for an hour between what was refused and the end of what is to be read."""
        if self.horizon is None:
            return Fail(error)
        refused = min(task.window.end, task.window.start + HOUR)
        search = task.search
        if search is None or search.purpose is not Purpose.BEGINNING:
            search = task.search = Searched(error, Purpose.BEGINNING, refused)
        until = search.given or self.horizon
        if search.tries >= MOST_SEARCHES or until - search.refused <= 2 * HOUR:
            return self._rest(task, search, error)
        # The newest history first: if not even that is given, the window is not the reason.
        middle = search.refused + (until - search.refused) / 2
        start = self.horizon - 2 * HOUR if search.given is None and not search.tries else middle
        start = max(floor(start, self._resolution), search.refused)
        hour = Window(start, min(start + HOUR, self.horizon))
        return Search(hour, Purpose.BEGINNING.value)

    def _rest(self, task: Task, search: Searched, error: Exception) -> Decision:
        """Ask for a window again after a pause: the vendor may have tired for a while only.

        Above all if it gives nothing at all now, or gave history as old before.
        """
        rounds = MOST_ROUNDS
        if search.given is not None:
            came_before = self._knowledge.came_before(task.window)
            rounds = MOST_ROUNDS_OF_THE_LIVING if came_before else 1
        if not self._knowledge.answers or search.rounds >= rounds:
            return Fail(_found(task, search.given, error))
        search.rounds += 1
        if search.given is None:
            search.tries = 0
        return ReadAgain(str(error), pause=True)

    def at_a_young_end(self, task: Task, error: Exception) -> Decision | None:
        """Move the end of history back where the last hours fail, and others come; once a run."""
        length, tried = task.window.length, task.lineage.trims
        answered = self._knowledge.answers > task.waiting.answers_before
        if not self.ends_history(task.window) or self._moved_in_vain:
            return None
        if not tried and not (answered and HOUR < length <= LAST_HOURS):
            return None
        if (trimmed := self._trimmed(task, error)) or self._end_of_history is None:
            return trimmed
        self._moved_in_vain = True
        self.horizon = self._end_of_history
        whole = Window(task.window.start, self.horizon)
        return Split([whole], task.lineage._replace(trims=0), f"{error}; not for its end")

    def _trimmed(self, task: Task, error: Exception) -> Decision | None:
        """Move the end of history back; None where nothing would be left of a first question."""
        trims = task.lineage.trims
        if trims >= len(STEPS_BACK):
            return None
        end = floor(task.window.end - STEPS_BACK[trims], self._resolution)
        kept = Window(task.window.start, end)
        if not kept and not self._knowledge.answers:
            return None
        self.horizon = max(end, task.window.start)
        lineage = task.lineage._replace(trims=trims + 1)
        return Split([kept] if kept else [], lineage, f"{error}; its end is moved back")

    def without_its_end(self, task: Task) -> Split:
        """Leave the last hour of history to the next run, for a vendor that gives none with it."""
        window = task.window
        end = max(floor(window.end - HOUR, self._resolution), window.start)
        self.horizon = self._knowledge.latest_end = end
        reason = "no calls come for it, and some without its last hour"
        return Split([Window(window.start, end)], task.lineage, reason)

    def _but_its_last_hour(self, task: Task, error: VendorRefusal) -> Split:
        """Ask for a long window without its last hour, which tells if its end was the reason."""
        cut = floor(task.window.end - HOUR, self._resolution)
        parts = [Window(task.window.start, cut), Window(cut, task.window.end)]
        rest = parts[1] if task.lineage.doubt is None else None
        return Split(parts, task.lineage, f"{error}; its last hour is left for later", rest)

    def _untrimmed(self, task: Task, error: VendorRefusal, end: datetime) -> Decision:
        """Take up what was left of the end of history in vain, and ask for less of it."""
        self.horizon = end
        whole = Window(task.window.start, end)
        if whole.length <= HOUR:
            return self._search(task, error)
        self._refuse(whole.length)
        parts = whole.split(4, self._resolution)
        return Split(parts, task.lineage._replace(trims=0), f"{error}; not for its end")


def _found(task: Task, given: datetime | None, error: Exception) -> Exception:
    """The error to end with: from when on the vendor gives history, if any was given."""
    if given is None:
        return error
    since = given.isoformat(timespec="minutes").replace("+00:00", "Z")
    found = IncompleteWindow(
        f"the vendor refuses the window {task.window} ({str(error).rstrip('. ')}), and gives calls "
        f"from about {since} on"
    )
    found.advice = f"Move start_date to {since} if older calls are not to be had"
    return found
