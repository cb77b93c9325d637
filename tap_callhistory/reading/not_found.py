"""Pages that were not found: a 404 may be a vendor's word for nothing, or a blink. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_callhistory.errors import VendorRefusal
from tap_callhistory.reading.decision import AskAgain

if TYPE_CHECKING:
    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Position
    from tap_callhistory.reading.tasks import Task


class NotFound:
    """Says which 404s to ask for again, and what is to be made of the others.

    Args:
        knowledge: What has been learnt of the vendor.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    def came(self, task: Task, position: Position) -> None:
        """Note that a page came: if it was not found before, the vendor blinks."""
        if task.missing.pop(position, None):
            self._knowledge.blinks = True

    def ask_again(self, task: Task, position: Position, error: Exception) -> AskAgain | None:
        """Have a page asked for again that was not found: not every 404 means what it says."""
        if not isinstance(error, VendorRefusal) or not error.may_be_a_blink:
            return None
        if error.may_mean_nothing and not self._knowledge.answers:
            return None  # a wider window tells more
        told = task.missing.setdefault(position, [])
        told.append(error)
        if len(told) < self._knowledge.like_404s:
            return AskAgain([position], str(error))
        self._knowledge.lasting_404s += len(told) > 1
        return None

    def word_of_nothing(
        self, task: Task, position: Position, error: Exception | None
    ) -> VendorRefusal | None:
        """What the vendor said, now or the times before, that may mean that there are no calls."""
        told = [*task.missing.pop(position, []), error]
        refusals = (each for each in told if isinstance(each, VendorRefusal))
        return next((each for each in refusals if each.may_mean_nothing), None)
