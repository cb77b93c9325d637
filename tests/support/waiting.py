"""The seconds that a run would have waited, added up instead of waited through.

Nothing here looks at a clock, so what is counted is the same on every machine: the tap's own pauses
between two tries, and the silence of a vendor until the tap gives it up. Answers take no time.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from typing import TYPE_CHECKING, Any

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_callhistory.reading.workers import Finished


class Patience(threading.Event):
    """The event that ends a run, on which all pauses wait: it counts them, and returns at once.

    Attributes:
        seconds: What a user would have sat through so far.
        of_this_job: What the job at hand has waited.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.of_this_job = 0.0

    @override
    def wait(self, timeout: float | None = None) -> bool:
        self.of_this_job += timeout or 0.0
        return self.is_set()


class Unhurried:
    """Workers whose jobs wait side by side, in counted seconds: what waits least comes first."""

    def __init__(self, work: Callable[[Any], Any], patience: Patience) -> None:
        self._work = work
        self._patience = patience
        self._under_way: list[tuple[float, int, Finished[Any, Any]]] = []
        self._order = itertools.count()

    def submit(self, job: Any) -> None:
        patience = self._patience
        patience.of_this_job = 0.0
        finished: Finished[Any, Any]
        try:
            finished = job, self._work(job), None
        except Exception as error:  # noqa: BLE001 - the reader deals with it
            finished = job, None, error
        ends = patience.seconds + patience.of_this_job
        heapq.heappush(self._under_way, (ends, next(self._order), finished))

    def finished(self, timeout: float) -> Finished[Any, Any] | None:  # noqa: ARG002
        if not self._under_way:
            return None
        ends, _, finished = heapq.heappop(self._under_way)
        self._patience.seconds = max(self._patience.seconds, ends)
        return finished

    def close(self) -> None:
        self._under_way.clear()
