"""Answers that hold fewer calls than is likely, and are asked for again. Pure.

A replica that lags behind, a search index that has not warmed up or a broken cache answers with a
good status and too few calls. What came before and beside it tells that this is unlikely. It costs
one more request where the vendor is right: two like answers are trusted. More must be alike where
nothing came and nothing else is known (four), of a whole that held calls or a vendor that was found
to give too little (three), and against calls that are known already (five).

| What came                         | where                                | then                 |
|-----------------------------------|--------------------------------------|----------------------|
| a page with fewer calls           | total or page size promise more      | `AskAgain`, the page |
| a page without calls              | behind a full page                   | `AskAgain`, the page |
| a window without calls            | 3 were expected, or nothing is known | `ReadAgain`          |
| the last window of a first run    | and none came before it              | `ReadAgain`          |
| a window with a few calls         | 12 and 4 times as many are likely    | `ReadAgain`          |
| a window with fewer calls         | than came of it before               | `ReadAgain`          |
| ... time and again                | its calls come and go                | as a disturbed pass  |
| a window without total            | silent where its last page ends      | `AskAgain`, the page |
|                                   | ... which is its only one            | `ReadAgain`          |
| a window that is to leave, empty  | those beside it are dense            | `ReadAgain`          |

The window is then asked for in a slightly other shape, so that no cache answers. A vendor that was
found to give too little has every end and every empty window asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tap_callhistory.reading.decision import AskAgain, ReadAgain
from tap_callhistory.reading.passes import Disturbed
from tap_callhistory.reading.tasks import Repeated, State

if TYPE_CHECKING:
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Page, Position
    from tap_callhistory.reading.planner import Planner
    from tap_callhistory.reading.tasks import Task

#: Where so many calls are expected, none is unlikely.
EXPECTED_FOR_NONE: Final = 3
#: Where so many calls are expected, a fraction of them is unlikely.
EXPECTED_FOR_A_FEW: Final = 12
FRACTION: Final = 1 / 4
#: A page or a window is asked for no more often.
MOST_ANSWERS: Final = 4
#: Where calls are known that do not come, so many more answers, of which so many may be alike.
MOST_ANSWERS_AGAINST_A_BETTER_ONE: Final = 8
LIKE_ANSWERS_AGAINST_A_BETTER_ONE: Final = 4


class Unlikely:
    """Says which answers to ask for again.

    Args:
        knowledge: What has been learnt of the vendor.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    def page(self, task: Task, position: Position, page: Page) -> Page | AskAgain:
        """Decide about a page before it is taken in.

        Returns:
            The page to take in, which is the fullest of several; or that it is asked for again.
        """
        known = task.repeated.get(position)
        why = self._why_page(task, position, page)
        if known is None or known.best is None:
            if not why:
                return page
            task.repeated[position] = Repeated([len(page.calls)], page)
            return AskAgain([position], why)
        known.counts.append(len(page.calls))
        if len(page.calls) > len(known.best.calls):
            known.best = page
        if not self._why_page(task, position, known.best):
            self._knowledge.gives_too_little = True
        elif known.counts.count(len(known.best.calls)) > 1 + self._knows_it:
            self._knowledge.short_pages_hold += 1
        elif len(known.counts) < MOST_ANSWERS:
            return AskAgain([position], why)
        return known.best

    def _why_page(self, task: Task, position: Position, page: Page) -> str:
        if task.current is None or position.again or self._knowledge.pages_may_be_short:
            return ""
        return task.current.lacks(position, page)

    @property
    def _knows_it(self) -> bool:
        return self._knowledge.gives_too_little

    def window(self, task: Task, planner: Planner) -> ReadAgain | AskAgain | None:
        """Decide about a window that proved itself; None where nothing is unlikely.

        Raises:
            Disturbed: Calls come and go, and now most of them are gone.
        """
        came, counts = len(task.received), task.seen.counts
        held = max(task.held, len(task.came))
        most = max([*counts, *([held] if held else [])], default=came)
        if abs(came - most) >= max(EXPECTED_FOR_NONE, min(came, most) // 2):
            self._knowledge.gives_too_little = True
        why = "fewer calls came than before" if came < most else self._why_window(task, planner)
        # Of a whole that held calls, an empty part is the less likely.
        like, answers = 1 if came else self._like_empty_answers(task, planner), MOST_ANSWERS
        if came < held and self._knows_it:
            # A vendor that gives too little has given more of this very stretch.
            like, answers = LIKE_ANSWERS_AGAINST_A_BETTER_ONE, MOST_ANSWERS_AGAINST_A_BETTER_ONE
        if not why or counts.count(came) >= like or len(counts) >= answers - 1:
            comes_and_goes = task.emptier_answer_was_wrong and not self._knowledge.ignores_bounds
            if comes_and_goes and came < most // 2:
                raise Disturbed(f"{came} calls came, and {most} before")
            return self._end(task, planner)
        counts.append(came)
        return ReadAgain(why, pause=True)

    def _like_empty_answers(self, task: Task, planner: Planner) -> int:
        """How many answers without calls must have come before a window is taken for empty."""
        expected = planner.expected(task.window)
        if expected is None or (self._knows_it and expected >= EXPECTED_FOR_NONE):
            # The fourth answer is to the very words of the first: what was not ready is now.
            return 3
        return 2 if self._knows_it or task.lineage.doubt is not None else 1

    def _why_window(self, task: Task, planner: Planner) -> str:
        came, expected = len(task.received), planner.expected(task.window)
        if self._knowledge.ignores_bounds:
            return ""
        if expected is None:
            return "" if came else "no calls came, and no other window tells if that is likely"
        if came:
            few = expected >= EXPECTED_FOR_A_FEW and came < expected * FRACTION
            return f"{came} calls came where about {expected:.0f} are likely" if few else ""
        if not expected and planner.is_last_of_a_first_run(task.window):
            return "no calls came where history ends, nor before it"
        if expected >= EXPECTED_FOR_NONE or self._knows_it:
            return f"no calls came where about {expected:.0f} are likely"
        return ""

    def _end(self, task: Task, planner: Planner) -> ReadAgain | AskAgain | None:
        """Look once more at the end of a window without total: its last page may have been cut."""
        current, last = task.current, task.last_page
        if current is None or last is None or current.total is not None or task.end_is_asked:
            return None
        silence = task.shape.silence_behind(current.direction)
        expected = planner.expected(task.window) or 0
        unlikely = silence.calls_at_its_pace >= EXPECTED_FOR_NONE or (
            expected * (silence.length / task.window.length) >= EXPECTED_FOR_NONE
        )
        if not (unlikely or self._knows_it) or self._knowledge.ignores_bounds:
            return None
        task.end_is_asked = True
        why = "its last page may lack calls"
        if last in task.first_positions:
            task.seen.counts.append(len(task.received))
            return ReadAgain(why, pause=True)
        return AskAgain([last._replace(again=True)], why)

    def beside(self, task: Task, following: Task | None, planner: Planner) -> ReadAgain | None:
        """Decide about a window without calls that is about to leave.

        Windows are read side by side: when it came, nothing may have been known of its neighbours.

        Args:
            task: The window.
            following: The next one, of which all has come; None where there is none.
            planner: Knows what the windows before it held.
        """
        silent, counts = task.state is State.READ and not task.calls, task.seen.counts
        if not silent or task.lineage.doubt or self._knowledge.ignores_bounds:
            return None
        before, behind = planner.expected(task.window) or 0.0, 0.0
        if following is not None:
            behind = len(following.calls) * (task.window.length / following.window.length)
        # After two like answers, only what lies on both sides makes a third one worth its price.
        likely = min(before, behind) if counts else max(before, behind)
        if likely < EXPECTED_FOR_NONE or len(counts) > 1:
            return None
        task.seen.counts.append(0)
        return ReadAgain("no calls came, and the windows beside it hold many", pause=True)
