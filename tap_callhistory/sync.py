"""One stream's sync: new history, then revisits; of each window its records, then the bookmark.

windows ── pages ── records ── the window's row in the ledger ── STATE
╰── the bookmark and the ledger's mark, at the end of a complete window, in order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.errors import StoppedError
from tap_callhistory.fetching import PageFetcher
from tap_callhistory.output.bookmarks import Bookmarks
from tap_callhistory.output.ledger import Entries
from tap_callhistory.output.messages import SentCalls
from tap_callhistory.output.oddities import Oddities
from tap_callhistory.output.progress import Progress
from tap_callhistory.reading.reader import Reader
from tap_callhistory.reading.spans import Revisits, new_history
from tap_callhistory.reading.windows import Window, floor, without

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
    from datetime import datetime
    from typing import Any

    from tap_callhistory.output.ledger import Marks
    from tap_callhistory.output.messages import RecordMessages
    from tap_callhistory.output.summary import Summary
    from tap_callhistory.output.writer import CallWriter
    from tap_callhistory.reading.read_windows import ReadWindow
    from tap_callhistory.run import Run
    from tap_callhistory.vendors.base import Endpoint


class Ledger(Protocol):
    """Where the windows that were read are entered."""

    @property
    def marks(self) -> Marks:
        """Up to where each stream is entered."""

    def enter(self, row: Mapping[str, Any]) -> None:
        """Write the row of a window, if the ledger is kept."""


class Outlet(NamedTuple):
    """Where a sync's messages go.

    Attributes:
        writer: Writes finished lines.
        write_state: Writes the tap's whole state.
        ledger: Takes a row per window.
        most_records: A test wants no more records than this, and no state; None for a sync.
    """

    writer: CallWriter
    write_state: Callable[[], None]
    ledger: Ledger
    most_records: int | None = None


class Sync:
    """Reads one endpoint's history from its state on, and moves its bookmarks.

    Args:
        endpoint: Whom to ask, with the settings of this run.
        run: What the run has decided.
        messages: Makes the lines of a vendor's records.
        state: The stream's part of the Singer state; written in place.
        summary: The counts of this sync.
        outlet: Where messages go.
        logger: Gets progress, retries and the closing line.
        full_table: Whether to read everything again, whatever the bookmark says.
        version: The version of a full-table load, if it is one.
        facts: What the ledger says of every window of this run.
    """

    def __init__(  # noqa: PLR0913 - what a stream hands over once, all by keyword
        self,
        *,
        endpoint: Endpoint,
        run: Run,
        messages: RecordMessages,
        state: MutableMapping[str, Any],
        summary: Summary,
        outlet: Outlet,
        logger: logging.Logger,
        full_table: bool = False,
        version: int | None = None,
        facts: Mapping[str, Any],
    ) -> None:
        self.summary = summary
        self._endpoint = endpoint
        self._settings = run.settings
        self._began = run.began
        self._outlet = outlet
        self._logger = logger
        self._full_table = full_table
        self._bookmarks = Bookmarks(
            state,
            replication_key=endpoint.read_by,
            now=run.began,
            unfinished_call=run.settings.unfinished_call,
        )
        self._facts = facts
        self._keeps_incomplete = run.settings.on_incomplete_window == "continue"
        self._redact = run.redactor.redact
        self._sent = SentCalls()
        self._oddities = Oddities(logger, endpoint.name, summary)
        self._transport = run.connect(endpoint, logger)
        fetch = PageFetcher(
            endpoint,
            self._transport,
            messages,
            latest=run.began,
            stop=run.stop,
            version=version,
        )
        self._workers = run.new_workers(fetch, run.settings.concurrency, endpoint.name)
        self._progress = Progress(logger, endpoint.name, self._transport)
        self._reader = Reader(
            endpoint,
            self._workers,
            concurrency=run.settings.concurrency,
            stop=run.stop,
            sizes=run.sizes,
            pause_seconds=2 * run.first_wait_seconds,
            calls_per_day=self._bookmarks.calls_per_day,
            keep_incomplete=self._keeps_incomplete,
            tick=self._progress.tick,
            logger=logger,
        )

    def load(self) -> None:
        """Read new history and what has come of age, and write it.

        Raises:
            CallHistoryError: A window could not be read; everything before it is written and
                bookmarked.
            StoppedError: The run is being stopped.
        """
        try:
            self._read_history()
            self.summary.complete = True
        finally:
            self.close()
            self._conclude()

    def new_records(self) -> Iterator[dict[str, Any]]:
        """The records of new history, as they would be written; moves no bookmark."""
        for read in self._reader.read([self._new_history()]):
            lines = b"".join(call.lines or b"" for call in read.calls).splitlines()
            yield from (msgspec.json.decode(line)["record"] for line in lines)

    def close(self) -> None:
        """End the workers and close all connections."""
        self._workers.close()
        self._transport.close()

    def _read_history(self) -> None:
        settings, bookmarks = self._settings, self._bookmarks
        bookmark = self._start_bookmark()
        self._warn_of_what_is_not_entered(bookmark)
        new = self._new_history()
        revisits = Revisits.plan(
            ages=settings.revisit_ages,
            bookmarks=bookmarks.revisits,
            bookmark=bookmarks.bookmark,
            now=floor(self._began, self._endpoint.resolution),
            end=self._end_of_history(),
        )
        again = revisits.spans(read=new, start_date=settings.start_date, bookmark=bookmark)
        self.summary.spans = [span for span in (new, *again) if span]
        self._progress.begin(self.summary.spans)
        left_behind = self._left_behind([new, *again])
        entries = self._entries(bookmark, new)
        for read in self._windows([new] if new else [], entries, "new"):
            self._read_until(read.window.end)
            bookmarks.count(len(read.calls), read.window.length)
            self._write_bookmarks(revisits)
        revisits = revisits.visited(new) if new else revisits
        for read in self._windows(again, entries, "revisit"):
            revisits = revisits.visited(read.window)
            self._write_bookmarks(revisits)
        for _ in self._windows(left_behind, entries, "revisit"):
            self._write_bookmarks(revisits)
        for _ in self._windows(self._reader.left_too_early(), entries, "revisit"):
            self._write_bookmarks(revisits)
        for _ in self._windows(self._silent_before(new), entries, "revisit"):
            self._write_bookmarks(revisits)
        bookmarks.never_gave = False
        self._write_bookmarks(revisits.done())

    def _silent_before(self, new: Window) -> list[Window]:
        """What runs before have read when the vendor had not given a single call yet.

        It may have been asleep, or the account not been filled: the first calls make that unlikely.
        """
        if not self._bookmarks.never_gave or not self._sent.distinct:
            return []
        return [Window(self._settings.start_date, new.start)]

    def _left_behind(self, spans: Sequence[Window]) -> list[Window]:
        """What runs before could not read whole, and none of these spans will try again."""
        windows = self._bookmarks.incomplete if self._keeps_incomplete else []
        for span in spans:
            windows = without(windows, span)
        return windows

    def _warn_of_what_is_not_entered(self, start: datetime | None) -> None:
        bookmark = self._bookmarks.bookmark
        if start is not None and bookmark is not None and start < bookmark:
            self._logger.warning(
                "%s: the loader has the ledger's windows until %s only, as after a kill; history "
                "from there on is read again",
                self._endpoint.name,
                fixed_width(start),
            )

    def _entries(self, bookmark: datetime | None, new: Window) -> Entries:
        continues_from = None if bookmark is None else fixed_width(bookmark)
        born_since = fixed_width(new.start) if self._endpoint.moving else None
        return Entries({**self._facts, "continues_from": continues_from}, born_since)

    def _read_until(self, end: datetime) -> None:
        """Move the bookmark and the ledger's mark to the end of a window."""
        self._bookmarks.read_until(end)
        reached = self._bookmarks.bookmark
        assert reached is not None  # noqa: S101 - it has just been set
        # While what the ledger has lost is read again, the bookmark is further on.
        self._outlet.ledger.marks.move(self._endpoint.name, min(end, reached))

    def _start_bookmark(self) -> datetime | None:
        """Up to where history is read, and entered in the ledger."""
        bookmark = self._bookmarks.bookmark
        if self._full_table or bookmark is None:
            return None
        mark = self._outlet.ledger.marks.of(self._endpoint.name)
        return bookmark if mark is None else min(bookmark, mark)

    def _new_history(self) -> Window:
        return new_history(
            start_date=self._settings.start_date,
            bookmark=self._start_bookmark(),
            lookback=self._settings.lookback,
            end=self._end_of_history(),
        )

    def _end_of_history(self) -> datetime:
        end = min(self._settings.end_date or self._began, self._began)
        return floor(end, self._endpoint.resolution)

    def _windows(
        self, spans: Sequence[Window], entries: Entries, purpose: str
    ) -> Iterator[ReadWindow]:
        """Read spans and write their records; yields every window when its records are out."""
        for read in self._reader.read(spans):
            if not read.complete:
                self._logger.warning(
                    "%s: the window %s was not read whole, and is loaded as it came (%d calls): %s",
                    self._endpoint.name,
                    read.window,
                    len(read.calls),
                    read.reason,
                )
            self._bookmarks.note(read.window, complete=read.complete)
            self._write_window(read)
            told = read._replace(reason=self._redact(read.reason))
            self._outlet.ledger.enter(entries.row(told, purpose))
            self._progress.window_read(read)
            yield read

    def _write_window(self, read: ReadWindow) -> None:
        self._oddities.tell(read)
        news = self._sent.news([call for call in read.calls if call.lines is not None])
        for call in news:
            if call.unfinished_since is not None:
                self.summary.unfinished_calls += 1
                self._bookmarks.hold(parse_instant(call.unfinished_since))
        limit = self._outlet.most_records
        room = None if limit is None else limit - self.summary.records
        lines = [call.lines for call in news if call.lines][:room]
        self.summary.records += len(lines)
        self.summary.misfits += sum(call.misfits for call in news)
        self._outlet.writer.write_lines(lines)
        if limit is not None and self.summary.records >= limit:
            raise StoppedError("a test needs no more")

    def _write_bookmarks(self, revisits: Revisits) -> None:
        """Tell the target, after a window's records, up to where history has been read."""
        self._bookmarks.write(revisits.bookmarks)
        if self._outlet.most_records is None:
            self._outlet.write_state()

    def _conclude(self) -> None:
        """Complete the counts, and write the closing line."""
        summary, tally = self.summary, self._reader.tally
        summary.windows, summary.splits = tally.windows, tally.splits
        summary.incomplete_windows = tally.incomplete
        summary.rereads, summary.vendor_total = tally.rereads, tally.total
        summary.requests, summary.retries = self._transport.requests, self._transport.retries
        summary.distinct_keys = self._sent.distinct
        summary.seconds = self._progress.seconds
        self._progress.end()
        self._logger.info("%s: %s", self._endpoint.name, summary.line())
