"""What is learnt of a vendor while one stream is read; it outlives every window. Only grows."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_callhistory.reading.carried import Astray, Cap, Depth, Lengths

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from tap_callhistory.reading.pages import Page
    from tap_callhistory.reading.windows import Window

#: After so many short pages that were right, short pages are a vendor's habit.
SHORT_PAGES_OF_A_HABIT = 3
#: Of so many windows it is known that the vendor answered them.
REMEMBERED_ANSWERS = 64
#: That every answer that agrees with the others lacked the same calls may be so likely.
RISK = 1e-4
#: How many answers of a vendor that gives too little must agree, at the least and at the most.
FEWEST_TO_TRUST = 5
MOST_TO_TRUST = 9
#: From so many calls on, and so large a share, an answer that lacks them is no chance: calls that
#: are moved, deleted or published meanwhile are fewer.
FEWEST_LACKING = 3
SHARE_LACKING = 1 / 8
#: Where so many calls are expected, none is unlikely.
EXPECTED_FOR_NONE = 3
#: The end of one window in so many requests is asked for again though nothing is unlikely: a
#: vendor whose answers lack calls, and prove themselves all the same, is found by nothing else.
REQUESTS_PER_CHECK = 25
#: A 404 must come so often in a row before it is taken for a vendor's word on a window.
LIKE_404S = 2
#: The same, from a vendor that was found to answer what it called not found a moment before.
LIKE_404S_OF_A_BLINKING_VENDOR = 6
#: After so many 404s that were the same when they were asked again, they are a vendor's habit.
LASTING_404S_OF_A_HABIT = 2
#: Windows are asked for a little wider than they are, and so hold calls of those beside them.
BESIDE = timedelta(minutes=5)


@dataclass(slots=True)
class Knowledge:
    """What a stream has learnt of its vendor during one sync, shared by its passes.

    Attributes:
        most_calls: The largest number of calls that one pass has received.
        largest_trusted: The largest number of calls of a pass that was accepted without a doubt. A
            vendor that has given so many does not stop at fewer.
        ignores_bounds: Whether the vendor heeds the bounds of windows only roughly, so that
            shorter windows bring no fewer calls.
        total_holds: Whether the vendor's total was right for a window of several pages. Until
            then even a single page is followed by a look at the next.
        cap: At how many results the vendor turned out to stop.
        opening: The cursor that opens a pass, where the vendor pages by cursor.
        answers: How many pages have come.
        answered: The windows that a page came for last, the latest one at the end.
        gave: The window that calls came for last.
        gave_at: How many pages had come then.
        gave_since: Where the earliest window begins that calls came for.
        habitual_surplus: How many calls more than it gives the vendor counts in every window.
        constant_total: What the vendor counts in a window and in its halves, whatever they hold.
        latest_end: The vendor refuses an end that is younger than this one; None if it does not.
        lengths: How long a window the vendor carries.
        depth: How far down its lists it gives pages.
        astray: How far outside of the windows that were asked for calls began that came.
        largest_page: The largest number of calls on one page.
        short_pages_hold: How many pages with fewer calls than their place promised held just as
            few when they were asked for again.
        pages_fall_short: Whether a page that was asked for again has brought more, under the total
            that it had before: the vendor's totals are right, and its pages are not.
        gives_too_little: Whether an answer that proved itself turned out to lack calls.
        gives_blanks: Whether nothing came for a window, though calls came for a part of it.
        inner_pages_hold: Whether two passes of several pages without a total have agreed since.
        inner_pages_lack: Whether such a pass lacked calls between those that it brought.
        poor_answers: How many answers have lacked calls that others brought.
        ends_checked: How many windows' ends were asked for again though nothing was unlikely.
        empty_windows_checked: How many empty windows were, though none was unlikely.
        lasting_404s: How many 404s were the same when they were asked again.
        blinks: Whether a page came where a 404 had come before.
    """

    most_calls: int = 0
    largest_trusted: int = 0
    ignores_bounds: bool = False
    total_holds: bool = False
    cap: Cap = field(default_factory=Cap)
    opening: str = ""
    answers: int = 0
    answered: deque[Window] = field(default_factory=lambda: deque(maxlen=REMEMBERED_ANSWERS))
    gave: Window | None = None
    gave_at: int = 0
    gave_since: datetime | None = None
    habitual_surplus: int | None = None
    constant_total: int | None = None
    latest_end: datetime | None = None
    lengths: Lengths = field(default_factory=Lengths)
    depth: Depth = field(default_factory=Depth)
    astray: Astray = field(default_factory=Astray)
    largest_page: int = 0
    short_pages_hold: int = 0
    pages_fall_short: bool = False
    gives_too_little: bool = False
    gives_blanks: bool = False
    inner_pages_hold: bool = False
    inner_pages_lack: bool = False
    poor_answers: int = 0
    ends_checked: int = 0
    empty_windows_checked: int = 0
    lasting_404s: int = 0
    blinks: bool = False

    def is_wrong_by_habit(self, surplus: int, total: int | None) -> bool:
        """Whether a total that counts so many more calls than came is no more than a habit."""
        habit = surplus == self.habitual_surplus or total == self.constant_total
        return habit and surplus != 0

    def note_poor_answer(self, answers: int = 1, *, total_held: bool = False) -> None:
        """Note that answers lacked calls that others brought.

        Args:
            answers: How many.
            total_held: Whether the vendor's total had told so.
        """
        self.poor_answers += answers
        self.pages_fall_short = True
        self.gives_too_little |= not total_held

    @property
    def asking_again_helps(self) -> bool:
        """Whether more has come of any page or window that was asked for again."""
        return self.pages_fall_short or self.gives_too_little

    @property
    def only_ends_lack_calls(self) -> bool:
        """Whether the vendor gives too little, and of passes without a total only the end lacks."""
        whole_inside = self.inner_pages_hold and not self.inner_pages_lack
        return self.gives_too_little and whole_inside

    @property
    def answers_to_trust(self) -> int:
        """How many answers must agree before a window of a vendor that gives too little is whole.

        So many that it is very unlikely that all of them lacked the same calls.
        """
        share = (self.poor_answers + 1) / (self.answers + self.poor_answers + 1)
        share = min(max(share, 0.01), 0.99)
        wanted = math.ceil(math.log(RISK) / math.log(share))
        return min(max(wanted, FEWEST_TO_TRUST), MOST_TO_TRUST)

    def stops_at(self, calls: Collection[str | int]) -> bool:
        """Note that these came of more; whether the vendor stops there, as no window had more."""
        again = self.cap.stopped_before(calls)
        if not again or len(calls) < self.most_calls or self.gives_too_little:
            return False
        self.cap.prove(len(calls))
        return True

    @property
    def known_cap(self) -> int | None:
        """The number of results at which the vendor stops, as long as nothing else explains it."""
        if self.gives_too_little or self.most_calls > (self.cap.calls or 0):
            return None
        return self.cap.calls

    @property
    def pages_may_be_short(self) -> bool:
        """Whether a page with fewer calls than its place promises says nothing."""
        return self.short_pages_hold >= SHORT_PAGES_OF_A_HABIT and not self.asking_again_helps

    @property
    def like_404s(self) -> int:
        """How many 404s in a row are taken for the vendor's word."""
        if self.blinks:
            return LIKE_404S_OF_A_BLINKING_VENDOR
        return 1 if self.lasting_404s >= LASTING_404S_OF_A_HABIT else LIKE_404S

    def answer(self, window: Window, page: Page) -> None:
        """Note that a page of a window came."""
        self.answers += 1
        if window in self.answered:
            self.answered.remove(window)
        self.answered.append(window)
        if page.calls:
            self.lengths.calls_came(window)
            self.gave, self.gave_at = window, self.answers
            self.gave_since = min(self.gave_since or window.start, window.start)

    def may_be_blank(self, window: Window, before: float, behind: float) -> bool:
        """Whether nothing may have come for a window though there are calls.

        A vendor that was seen to do so may do it for the length of a window, for its calls, or for
        its beginning: so far as none came that was as long, as full, or began as early.

        Args:
            window: The window.
            before: How many calls it should hold by the windows before it.
            behind: The same, by the next one: where history begins, that alone tells.
        """
        if not self.gives_blanks or max(before, behind) < EXPECTED_FOR_NONE:
            return False
        if self.gives_too_little:
            return False  # its answers come and go: they are asked for again instead
        early = self.gave_since is None or window.start < self.gave_since
        full = max(before, behind) > self.most_calls / 2
        long = window.length > self.lengths.longest_with_calls
        return full or long or (early and behind >= EXPECTED_FOR_NONE)

    def came_before(self, window: Window) -> bool:
        """Whether the vendor gave history as old as a window's, or older."""
        return any(each.start <= window.start for each in self.answered)

    def control(self, window: Window) -> Window | None:
        """A window that was answered, to see if the vendor still answers; None if none was.

        What lies beside a window that fails, or around it, fails for the same call: its own page
        may have come only because that call was lacking from it.
        """
        latest = list(reversed(self.answered))
        apart = (
            each
            for each in latest
            if each.end + BESIDE < window.start or window.end + BESIDE < each.start
        )
        return next(apart, latest[0] if latest else None)


def is_notable(lacking: int, known: int) -> bool:
    """Whether so many calls, of so many that are known, are too many to lack by chance."""
    return lacking >= max(FEWEST_LACKING, known * SHARE_LACKING)
