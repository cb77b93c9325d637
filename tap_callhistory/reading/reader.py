"""Reads spans of history completely and in order, several windows and pages at a time.

One thread, the caller's, owns the schedule: which windows are under way, which page to ask for
next, what may leave. Workers only fetch pages. So nothing here needs a lock, and what leaves is in
window order, however the answers came.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_callhistory.errors import StoppedError
from tap_callhistory.reading.decision import Decision, GoOn, in_words
from tap_callhistory.reading.schedule import PAUSE_SECONDS, USUAL_SIZES, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from threading import Event

    from tap_callhistory.reading.leaving import Tally
    from tap_callhistory.reading.pages import Page
    from tap_callhistory.reading.read_windows import ReadWindow
    from tap_callhistory.reading.sizes import Sizes
    from tap_callhistory.reading.source import Source
    from tap_callhistory.reading.tasks import PageRequest, Task
    from tap_callhistory.reading.windows import Window
    from tap_callhistory.reading.workers import Workers

#: How often the schedule is looked at while nothing arrives.
POLL_SECONDS = 0.25
_LOGGER = logging.getLogger("tap-callhistory.reading")


class Reader:
    """Reads spans of one stream's history, window by window, each proved to be whole."""

    def __init__(  # noqa: PLR0913 - what a sync decides once, all by keyword
        self,
        source: Source,
        workers: Workers[PageRequest, Page],
        *,
        concurrency: int,
        stop: Event,
        sizes: Sizes = USUAL_SIZES,
        pause_seconds: float = PAUSE_SECONDS,
        calls_per_day: float | None = None,
        keep_incomplete: bool = False,
        tick: Callable[[], None] = lambda: None,
        logger: logging.Logger = _LOGGER,
    ) -> None:
        """Make a reader.

        Args:
            source: The stream.
            workers: Fetch the pages; their work is `source`'s.
            concurrency: How many windows are read at once, and how many requests are under way.
            stop: When set, reading ends with `StoppedError` within `POLL_SECONDS`.
            sizes: How many calls a window should hold, and how many are held in memory.
            pause_seconds: To wait before an unlikely answer is asked for again.
            calls_per_day: How dense the history was when it was read last; None if unknown.
            keep_incomplete: Whether a window that alone cannot be read whole is given as it came.
            tick: Called at least every `POLL_SECONDS` while waiting.
            logger: Gets a line at DEBUG for every decision, with its reason.
        """
        self._workers = workers
        self._stop = stop
        self._tick = tick
        self._logger = logger
        self._schedule = Schedule(
            source,
            concurrency=concurrency,
            decided=self._log,
            sizes=sizes,
            pause_seconds=pause_seconds,
            calls_per_day=calls_per_day,
            keep_incomplete=keep_incomplete,
        )

    @property
    def tally(self) -> Tally:
        """What reading cost, and what it found, so far."""
        return self._schedule.tally

    def left_too_early(self) -> list[Window]:
        """What was given before the vendor was found to give too little; told once."""
        return self._schedule.left_too_early()

    def read(self, spans: Sequence[Window]) -> Iterator[ReadWindow]:
        """Read spans of history.

        Args:
            spans: In order, not overlapping.

        Yields:
            Windows read whole, in order, together covering the spans.

        Raises:
            IncompleteWindow: A window cannot be proved whole at the vendor's smallest resolution.
            CallHistoryError: What the transport or a record raised, after all windows before it
                have been yielded.
        """
        self._schedule.read(spans)
        while not self._schedule.done:
            for request in self._schedule.due():
                self._workers.submit(request)
            if self._schedule.may_leave:
                yield self._schedule.leave()
            else:
                self._wait()

    def _wait(self) -> None:
        """Wait for a page, and do what it means."""
        self._tick()
        if self._stop.is_set():
            raise StoppedError("stopped")
        if (finished := self._workers.finished(POLL_SECONDS)) is not None:
            self._schedule.take(*finished)

    def _log(self, task: Task, decision: Decision) -> None:
        if not isinstance(decision, GoOn):
            self._logger.debug("the window %s: %s", task.window, in_words(decision))
