"""Answers that hold fewer calls than is likely, and are asked for again. Pure.

A replica that lags behind, a search index that has not warmed up or a broken cache answers with a
good status and too few calls. What came before and beside it tells that this is unlikely. It costs
one more request where the vendor is right: two like answers are trusted, or six where nothing
came and nothing else is known. Once a vendor was found to give too little, five to nine answers
must agree, by the share of poor ones; each page that gives the same total is one.

| What came                         | where                                | then                 |
|-----------------------------------|--------------------------------------|----------------------|
| a page with fewer calls           | total or page size promise more      | `AskAgain`, the page |
| a page with another total         | than the window had most often       | `AskAgain`, the page |
| a page without calls              | behind a full page                   | `AskAgain`, the page |
| a window without calls            |                                      | as in `nothing`      |
| a window with a few calls         | 12 and 4 times as many are likely    | `ReadAgain`          |
| a window that lacks calls         | which came of it before              | `ReadAgain`          |
| ... for good, all of many         | it cannot be split                   | `Fail`               |
| ... time and again                | its calls come and go                | as a disturbed pass  |
| ... so do those of inner pages    | no total tells what they must hold   | split, into pages    |
| a window without total            | silent where its last page ends      | `AskAgain`, the page |
|                                   | ... which is its only one            | `ReadAgain`          |
| any window                        | the first, and then now and then     | `AskAgain`, its end  |
|                                   | the vendor gives too little          | until answers agree  |
| a window that is to leave, empty  | those beside it are dense            | `ReadAgain`          |
| ... beside calls, of a vendor     | that gave nothing where there were   | `Split`              |
| ... or accepted                   | before that was found out            | `ReadAgain`          |

The window is then asked for in a slightly other shape, so that no cache answers. What had left
before the vendor was found to give too little is read once more when all else has been read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tap_callhistory.reading.decision import AskAgain, Fail, ReadAgain, Search, Split, unreadable
from tap_callhistory.reading.knowledge import EXPECTED_FOR_NONE, REQUESTS_PER_CHECK, is_notable
from tap_callhistory.reading.passes import Disturbed, TooMany
from tap_callhistory.reading.tasks import PageAnswers, State
from tap_callhistory.reading.windows import A_DAY

if TYPE_CHECKING:
    from tap_callhistory.reading.aim import Aim
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.nothing import Nothing
    from tap_callhistory.reading.pages import Page, Position
    from tap_callhistory.reading.planner import Planner
    from tap_callhistory.reading.tasks import Task

#: Where so many calls are expected, a fraction of them is unlikely.
EXPECTED_FOR_A_FEW: Final = 12
FRACTION: Final = 1 / 4
#: A page or a window is asked for no more often, or than this once asking again has helped.
MOST_ANSWERS: Final = 4
MOST_ANSWERS_WHERE_IT_HELPS: Final = 14
#: So many like answers in a row tell that the calls they lack are gone, as when they are erased.
ANSWERS_THAT_STAY: Final = 8
#: So many pages that give the same total need no such check.
TOTALS_THAT_DO: Final = 3
#: A last page that so often in a row held fewer calls, asked for again alone, may do so in the
#: rhythm of the vendor's poor answers: the whole window is read again.
MOST_LOOKS_IN_VAIN: Final = 6
#: Nobody erases so many calls, and with them all others of a window, while it is read.
MANY_GONE: Final = 12
#: A window whose calls come and go is split into some that fill a page so far.
FILLED: Final = 0.6


class Unlikely:
    """Says which answers to ask for again.

    Args:
        knowledge: What has been learnt of the vendor.
        aim: How many calls the windows to come should hold.
        nothing: Says so of windows without calls.
    """

    def __init__(self, knowledge: Knowledge, aim: Aim, nothing: Nothing) -> None:
        self._knowledge = knowledge
        self._nothing = nothing
        self._aim = aim

    def page(self, task: Task, position: Position, page: Page) -> Page | AskAgain:
        """Decide about a page before it is taken in.

        Returns:
            The page to take in, which is the fullest of several; or that it is asked for again.
        """
        if page.total is not None and (page.calls or not position.beyond):
            task.told_totals[page.total] += 1
        known = task.repeated.get(position)
        why = self._why_page(task, position, page)
        if known is None:
            if not why:
                return page
            task.repeated[position] = PageAnswers(page, [len(page.calls)], page)
            return AskAgain([position], why)
        known.counts.append(len(page.calls))
        before, likely = known.best, task.likely_total
        if _rank(page, likely) > _rank(before, likely):
            known.best = page
        helps = self._knowledge.asking_again_helps
        alike = known.counts.count(len(known.best.calls))
        if not self._why_page(task, position, known.best):
            # Where it is no fuller, it was learnt meanwhile that pages may be so short.
            if _holds_more(known.best, known.first):
                total_held = page.total is not None and page.total == before.total
                self._knowledge.note_poor_answer(len(known.counts) - 1, total_held=total_held)
        elif alike >= self._like_pages(task, page):
            self._knowledge.short_pages_hold += 1
            task.last.like_answers = alike if task.has_inner_pages else 0
        elif len(known.counts) < (MOST_ANSWERS_WHERE_IT_HELPS if helps else MOST_ANSWERS):
            return AskAgain([position], why or "its answers differ")
        return known.best

    def _like_pages(self, task: Task, page: Page) -> int:
        """How many like answers tell that a page is as short as it is."""
        if not self._knowledge.asking_again_helps:
            return 2
        if page.total is not None or self._knowledge.only_ends_lack_calls:
            return self._knowledge.answers_to_trust
        # The page before may be the poor one, so the pass is repeated soon; not in the same
        # rhythm, or a vendor whose every third answer is poor gives the same one that one.
        return 2 + task.attempt % 2

    def _why_page(self, task: Task, position: Position, page: Page) -> str:
        if task.current is None or position.again:
            return ""
        likely, total = task.likely_total, page.total
        if total is not None and likely and is_notable(abs(total - likely), max(total, likely)):
            at_the_end = position.beyond and not page.calls
            return "" if at_the_end else f"the total was {likely}, and is {total}"
        tells_nothing = total is not None and total == self._knowledge.constant_total
        if tells_nothing or self._knowledge.pages_may_be_short:
            return ""
        return task.current.lacks(position, page)

    @property
    def _knows_it(self) -> bool:
        return self._knowledge.gives_too_little

    def window(self, task: Task, planner: Planner) -> ReadAgain | AskAgain | Search | Fail | None:
        """Decide about a window that proved itself; None where nothing is unlikely.

        Raises:
            Disturbed: Calls come and go, and now some of them are gone.
            TooMany: So they do between others: a window that fills a page is told from another.
        """
        answers = task.answers
        self._compare(task, planner)
        answers.foreseen = bool(planner.expected(task.window))
        why = self._why_window(task, planner)
        wanted = 2 if why else 1
        if why and not task.received:
            wanted = self._nothing.like_answers(task, planner)
        alike = answers.counts.count(len(task.received)) + 1
        if task.lacking:
            why = "calls that came before are missing"
            few = task.received and not is_notable(len(task.lacking), len(task.known))
            wanted = 2 if few else MOST_ANSWERS
        most = max(MOST_ANSWERS, wanted)
        if self._knows_it:
            why = why or "the vendor was found to give too little"
            wanted = max(wanted, self._knowledge.answers_to_trust)
            alike, most = answers.agreeing, MOST_ANSWERS_WHERE_IT_HELPS
        if self._knows_it and self._is_thinned(task):
            page = task.current.limits.page_size if task.current else 1
            self._aim.at(max(int(page * FILLED), 1))
            raise TooMany("calls come and go", calls=len(task.known), at_cap=False)
        before = answers.counts[-(ANSWERS_THAT_STAY - 1) :]
        stays = before == [len(task.received)] * (ANSWERS_THAT_STAY - 1)
        if alike < wanted and not stays and len(answers.counts) < most - 1:
            return self._once_more(task, planner, why)
        if alike < wanted and not stays and self._knows_it and answers.refuted:
            raise Disturbed(f"{len(task.received)} calls came, {len(task.lacking)} are missing")
        gone = len(task.lacking)
        if not task.received and gone >= MANY_GONE:
            if behind := self._nothing.behind(task, planner):
                return behind
            return unreadable(task.window, f"{gone} calls that came before do not come any more")
        answers.trusted = self._knows_it
        return self._end(task, planner)

    def _compare(self, task: Task, planner: Planner) -> None:
        """Compare what came with what has come before of the same window."""
        answers, current = task.answers, task.current
        assert current is not None  # noqa: S101 - its pages have just come
        if answers.counted:
            answers.agreeing += task.last.holds
            return
        answers.counted = True
        self._compare_inner_pages(task)
        own = len(task.lacking_of_its_own)
        if (own and self._knows_it) or is_notable(own, len(task.known)):
            answers.refuted = True
            self._knowledge.note_poor_answer()
        if answers.counts and is_notable(task.brought_at_last, len(task.known)):
            answers.refuted = True
            self._knowledge.note_poor_answer(len(answers.counts))
        if answers.agreeing and task.novel:
            # Calls of a day ago are not published just now.
            old = planner.end is not None and task.window.end < planner.end - A_DAY
            lacked_all = not task.known and old
            if self._knows_it or lacked_all or is_notable(len(task.novel), len(task.received)):
                answers.refuted = True
                self._knowledge.note_poor_answer(answers.agreeing)
            answers.agreeing = 0
        if not task.lacking:
            end = task.last.like_answers if self._knowledge.only_ends_lack_calls else 0
            answers.agreeing += max(task.totals, end, 1)

    def _compare_inner_pages(self, task: Task) -> None:
        if not task.has_inner_pages or not task.known:
            return
        if not (task.lacking or task.novel):
            self._knowledge.inner_pages_hold |= task.answers.agreeing > 0
        elif is_notable(task.differences_within, len(task.known)):
            self._knowledge.inner_pages_lack = True

    def _is_thinned(self, task: Task) -> bool:
        """Whether passes over several pages never agree, so that only single pages tell."""
        lacks = self._knowledge.inner_pages_lack and task.has_inner_pages
        return lacks and (bool(task.lacking) or len(task.answers.counts) > 1)

    def note_end(self, task: Task, page: Page) -> None:
        """Note what came of a last page that was asked for again."""
        total = task.current.total if task.current else None
        task.last.holds = len(page.calls) >= task.last.calls
        task.last.in_vain = 0 if task.last.holds else task.last.in_vain + 1
        if is_notable(task.last.calls - len(page.calls), task.last.calls):
            self._knowledge.note_poor_answer(
                total_held=page.total is not None and total == page.total
            )

    def _once_more(self, task: Task, planner: Planner, why: str) -> ReadAgain | AskAgain | Search:
        answers, last = task.answers, task.last.position
        inner_hold = self._knowledge.only_ends_lack_calls and task.has_inner_pages
        inner_hold = inner_hold and task.last.in_vain < MOST_LOOKS_IN_VAIN
        if self._knows_it and inner_hold and last is not None and not task.lacking:
            # The inner pages hold: only the last one may still have been cut.
            return AskAgain([last._replace(again=True)], why)
        if not task.received and (search := self._nothing.search(task, planner, why)):
            return search
        task.search = None
        answers.counts.append(len(task.received))
        return ReadAgain(why, pause=True)

    def on_part(
        self, task: Task, page: Page | None, planner: Planner
    ) -> ReadAgain | AskAgain | Search:
        """Decide about a window without calls when a part of it came, or did not."""
        why = str(task.search.refusal) if task.search else ""
        return self._nothing.on_part(task, page) or self._once_more(task, planner, why)

    def _why_window(self, task: Task, planner: Planner) -> str:
        came, expected = len(task.received), planner.expected(task.window)
        if self._knowledge.ignores_bounds:
            return ""
        if not came:
            return self._nothing.why(task.window, planner)
        few = (expected or 0) >= EXPECTED_FOR_A_FEW and came < (expected or 0) * FRACTION
        return f"{came} calls came where about {expected:.0f} are likely" if few else ""

    def _end(self, task: Task, planner: Planner) -> ReadAgain | AskAgain | Search | None:
        """Look once more at the end of a window: its last page may have been cut."""
        current, last = task.current, task.last.position
        if (
            current is None
            or task.last.asked_again
            or self._knows_it
            or self._knowledge.ignores_bounds
        ):
            return None
        if last is None:
            return self._nothing.check(task, planner)
        task.last.asked_again = True
        if current.total is None and self._end_is_silent(task, planner):
            why = "its last page may lack calls"
            if last in task.first_positions:
                task.answers.counts.append(len(task.received))
                return ReadAgain(why, pause=True)
            return AskAgain([last._replace(again=True)], why)
        checked = self._knowledge.ends_checked
        before = checked + (last not in task.first_positions)
        due = before * REQUESTS_PER_CHECK <= self._knowledge.answers
        if due and task.totals < TOTALS_THAT_DO:
            self._knowledge.ends_checked += 1
            why = "now and then an end is looked at twice"
            return AskAgain([last._replace(again=True)], why, pause=False)
        return None

    def _end_is_silent(self, task: Task, planner: Planner) -> bool:
        """Whether the end where the pages end is silent for longer than is likely.

        By the hours of the day, as dense as the windows before, or as the rest of this one.
        """
        assert task.current is not None  # noqa: S101 - its pages have just come
        silence = task.shape.silence_behind(task.current.direction)
        silent, whole = planner.expected(silence), planner.expected(task.window)
        if silent is None or whole is None:
            share = silence.length / task.window.length
            return share < 1 and len(task.received) * share / (1 - share) >= EXPECTED_FOR_NONE
        rest = whole - silent
        by_its_pace = len(task.received) * silent / rest if rest > 0 else silent
        return max(silent, by_its_pace) >= EXPECTED_FOR_NONE

    def beside(
        self, task: Task, following: Task | None, planner: Planner
    ) -> ReadAgain | Split | None:
        """Decide about a window that is about to leave.

        Windows are read side by side: when it came, nothing may have been known of its neighbours,
        nor that the vendor gives too little.

        Args:
            task: The window.
            following: The next one, of which all has come; None where there is none.
            planner: Knows what the windows before it held.
        """
        if task.state is not State.READ or self._knowledge.ignores_bounds:
            return None
        answers = task.answers
        if self._knows_it and not answers.trusted:
            answers.trusted = True
            if answers.agreeing < self._knowledge.answers_to_trust:
                task.reopen()
                return ReadAgain("it came before the vendor was found to give too little")
        if task.calls or task.lineage.doubt:
            return None
        before, behind = planner.expected(task.window) or 0.0, 0.0
        if following is not None:
            behind = len(following.calls) * (task.window.length / following.window.length)
        if self._knowledge.may_be_blank(task.window, before, behind):
            return self._nothing.in_parts(task)
        # After two like answers, only what lies on both sides makes a third one worth its price.
        likely = min(before, behind) if answers.counts else max(before, behind)
        if likely < EXPECTED_FOR_NONE or len(answers.counts) > 1:
            return None
        answers.counts.append(0)
        return ReadAgain("no calls came, and the windows beside it hold many", pause=True)


def _rank(page: Page, likely: int) -> tuple[int, int]:
    """The fullest page is the best one, but for one with an unlikely total."""
    total = page.total or 0
    return total if total <= likely else 0, len(page.calls)


def _holds_more(page: Page, other: Page) -> bool:
    return (page.total or 0, len(page.calls)) > (other.total or 0, len(other.calls))
