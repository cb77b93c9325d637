"""What was odd in a window that was read: warned of once, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_callhistory.output.messages import SentCalls

if TYPE_CHECKING:
    import logging

    from tap_callhistory.output.summary import Summary
    from tap_callhistory.reading.read_windows import ReadWindow

#: Fewer calls of other times than these are no sign of anything.
FEWEST_STRAYS = 10
#: A warning names no more keys than this.
MOST_NAMED = 5


class Oddities:
    """Warns of what is odd in one stream's windows.

    Args:
        logger: Gets the warnings.
        stream: The stream's name.
        summary: The counts of the sync.
    """

    def __init__(self, logger: logging.Logger, stream: str, summary: Summary) -> None:
        self._logger = logger
        self._stream = stream
        self._summary = summary
        self._doubles: set[str | int] = set()
        self._told_of_strays = False
        self._skipped = SentCalls()

    def tell(self, read: ReadWindow) -> None:
        """Look at one more window."""
        self._tell_doubles(read)
        self._tell_strays(read)
        self._tell_skipped(read)

    def _tell_doubles(self, read: ReadWindow) -> None:
        """Warn of keys under which one answer held rows that differ."""
        news = read.doubles - self._doubles
        self._doubles |= news
        self._summary.doubled_keys = len(self._doubles)
        if news:
            self._logger.warning(
                "%s: the vendor gave rows of %s that differ under one key, and the last of each is "
                "written: %s",
                self._stream,
                read.window,
                ", ".join(sorted(map(str, news))[:MOST_NAMED]),
            )

    def _tell_strays(self, read: ReadWindow) -> None:
        """Warn, once, of a window with which came more calls of other times than of its own."""
        if self._told_of_strays or read.strays < max(FEWEST_STRAYS, len(read.calls) / 2):
            return
        self._told_of_strays = True
        self._logger.warning(
            "%s: of %d calls that the vendor gave for the window %s, %d are dated more than a day "
            "outside of it: the vendor seems to ignore the dates, perhaps on the pages after the "
            "first. Nothing is lost, but it costs many requests; tell the vendor",
            self._stream,
            len(read.calls),
            read.window,
            read.strays,
        )

    def _tell_skipped(self, read: ReadWindow) -> None:
        """Warn of bad records that are skipped, once of each."""
        bad = self._skipped.news([call for call in read.calls if call.lines is None])
        self._summary.bad_records += len(bad)
        for call in bad:
            self._logger.warning(
                "%s: skipped a bad record of %s: %s", self._stream, read.window, call.fault
            )
