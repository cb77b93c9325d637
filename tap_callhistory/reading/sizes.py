"""How many calls a window should hold, and how many are held in memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bounds in numbers of calls.

    Attributes:
        comfortable_pages: A window is planned to hold this many pages, within the two bounds below.
        fewest_comfortable_calls: A window is planned to hold no fewer.
        most_comfortable_calls: A window is planned to hold no more.
        most_calls: A window with more is split.
        most_calls_of_an_instant: A window that cannot be split is read whole up to so many, or a
            vendor could go on for ever.
        look_ahead_calls: Read and not yet written, beyond which no further window is begun.
    """

    comfortable_pages: int = 20
    fewest_comfortable_calls: int = 2_000
    most_comfortable_calls: int = 15_000
    most_calls: int = 30_000
    most_calls_of_an_instant: int = 500_000
    look_ahead_calls: int = 30_000

    def comfortable(self, page_size: int) -> int:
        """How many calls a window should hold, where a page holds so many."""
        calls = max(self.comfortable_pages * page_size, self.fewest_comfortable_calls)
        return min(calls, self.most_comfortable_calls)
