"""Tells how far a stream has come: a line now and then, or a live bar where a person looks on."""

from __future__ import annotations

import sys
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from tap_callhistory.words import counted, in_words

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from tap_callhistory.reading.read_windows import ReadWindow
    from tap_callhistory.reading.windows import Window

#: A long run says so often how far it has come.
LINE_SECONDS = 10.0


class CountsRequests(Protocol):
    """What has counted the requests so far."""

    requests: int


class Progress:
    """The progress of one stream through its spans.

    Args:
        logger: Gets the lines.
        stream: The stream's name.
        transport: Knows how many requests were sent.
        clock: Gives seconds that only grow.
    """

    def __init__(
        self,
        logger: logging.Logger,
        stream: str,
        transport: CountsRequests,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._logger = logger
        self._stream = stream
        self._transport = transport
        self._whole = timedelta(0)
        self._read = timedelta(0)
        self._last: Window | None = None
        self._calls = 0
        self._clock = clock
        self._began = self._told = clock()
        self._bar: Any = None

    def begin(self, spans: Sequence[Window]) -> None:
        """Say what is going to be read."""
        self._whole = sum((span.length for span in spans), timedelta(0))
        # There is no stderr where a scheduler has closed it.
        if self._whole and sys.stderr is not None and sys.stderr.isatty():
            # Loaded only where it is seen.
            from tqdm import tqdm  # noqa: PLC0415

            form = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining} {postfix}"
            self._bar = tqdm(total=self._whole.total_seconds(), desc=self._stream, bar_format=form)

    def window_read(self, read: ReadWindow) -> None:
        """Note one more window, written."""
        self._read += read.window.length
        self._calls += len(read.calls)
        self._last = read.window
        if self._bar is not None:
            self._bar.set_postfix_str(f"{self._calls_read}, {self._requests}")
            self._bar.update(read.window.length.total_seconds())
        self.tick()

    def tick(self) -> None:
        """Write a line if the last one is some time ago."""
        now = self._clock()
        if self._bar is None and now - self._told >= LINE_SECONDS:
            self._told = now
            self._logger.info("%s: %s", self._stream, self.line(now - self._began))

    def line(self, seconds: float) -> str:
        """How far it has come after so many seconds."""
        share = self._read / self._whole if self._whole else 0.0
        until = "nothing read yet" if self._last is None else f"read until {self._last.end:%F %R}Z"
        spent = timedelta(seconds=seconds)
        left = f"{in_words(spent / share - spent)} left" if share else f"{in_words(spent)} so far"
        speed = counted(round(self._calls / max(seconds, 0.001)), "call")
        return (
            f"{until}, {share:.0%} of the whole; {self._calls_read}, {speed}/s, "
            f"{self._requests}; {left}"
        )

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return self._clock() - self._began

    @property
    def _calls_read(self) -> str:
        return counted(self._calls, "call")

    @property
    def _requests(self) -> str:
        return counted(self._transport.requests, "request")

    def end(self) -> None:
        """Put the bar away."""
        if self._bar is not None:
            self._bar.close()
