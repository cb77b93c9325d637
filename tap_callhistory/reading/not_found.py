"""Pages that were not found: a 404 may be a vendor's word for nothing, or a blink. Pure.

| A page was not found              | and                            | then                       |
|-----------------------------------|--------------------------------|----------------------------|
| for the first time                | others came                    | `AskAgain`                 |
|                                   | it is the first of all         | `Search` a month, for any  |
| ... that is not found, or refused | a few times                    | `Search` others, for any   |
| ... nor are months before it      | a few times                    | `Search` days, then hours  |
|                                   | otherwise                      | `Fail`                     |
| time after time                   | each time after a failure      | as a refusal               |
|                                   | it is a window's first         | `Search` what came before  |
| ... that still comes              | and it is not found once more  | as an empty page           |
| ... that does not                 | the vendor blinks              | `ReadAgain`                |
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tap_callhistory.errors import IncompleteWindow, VendorRefusal
from tap_callhistory.reading.decision import AskAgain, Decision, Fail, ReadAgain, Search
from tap_callhistory.reading.searches import Purpose, Searched
from tap_callhistory.reading.weight import is_too_heavy
from tap_callhistory.reading.windows import A_DAY, HOUR, Window

if TYPE_CHECKING:
    from datetime import datetime

    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Page, Position
    from tap_callhistory.reading.tasks import Task

#: A vendor that gives calls at all gives some of so long a time.
WIDER: Final = timedelta(days=30)
#: So many windows are asked for until one comes: of a vendor that finds none, and of one that
#: refuses some, so that the address is right.
MOST_SEARCHES: Final = 5
MOST_SEARCHES_OF_THE_LIVING: Final = 14
#: Of a vendor that finds none, so many of them are long ones, and the others so short. They end an
#: hour before history does: a vendor may say 404 to a period too long, too full or too young.
LONG_SEARCHES: Final = 2
SHORT_SEARCHES: Final = (6 * A_DAY, 23 * HOUR, 5 * HOUR)
#: So often is what came before no longer found until the vendor is given up.
MOST_BLINKS: Final = 4


class NotFound:
    """Says which 404s to ask for again, and what is to be made of the others.

    Args:
        knowledge: What has been learnt of the vendor.

    Attributes:
        end: Where all that is to be read ends; None where nothing is.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self.end: datetime | None = None
        self._knowledge = knowledge

    def came(self, task: Task, position: Position, page: Page) -> None:
        """Note that a page came: if it was not found before, the vendor blinks."""
        was_empty = position in task.refused.taken_for_empty and bool(page.calls)
        if task.refused.missing.pop(position, None) or was_empty:
            self._knowledge.blinks = True

    def ask_again(
        self, task: Task, position: Position, error: Exception | None
    ) -> AskAgain | Search | None:
        """Have a page asked for again that was not found: not every 404 means what it says."""
        if not isinstance(error, VendorRefusal):
            return None
        unsure = error.may_mean_nothing and not self._knowledge.answers
        if not (unsure or error.may_be_a_blink):
            return None
        told = task.refused.missing.setdefault(position, [])
        told.append(error)
        if unsure:
            return self._search(task, Purpose.ANY, error, _month_until(self.end or task.window.end))
        like = self._knowledge.like_404s
        if len(told) < like + task.refused.others_answer:
            # In another rhythm, if one of the vendor's machines is bad and they take turns.
            return AskAgain([position], str(error), last=len(told) > 1)
        control = self._knowledge.control(task.window)
        first = position in task.first_positions and task.end_of is None
        if first and like > 1 and not task.refused.others_answer and control is not None:
            return self._search(task, Purpose.STILL, error, control)
        # Further down its list, a page that is not found is no word on the window.
        self._knowledge.lasting_404s += first and len(told) > 1
        return None

    def word_of_nothing(self, task: Task, position: Position, error: Exception | None) -> bool:
        """Whether the vendor said, now or the times before, that there are no calls."""
        told = task.refused.missing.pop(position, [])
        if not isinstance(error, VendorRefusal):
            return False
        after = sum(each.after_a_failure for each in told)
        if after > 1 or 0 < after == len(told):
            return False
        if error.may_mean_nothing:
            task.refused.taken_for_empty.add(position)
            return True
        if not error.may_be_a_blink:
            # A window that is refused was not looked for before, or in vain.
            self._knowledge.blinks |= bool(told)
            return False
        return any(each.may_mean_nothing for each in told)

    def on_search(
        self, task: Task, asked: Window, page: Page | None, error: Exception | None
    ) -> Decision:
        """Decide when a window came, or did not, that was to tell what a 404 means."""
        search = task.search
        assert search is not None  # noqa: S101 - it was begun by `ask_again`
        search.tries += 1
        if page is not None:
            task.came.update({call.key: call for call in page.calls})
            whole = asked.encloses(task.window) or not task.window.encloses(asked)
            # What comes of a part tells nothing of the whole, which may be too long or too full.
            self._knowledge.blinks |= bool(task.lacking) and whole
            task.answers.parts_came |= bool(task.lacking) and not whole
            task.refused.others_answer = True
            if search.purpose is Purpose.ANY and asked.encloses(task.window):
                # The calls of this window would have come with it, or may have.
                for told in task.refused.missing.values():
                    told.extend(told[-1:])
        elif search.purpose is Purpose.ANY:
            return self._search_on(search, asked, error)
        else:
            self._knowledge.blinks = True
            task.refused.missing.clear()
            if search.tries >= MOST_BLINKS:
                return Fail(search.refusal)
        return ReadAgain(str(search.refusal), pause=True)

    def _search(self, task: Task, purpose: Purpose, error: VendorRefusal, window: Window) -> Search:
        before = task.search
        tries = before.tries if before and before.purpose is purpose else 0
        task.search = Searched(error, purpose, task.window.end, tries=tries)
        return Search(window, purpose.value)

    def _search_on(self, search: Searched, asked: Window, error: Exception | None) -> Decision:
        """Ask for a shorter window where one was refused, for an earlier one where none came."""
        found_nothing = isinstance(error, VendorRefusal) and (
            error.may_be_a_blink or error.may_mean_nothing
        )
        refused = isinstance(error, VendorRefusal) and error.may_mean_the_window
        if not (found_nothing or refused or is_too_heavy(error)):
            return Fail(error or IncompleteWindow(f"nothing came for the window {asked}"))
        search.alive |= not found_nothing
        if search.tries >= (MOST_SEARCHES_OF_THE_LIVING if search.alive else MOST_SEARCHES):
            return Fail(search.refusal)
        if not search.alive and search.tries >= LONG_SEARCHES and self.end is not None:
            end = self.end - HOUR
            asked = Window(end - SHORT_SEARCHES[search.tries - LONG_SEARCHES], end)
        elif not found_nothing:
            length = max(asked.length / 4, min(asked.length, HOUR))
            asked = Window(asked.end - length, asked.end)
        elif search.tries > 1:
            # Further and further back: a night, or a weekend, has no calls either.
            back = asked.length * search.tries
            asked = Window(asked.start - back, asked.end - back)
        return Search(asked, search.purpose.value)


def _month_until(end: datetime) -> Window:
    return Window(end - WIDER, end)
