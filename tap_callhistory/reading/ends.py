"""Looks at the two ends of a window that may have been cut at a cap. Pure.

| A page of an end                       | and                             | then                  |
|----------------------------------------|---------------------------------|-----------------------|
| came                                   | others are to come              | `GoOn`                |
| ... and its window had all of them     | it was the last one             | `Accept`, of the end  |
| ... and its window lacks some          |                                 | `Split`, its window   |
| was not found                          | it may have been a blink        | `AskAgain`            |
| holds fewer calls than is likely       | asking again may bring more     | `AskAgain`            |
| does not fit those before it           | the vendor gives too little     | `ReadAgain`, the end  |
|                                        | otherwise                       | `Split`, its window   |
| failed                                 |                                 | `Split`, its window   |

Once both its ends were accepted, a window is. Else its parts tell whether it was cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tap_callhistory.errors import VendorRefusal
from tap_callhistory.reading.decision import Accept, AskAgain, Decision, GoOn, ReadAgain, Split
from tap_callhistory.reading.doubts import Doubt
from tap_callhistory.reading.pages import Page
from tap_callhistory.reading.passes import Disturbed, TooMany

if TYPE_CHECKING:
    from datetime import timedelta

    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.not_found import NotFound
    from tap_callhistory.reading.pages import Position
    from tap_callhistory.reading.tasks import Task
    from tap_callhistory.reading.unlikely import Unlikely

#: An end whose pages do not fit together is read so often where asking again has helped.
MOST_PASSES_OF_AN_END: Final = 3


class Ends:
    """Decides about the ends of windows.

    Args:
        knowledge: What has been learnt of the vendor.
        resolution: The smallest step of the vendor's date parameters.
        not_found: Says which 404s to ask for again.
        unlikely: Says which pages to ask for again.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        resolution: timedelta,
        not_found: NotFound,
        unlikely: Unlikely,
    ) -> None:
        self._knowledge = knowledge
        self._resolution = resolution
        self._not_found = not_found
        self._unlikely = unlikely

    def on_page(
        self,
        end: Task,
        window: Task,
        position: Position,
        page: Page | None,
        error: Exception | None,
    ) -> Decision:
        """Decide when a page of an end came, or failed.

        Returns:
            What to do with the end; or `Split`, with the window that it is the end of.
        """
        if asked := self._not_found.ask_again(end, position, error):
            return asked
        refused = isinstance(error, VendorRefusal) and error.may_mean_the_window
        if page is None and position.beyond and refused:
            page = Page(calls=())
        if page is None:
            return self.doubt(window)
        try:
            again = self._take(end, position, page)
        except (Disturbed, TooMany) as reason:
            return self._unproved(end, window, reason)
        if not end.holds_only_known_calls or len(end.received) >= len(window.received):
            return self.doubt(window)
        return again or (Accept() if end.whole else GoOn())

    def _take(self, end: Task, position: Position, page: Page) -> AskAgain | None:
        """Take in a page of an end, or have it asked for again.

        Raises:
            Disturbed: The pass is not whole.
            TooMany: The end holds too much.
        """
        current = end.current
        assert current is not None  # noqa: S101 - pages of a finished pass do not come here
        self._not_found.came(end, position, page)
        self._knowledge.answer(end.window, page)
        if isinstance(best := self._unlikely.page(end, position, page), AskAgain):
            return best
        end.to_ask.extend(current.take(position, best))
        self._knowledge.most_calls = max(self._knowledge.most_calls, len(current.calls))
        if end.whole:
            current.prove()
        return None

    def _unproved(self, end: Task, window: Task, reason: Disturbed | TooMany) -> Decision:
        may_prove = isinstance(reason, Disturbed) and self._knowledge.asking_again_helps
        if may_prove and end.passes < MOST_PASSES_OF_AN_END:
            return ReadAgain("")
        return self.doubt(window)

    def doubt(self, task: Task) -> Split:
        """Split a window that may have been cut, and whose ends do not speak for it."""
        doubt, came = task.lineage.doubt, task.received
        doubt = Doubt.of(came) if doubt is None or doubt.calls != len(came) else doubt
        parts, lineage = task.window.split(2, self._resolution), task.lineage._replace(doubt=doubt)
        return Split(parts, lineage, f"{len(came)} results may have been cut")
