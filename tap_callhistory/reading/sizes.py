"""How many calls a window should hold, how many are held in memory, and the first window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_callhistory.reading.windows import MONTH

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bounds in numbers of calls, and the length to begin with.

    Attributes:
        comfortable_pages: A window is planned to hold this many pages, within the two bounds below.
        fewest_comfortable_calls: A window is planned to hold no fewer.
        most_comfortable_calls: A window is planned to hold no more.
        most_calls: A window with more is split.
        most_calls_of_an_instant: A window that cannot be split is read whole up to so many, or a
            vendor could go on for ever.
        look_ahead_calls: Read and not yet written, beyond which no further window is begun.
        first_window: The length of the first window, when nothing is known of the history yet. Its
            first page tells if it is too long.
    """

    comfortable_pages: int = 20
    fewest_comfortable_calls: int = 2_000
    most_comfortable_calls: int = 15_000
    most_calls: int = 30_000
    most_calls_of_an_instant: int = 500_000
    look_ahead_calls: int = 30_000
    first_window: timedelta = MONTH

    def comfortable(self, page_size: int) -> int:
        """How many calls a window should hold, where a page holds so many."""
        calls = max(self.comfortable_pages * page_size, self.fewest_comfortable_calls)
        return min(calls, self.most_comfortable_calls)
