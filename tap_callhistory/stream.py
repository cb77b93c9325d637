"""What all vendors' streams share: windows to pages to records to the bookmark.

A vendor's module says how to ask for a page, how to read the answer, and what an unfinished call
looks like; everything else is here and in the modules below.
"""

from __future__ import annotations

import abc
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, Metadata
from singer_sdk.streams.core import Stream
from typing_extensions import override

from tap_callhistory.clocks import Clock, fixed_width, parse_instant
from tap_callhistory.errors import CallHistoryError, StoppedError
from tap_callhistory.output.bookmarks import Bookmarks
from tap_callhistory.output.messages import RecordMessages, SentCalls
from tap_callhistory.output.progress import Progress
from tap_callhistory.output.summary import Summary
from tap_callhistory.privacy.numbers import Pseudonyms
from tap_callhistory.reading.pages import Limits, Page
from tap_callhistory.reading.reader import Reader
from tap_callhistory.reading.windows import MONTH, Revisits, Window, new_history, widened
from tap_callhistory.reading.workers import Threads
from tap_callhistory.records.conforming import Conformer
from tap_callhistory.settings.files import CatalogError
from tap_callhistory.transport.budget import Budget
from tap_callhistory.transport.transport import Request, Transport, Verdict

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from singer_sdk.helpers import types
    from singer_sdk.singerlib import Catalog, CatalogEntry

    from tap_callhistory.reading.pages import Experience, Pass, Position, ReadCall
    from tap_callhistory.reading.tasks import PageRequest, ReadWindow
    from tap_callhistory.tap import TapCallHistory
    from tap_callhistory.transport.auth import Authenticator
    from tap_callhistory.transport.verdicts import Judge

MOST_COUNTED = 10**18
_COUNT = re.compile(r"\d{1,18}", re.ASCII)
#: A clock change this near to a window's bound widens the window by the change.
CLOCK_CHANGE_NEARBY = timedelta(hours=26)


class RawPage(NamedTuple):
    """A vendor's answer to a page request, as its module understands it.

    Attributes:
        records: The vendor's records in its order.
        total: How many calls the vendor says the window has, if it says so.
        size: The page size that the answer says it used, if it says so.
        next: The cursor of the next page, "" where there is none.
    """

    records: Sequence[Any]
    total: int | None = None
    size: int | None = None
    next: str = ""


def whole_number(value: object) -> int | None:
    """A vendor's count, as a number or as the text of one; None for anything else."""
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_COUNTED:
        return value
    return None


class CallHistoryStream(Stream, abc.ABC):
    """The calls of one vendor's endpoint."""

    #: The stream's name; every vendor's class has its own.
    name: str = ""
    #: The vendor's name, and the name of its object in the settings.
    vendor: ClassVar[str]
    #: The JSON schema of that object.
    settings: ClassVar[Mapping[str, Any]]
    #: The vendor's country (ISO code): how its phone numbers are written.
    country: ClassVar[str]
    #: The property that the stream is read by.
    read_by: str = "created_at"
    #: The vendor's field with the beginning of a call.
    began_field: ClassVar[str] = "created_at"
    #: The paginator: proves that a window was read whole.
    paginator: ClassVar[type[Pass]]
    #: The smallest step of the vendor's date parameters.
    resolution: ClassVar[timedelta] = timedelta(seconds=1)
    #: The length of the first window. Its first page tells if it is too long.
    first_window: ClassVar[timedelta] = MONTH
    #: The number of results at which the vendor is known to stop.
    cap: ClassVar[int | None] = None

    def __init__(self, tap: TapCallHistory) -> None:
        schema = files("tap_callhistory.schemas") / f"{self.name}.json"
        super().__init__(tap, schema=msgspec.json.decode(schema.read_bytes()))
        self.tap = tap
        self.primary_keys = ("id",)
        self.replication_key = self.read_by
        self.failure: CallHistoryError | None = None
        self.bookmarks: Bookmarks | None = None
        self.summary = Summary()

    # What a vendor's module says.

    @abc.abstractmethod
    def page_request(self, bounds: Window, position: Position) -> Request:
        """The request for one page of the calls between two instants.

        Args:
            bounds: Already widened; both ends are multiples of the resolution.
            position: Which page.
        """

    @abc.abstractmethod
    def read_page(self, body: Any) -> RawPage:
        """Find the records and the paging in an answer.

        Raises:
            UnreadableAnswer: The answer is not of the documented shape.
        """

    @abc.abstractmethod
    def judge(self, status: int, body: object | None) -> Verdict | None:
        """The vendor's own verdicts, by HTTP status and body; None where it has none."""

    @abc.abstractmethod
    def authenticator(self) -> Authenticator:
        """What puts the vendor's credential on requests."""

    @abc.abstractmethod
    def is_unfinished(self, record: dict[str, Any]) -> bool:
        """Whether a call, as the vendor sent it, is in progress or its recording pending."""

    def new_clock(self) -> Clock:
        """The vendor's clock: how it writes the instants that it gives and takes."""
        return Clock(None)

    # What the reader asks for.

    @property
    def limits(self) -> Limits:
        """The page size of the settings and the vendor's cap."""
        return Limits(page_size=self.vendor_settings["page_size"], cap=self.cap)

    def new_pass(self, limits: Limits, experience: Experience) -> Pass:
        """A fresh pass of the vendor's paginator."""
        return self.paginator(limits, experience)

    def fetch(self, request: PageRequest) -> Page:
        """Fetch one page; called by several workers at once."""
        window = request.reading.window
        asked = datetime.now(UTC)
        body = self._transport.fetch(self.page_request(self._bounds(window), request.position))
        raw = self.read_page(body)
        calls = self._messages.of(
            raw.records, extracted=fixed_width(asked), version=self._stream_version
        )
        return Page(calls, raw.total, raw.size, raw.next)

    def _bounds(self, window: Window) -> Window:
        changes = (
            self.clock.shift_nearby(window.start, CLOCK_CHANGE_NEARBY),
            self.clock.shift_nearby(window.end, CLOCK_CHANGE_NEARBY),
        )
        return widened(window, self.resolution, changes)

    # What singer-sdk asks for.

    @property
    def vendor_settings(self) -> Mapping[str, Any]:
        """The vendor's settings, defaults filled in."""
        return self.tap.vendor_settings(self.vendor)

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Take over a catalog: it selects; what a call is known and read by is not its to change.

        Raises:
            CatalogError: Its schema lacks what a call is known or read by.
        """
        if entry := catalog.get_stream(self.name):
            self._put_right(entry)
        super().apply_catalog(catalog)
        self.primary_keys = ("id",)
        self.replication_key = self.read_by

    def _put_right(self, entry: CatalogEntry) -> None:
        known = entry.schema.properties or {}
        for name in ("id", self.read_by):
            if name not in known:
                raise CatalogError(
                    f"The catalog's schema of {self.name} has no {name}. Make a new one with "
                    "--discover."
                )
            entry.metadata[("properties", name)] = Metadata(
                inclusion=Metadata.InclusionType.AUTOMATIC
            )
        entry.key_properties = ["id"]

    @override  # type: ignore[misc]
    def sync(self, context: types.Context | None = None) -> None:  # final in the SDK
        """Sync the stream, unless the run has been stopped before its turn."""
        if not self.tap.stop.is_set():
            super().sync(context)

    @override
    def get_replication_key_signpost(self, context: types.Context | None = None) -> None:
        """The bookmark is our own; the SDK keeps none."""

    @override
    def get_records(self, context: types.Context | None) -> Iterator[dict[str, Any]]:
        """The records of new history, as they would be written; moves no bookmark."""
        self._prepare()
        try:
            for read in self._reader.read([self._new_history()]):
                lines = b"".join(call.lines or b"" for call in read.calls).splitlines()
                yield from (msgspec.json.decode(line)["record"] for line in lines)
        finally:
            self._workers.close()
            self._transport.close()

    @override
    def _sync_records(
        self, context: types.Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Sync the stream; a failure is kept for the end of the run, and the others go on."""
        try:
            self._load()
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - whatever happens here, the others go on
            self.failure = self._told(error)
        yield from ()

    def _told(self, error: Exception) -> CallHistoryError:
        if isinstance(error, CallHistoryError):
            return error
        self.logger.debug("What went wrong in %s", self.name, exc_info=error)
        kind = type(error).__name__
        return CallHistoryError(
            f"an unexpected {kind} (a defect of the tap: please report it, with the log at DEBUG)"
        )

    # The sync itself.

    def _load(self) -> None:
        self._prepare()
        try:
            self._read_history()
            self.summary.complete = True
        finally:
            self._workers.close()
            self._transport.close()
            self._close_books()

    def _prepare(self) -> None:
        settings = self.tap.settings
        self.bookmarks = Bookmarks(
            self.stream_state,
            replication_key=self.read_by,
            now=self.tap.began,
            unfinished_call=settings.unfinished_call,
        )
        self.clock = self.new_clock()
        self._messages = self._new_messages()
        self._sent = SentCalls()
        self._transport = self.new_transport(self._judge, self.authenticator())
        self._workers = Threads(self.fetch, settings.concurrency, self.name)
        self._progress = Progress(self.logger, self.name, self._transport)
        self._reader = Reader(
            self,
            self._workers,
            concurrency=settings.concurrency,
            stop=self.tap.stop,
            tick=self._progress.tick,
        )

    def new_transport(self, judge: Judge, authenticator: Authenticator | None) -> Transport:
        """A transport to the vendor with the user's limits."""
        settings = self.tap.settings
        return Transport(
            name=self.name,
            request_timeout=settings.request_timeout,
            max_retries=settings.max_retries,
            user_agent=settings.user_agent,
            budget=Budget(settings.requests_per_second_of(self.vendor), stop=self.tap.stop),
            stop=self.tap.stop,
            logger=self.logger,
            judge=judge,
            authenticator=authenticator,
        )

    def ask_once(self, request: Request, judge: Judge) -> Any:
        """Ask the vendor without a credential, as a login does."""
        transport = self.new_transport(judge, None)
        try:
            return transport.fetch(request)
        finally:
            transport.close()

    def _judge(self, status: int, body: object | None) -> Verdict | None:
        verdict = self.judge(status, body)
        if verdict is None and status < HTTPStatus.MULTIPLE_CHOICES:
            self.read_page(body)
        return verdict

    def _new_messages(self) -> RecordMessages:
        settings = self.tap.settings
        pseudonym = None
        if settings.phone_numbers == "hash" and settings.hash_key:
            pseudonym = Pseudonyms(settings.hash_key, self.country)
        deselected = frozenset(crumb for crumb, selected in self.mask.items() if not selected)
        # A catalog keeps the names of the properties, but not what the schema says beyond Singer.
        schema = _known_to(self.effective_schema, self.schema)
        conform = Conformer(schema, self.clock, deselected=deselected, pseudonym=pseudonym)
        return RecordMessages(
            conform,
            without_secrets=self.tap.without_secrets,
            key="id",
            replication_key=self.read_by,
            unfinished_since=self._unfinished_since,
            stream_maps=self.stream_maps,
            plain=self._maps_are_plain(),
            skip_bad_records=settings.on_bad_record == "skip",
        )

    def _maps_are_plain(self) -> bool:
        flattening = self.config.get("flattening_enabled", False)
        same = [type(each) is SameRecordTransform for each in self.stream_maps]
        return same == [True] and not flattening

    def _unfinished_since(self, record: dict[str, Any]) -> str | None:
        if not self.is_unfinished(record):
            return None
        return self.utc_or_none(record.get(self.began_field))

    def utc_or_none(self, stamp: object) -> str | None:
        """A vendor's stamp in fixed-width UTC; None for a zero date and for what is none."""
        try:
            return self.clock.to_utc(stamp) if isinstance(stamp, str) else None
        except ValueError:
            return None

    def _read_history(self) -> None:
        """Read what is new, then once more what has come of age."""
        settings, bookmarks = self.tap.settings, self._known_bookmarks()
        bookmark = self._start_bookmark()
        new = self._new_history()
        revisits = Revisits.plan(
            ages=settings.revisit_ages,
            bookmarks=bookmarks.revisits,
            bookmark=bookmarks.bookmark,
            now=self._end_of_history(),
        )
        again = revisits.spans(read=new, start_date=settings.start_date, bookmark=bookmark)
        self.summary.spans = [span for span in (new, *again) if span]
        self._progress.begin(self.summary.spans)
        for window in self._windows([new] if new else []):
            bookmarks.read_until(window.end)
            self._write_bookmarks(revisits)
        revisits = revisits.visited(new) if new else revisits
        for window in self._windows(again):
            revisits = revisits.visited(window)
            self._write_bookmarks(revisits)
        self._write_bookmarks(revisits.done())

    def _start_bookmark(self) -> datetime | None:
        full_table = self.replication_method == REPLICATION_FULL_TABLE
        return None if full_table else self._known_bookmarks().bookmark

    def _new_history(self) -> Window:
        settings = self.tap.settings
        return new_history(
            start_date=settings.start_date,
            bookmark=self._start_bookmark(),
            lookback=settings.lookback,
            end=self._end_of_history(),
        )

    def _end_of_history(self) -> datetime:
        now = self.tap.began
        return min(self.tap.settings.end_date or now, now)

    def _known_bookmarks(self) -> Bookmarks:
        assert self.bookmarks is not None  # noqa: S101 - _prepare has read them
        return self.bookmarks

    def _windows(self, spans: Sequence[Window]) -> Iterator[Window]:
        """Read spans and write their records; yields every window when its records are out."""
        for read in self._reader.read(spans):
            self._write_window(read)
            self._progress.window_read(read)
            yield read.window

    def _write_window(self, read: ReadWindow) -> None:
        news = [call for call in read.calls if self._is_news(call)]
        for call in news:
            if call.unfinished_since is not None:
                self.summary.unfinished_calls += 1
                self._known_bookmarks().hold(parse_instant(call.unfinished_since))
        limit = self.ABORT_AT_RECORD_COUNT
        room = None if limit is None else limit - self.summary.records
        lines = [call.lines for call in news if call.lines][:room]
        self.summary.records += len(lines)
        self.summary.misfits += sum(call.misfits for call in news)
        self.tap.writer.write_lines(lines)
        if limit is not None and self.summary.records >= limit:
            raise StoppedError("a test needs no more")

    def _is_news(self, call: ReadCall) -> bool:
        if call.lines is None:
            self.summary.bad_records += 1
            return False
        return self._sent.is_news(call)

    def _write_bookmarks(self, revisits: Revisits) -> None:
        """Tell the target, after a window's records, up to where history has been read."""
        self._known_bookmarks().write(revisits.bookmarks)
        if self.ABORT_AT_RECORD_COUNT is None:
            self.tap.state_writer.write_state(self.tap_state)

    def _close_books(self) -> None:
        summary, tally = self.summary, self._reader.tally
        summary.windows, summary.splits, summary.rereads = (
            tally.windows,
            tally.splits,
            tally.rereads,
        )
        summary.vendor_total = tally.total
        summary.requests, summary.retries = self._transport.requests, self._transport.retries
        summary.distinct_keys = self._sent.distinct
        self._progress.end()
        self.logger.info("%s: %s", self.name, summary.line())
        self.tap.log_summary(self.name, summary)


def _known_to(catalog: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """The declared schema, less the properties that a catalog (an older one) does not know."""
    schema = dict(declared)
    if "properties" in declared and "properties" in catalog:
        schema["properties"] = {
            name: _known_to(catalog["properties"][name], node)
            for name, node in declared["properties"].items()
            if name in catalog["properties"]
        }
    if "items" in declared and "items" in catalog:
        schema["items"] = _known_to(catalog["items"], declared["items"])
    return schema
