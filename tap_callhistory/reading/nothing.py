"""Windows that no calls came for: is that likely, and what to ask for before it is believed. Pure.

There may be nothing; or a vendor is asleep, or gives nothing for long periods, or for many calls,
instead of an error.

| No calls came for a window        | and                              | then                      |
|-----------------------------------|----------------------------------|---------------------------|
| where 3 are likely, or none known |                                  | `ReadAgain`, once or more |
| ... that may hold some            | a part of it was not asked for   | `Search` a part           |
| ... and the part held some        | and the window none, three times | `Split`                   |
| where calls are known             | it came so four times            | `Split`                   |
| ... and this run knows none       | the run before had many a day    | `Search` wider ones       |
| ... or are known                  | nor did others just now          | `Search` what held some   |
| ... and that holds none any more  | time after time                  | `Fail`                    |
| where many are known of a longer  | none came time after time        | `Search` behind it        |
| longer than any that held some    | calls came for less of such ones | `Split`                   |
| that ends history                 | calls came for less of others    | `Search` but its end      |
| ... and some came then            | and none, three times            | `Split`, the end is left  |
| no shorter than one was refused   |                                  | `ReadAgain`               |
| the last one of a first run       | and none came before it          | both of these             |
| where some may well be            | the first ones, and now and then | `ReadAgain`               |
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tap_callhistory.errors import IncompleteWindow
from tap_callhistory.reading.decision import Fail, ReadAgain, Search, Split, in_parts
from tap_callhistory.reading.knowledge import EXPECTED_FOR_NONE, REQUESTS_PER_CHECK
from tap_callhistory.reading.passes import Disturbed
from tap_callhistory.reading.searches import Purpose, Searched
from tap_callhistory.reading.windows import A_DAY, HOUR, MINUTE, Window, floor

if TYPE_CHECKING:
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Page
    from tap_callhistory.reading.planner import Planner
    from tap_callhistory.reading.tasks import Task

#: No other window tells how likely calls are: so many like answers are wanted.
LIKE_ANSWERS_OF_THE_FIRST: Final = 6
#: Where so many calls are expected, so many answers without any must come.
EXPECTED_OF_MANY: Final = 100
LIKE_ANSWERS_WHERE_MANY_ARE_EXPECTED: Final = 4
#: In a first run that had so few answers yet, one more is wanted.
ANSWERS_OF_A_SHORT_HISTORY: Final = 20
#: After so many answers without calls, though some are known, the window is read in parts; the
#: last one was to the very words of the first.
EMPTY_ANSWERS_THAT_TELL: Final = 3
EMPTY_ANSWERS_BESIDE_A_PART: Final = 2
#: Where so many calls are expected, by this run or by the one before, an empty window is asked for
#: again now and then: one in so many requests at first, and later as seldom as an end.
EXPECTED_FOR_A_CHECK: Final = 1 / 2
EXPECTED_BEFORE_FOR_A_CHECK: Final = 1
EMPTY_WINDOWS_CHECKED: Final = 8
REQUESTS_PER_EARLY_CHECK: Final = 8
#: So much of a window is asked for where nothing tells how likely calls are: a little less than the
#: periods that vendors limit to, since windows are asked for a little wider than they are. So far
#: from its end, since a vendor may give none for an end that is too young.
PARTS_OF_THE_FIRST: Final = (
    (6 * A_DAY, timedelta(0)),
    (23 * HOUR, HOUR),
    (5 * HOUR, HOUR),
)
#: Else the part that is asked for should hold so many calls.
EXPECTED_OF_A_PART: Final = 4
#: So many times its own length is looked at behind a window.
LENGTHS_BEHIND: Final = 10
#: A vendor is given up after so many times when a window that held calls held none any more, each
#: time so often in a row.
MOST_IN_VAIN: Final = 3
MOST_TRIES: Final = 3
#: So long a time before it holds calls where the run before had many a day: a weekend has none, nor
#: have some holidays; after a month, the run before had not many a day.
WIDER: Final = (timedelta(days=7), timedelta(days=14), timedelta(days=28))


class Nothing:
    """Says what to ask for before no calls are believed.

    Args:
        knowledge: What has been learnt of the vendor.
        resolution: The smallest step of the vendor's date parameters.
    """

    def __init__(self, knowledge: Knowledge, resolution: timedelta) -> None:
        self._knowledge = knowledge
        self._resolution = resolution

    def why(self, window: Window, planner: Planner) -> str:
        """Why it is unlikely that a window holds no calls; "" where it is not."""
        if self._knowledge.lengths.was_refused(window):
            return "no calls came for a period no shorter than one that was refused"
        expected = planner.expected(window)
        if expected is None:
            return "no calls came, and no other window tells if that is likely"
        if not expected and planner.is_last_of_a_first_run(window):
            return "no calls came where history ends, nor before it"
        if expected >= EXPECTED_FOR_NONE:
            return f"no calls came where about {expected:.0f} are likely"
        return ""

    def like_answers(self, task: Task, planner: Planner) -> int:
        """How many like answers are wanted where one is unlikely."""
        expected = planner.expected(task.window)
        # Every fourth is to the very words of the first: what was not ready is now.
        if expected is None:
            return LIKE_ANSWERS_OF_THE_FIRST
        if expected >= EXPECTED_OF_MANY:
            return LIKE_ANSWERS_WHERE_MANY_ARE_EXPECTED
        return 3 if self._is_short(planner) or task.lineage.doubt is not None else 2

    def _is_short(self, planner: Planner) -> bool:
        """Whether little was read, and no run before it: nothing shows a vendor that gives less."""
        answers = self._knowledge.answers
        return answers <= ANSWERS_OF_A_SHORT_HISTORY and not planner.follows_a_run

    def beside_a_part(self, task: Task) -> ReadAgain | None:
        """Ask again for a window of which nothing comes, though calls came of a part of it."""
        answers = task.answers
        told = answers.counts.count(0)
        if task.received or not answers.parts_came or told >= EMPTY_ANSWERS_BESIDE_A_PART:
            return None
        answers.counts.append(0)
        return ReadAgain("no calls came, but for a part of it")

    def is_blank(self, task: Task) -> bool:
        """Whether nothing comes for a window, though calls came for less of it, or of one as long.

        Such a window is read in parts.
        """
        if task.received or not task.window.can_split(self._resolution):
            return False
        told = task.answers.counts.count(0)
        gives_others = task.answers.gives_others and told >= EMPTY_ANSWERS_THAT_TELL
        if task.answers.parts_came or (gives_others and task.lacking):
            return True
        return self._knowledge.lengths.may_be_blank(task.window)

    def in_parts(self, task: Task) -> Split | None:
        """Read in parts a window that is empty beside calls, of a vendor that gives blanks."""
        if not task.window.can_split(self._resolution):
            return None
        reason = "no calls came, and the vendor gives none where there are some"
        resolution = self._resolution
        return in_parts(task.window, task.lineage, 4, reason, resolution=resolution, replan=False)

    def but_its_end(self, task: Task) -> Search | None:
        """Ask for the last window without its last hour: a vendor may give none for a young end."""
        answers, window = task.answers, task.window
        if task.received or answers.end_tried or window.length < 2 * HOUR:
            return None
        answers.end_tried = True
        part = Window(window.start, floor(window.end - HOUR, self._resolution))
        return self._ask(task, part, Purpose.BUT_ITS_END, "no calls came where history ends")

    def behind(self, task: Task, planner: Planner) -> Search | None:
        """Look behind a window for calls that came for a longer one: it may end before they do."""
        answers, window = task.answers, task.window
        end = window.end + LENGTHS_BEHIND * max(window.length, MINUTE)
        part = Window(window.end, min(end, planner.end or window.end))
        if not part or answers.looked_behind or task.lacking_of_its_own:
            return None
        answers.looked_behind = True
        return self._ask(task, part, Purpose.BEHIND, "calls that came before are missing")

    def on_behind(self, task: Task, page: Page | None) -> None:
        """Miss no calls of a longer window any more, if some of them came behind this one."""
        task.search = None
        if page is not None and any(call.key in task.inherited for call in page.calls):
            task.inherited.clear()

    def search(self, task: Task, planner: Planner, why: str) -> Search | None:
        """Ask for another window before the one is asked for again; None where that tells nothing.

        Args:
            task: The window without calls.
            planner: Knows how many calls are likely.
            why: Why none are not.
        """
        answers, window = task.answers, task.window
        if (part := self._part(task, planner)) is not None:
            answers.parts += 1
            return self._ask(task, part, Purpose.SHORTER, why)
        known = bool(task.lacking)
        if answers.gives_others or not (known or self._is_unlikely(window, planner)):
            return None
        if not (known or planner.knows or self._knowledge.gave):
            if answers.in_vain >= len(WIDER):
                return None
            # Its last hour tells little: the vendor may give none for an end that is too young.
            until = max(window.end - HOUR, window.start)
            wider = Window(window.start - WIDER[answers.in_vain], until)
            return self._ask(task, wider, Purpose.AWAKE, why)
        gave = self._knowledge.gave
        if gave is None or self._knowledge.gave_at > task.waiting.answers_before:
            # Others have just come.
            answers.gives_others = True
            return None
        return self._ask(task, gave, Purpose.GAVE, why)

    def _ask(self, task: Task, window: Window, purpose: Purpose, why: str) -> Search:
        task.search = Searched(Disturbed(why), purpose, task.window.end)
        return Search(window, purpose.value)

    def _is_unlikely(self, window: Window, planner: Planner) -> bool:
        return (planner.expected(window) or 0) >= EXPECTED_FOR_NONE

    def _part(self, task: Task, planner: Planner) -> Window | None:
        """A part of a window to ask for: a vendor may give none for so long a period."""
        answers, window = task.answers, task.window
        if answers.parts_came or task.lacking:
            return None
        expected = planner.expected(window)
        if expected is None or (not expected and planner.is_last_of_a_first_run(window)):
            parts = [each for each in PARTS_OF_THE_FIRST if 2 * each[0] <= window.length]
            if answers.parts >= len(parts):
                return None
            length, before_its_end = parts[answers.parts]
            end = floor(window.end - before_its_end, self._resolution)
            return Window(floor(end - length, self._resolution), end)
        if answers.parts or expected < 2 * EXPECTED_OF_A_PART:
            return None
        shares = window.split(int(expected / EXPECTED_OF_A_PART), self._resolution)
        return max(reversed(shares), key=lambda part: planner.expected(part) or 0)

    def on_part(self, task: Task, page: Page | None) -> ReadAgain | None:
        """Decide about a window when a part of it came; None where that held no calls, either."""
        search, task.search = task.search, None
        if page is None or not page.calls:
            return None
        task.answers.parts_came = True
        task.answers.end_is_blank = search is not None and search.purpose is Purpose.BUT_ITS_END
        task.answers.counts.append(len(task.received))
        task.came.update({call.key: call for call in page.calls})
        return ReadAgain("no calls came, but for a part of it", pause=True)

    def on_control(self, task: Task, page: Page | None) -> ReadAgain | Search | Fail:
        """Decide about a window when another one came, which must hold calls.

        A vendor that gives none of these, either, is asleep, or no longer lets its calls be seen.
        """
        answers, search = task.answers, task.search
        assert search is not None  # noqa: S101 - it was begun by `search`
        if page is not None and not page.calls:
            search.tries += 1
            gave = self._knowledge.gave
            if search.purpose is Purpose.GAVE and gave and search.tries < MOST_TRIES:
                # The next answer may be a good one.
                return Search(gave, Purpose.GAVE.value)
            task.search = None
            answers.in_vain += 1
            answers.counts.clear()
            answers.agreeing = 0
            if answers.in_vain < MOST_IN_VAIN or search.purpose is Purpose.AWAKE:
                return ReadAgain(str(search.refusal), pause=True)
            return Fail(_fallen_silent(task.window))
        task.search = None
        answers.gives_others = True
        answers.counts.append(len(task.received))
        if page is not None and search.purpose is Purpose.AWAKE:
            task.inherited.update({call.key: call for call in page.calls})
            if answers.in_vain or task.lacking:
                self._knowledge.note_poor_answer(1 + answers.in_vain)
        return ReadAgain(str(search.refusal), pause=True)

    def check(self, task: Task, planner: Planner) -> ReadAgain | Search | None:
        """Look at a window twice now and then, though no calls are not unlikely."""
        expected, known = planner.expected(task.window), self._knowledge
        least = EXPECTED_FOR_A_CHECK if planner.knows else EXPECTED_BEFORE_FOR_A_CHECK
        if expected is None or expected < least:
            return None
        checked = known.empty_windows_checked
        early = checked < EMPTY_WINDOWS_CHECKED
        per_check = REQUESTS_PER_EARLY_CHECK if early else REQUESTS_PER_CHECK
        told = len(task.answers.counts) + task.answers.end_tried
        if told >= (2 if self._is_short(planner) else 1):
            return None
        if not told and planner.knows and checked * per_check > known.answers:
            return None
        known.empty_windows_checked += not told
        if task.window.end == planner.end and (search := self.but_its_end(task)):
            return search
        task.answers.counts.append(0)
        return ReadAgain("now and then an empty window is looked at twice", pause=True)


def _fallen_silent(window: Window) -> IncompleteWindow:
    error = IncompleteWindow(
        f"the vendor gives no calls for the window {window}, where some are likely, nor those any "
        "longer that it gave before"
    )
    error.advice = "Check that your account may still see its calls; the next run asks again"
    return error
