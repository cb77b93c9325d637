"""Where a page is asked for: what each worker of a sync does with a request of the schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tap_callhistory.clocks import fixed_width
from tap_callhistory.errors import StoppedError
from tap_callhistory.reading.pages import Page
from tap_callhistory.reading.windows import shaped

if TYPE_CHECKING:
    from threading import Event

    from tap_callhistory.output.messages import RecordMessages
    from tap_callhistory.reading.tasks import PageRequest
    from tap_callhistory.transport.transport import Transport
    from tap_callhistory.vendors.base import Endpoint


class PageFetcher:
    """Fetches pages of one endpoint; called by several workers at once."""

    def __init__(
        self,
        endpoint: Endpoint,
        transport: Transport,
        messages: RecordMessages,
        *,
        latest: datetime,
        stop: Event,
        version: int | None = None,
    ) -> None:
        """Make a fetcher.

        Args:
            endpoint: Whom to ask.
            transport: Sends the requests.
            messages: Makes the lines of a vendor's records.
            latest: Nothing after it is asked for.
            stop: When set, nothing more is asked for.
            version: The version of a full-table load, if it is one.
        """
        self._endpoint = endpoint
        self._transport = transport
        self._messages = messages
        self._latest = latest
        self._stop = stop
        self._version = version
        self._smaller_pages: dict[int, Endpoint] = {}

    def __call__(self, request: PageRequest) -> Page:
        """Fetch one page, and make the lines of its calls.

        Raises:
            StoppedError: The run is being stopped.
            CallHistoryError: What the transport, the endpoint or a record raised.
        """
        endpoint = self._asking_for(request.page_size)
        window = request.task.window
        if request.pause_seconds and self._stop.wait(request.pause_seconds):
            raise StoppedError("stopped before a page was asked for again")
        asked_for = shaped(window, request.repeats, endpoint.resolution)
        bounds = endpoint.bounds(asked_for, self._latest)
        asked = datetime.now(UTC)
        body = self._transport.fetch(
            endpoint.page_request(bounds, request.position),
            retries=request.retries,
            decode=self._messages.decode,
        )
        raw = endpoint.page_of(body)
        calls = self._messages.of(raw.records, extracted=fixed_width(asked), version=self._version)
        page = Page(calls, raw.total, raw.size, raw.next)
        endpoint.check_page(page, bounds)
        return page

    def _asking_for(self, page_size: int) -> Endpoint:
        """The endpoint, asking for pages of so many calls."""
        if page_size in {0, self._endpoint.limits.page_size}:
            return self._endpoint
        return self._smaller_pages.setdefault(
            page_size, self._endpoint.with_settings(page_size=page_size)
        )
