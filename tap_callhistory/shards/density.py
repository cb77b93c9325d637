"""About how many calls a vendor has in each month, asked in few requests.

A vendor that gives totals is asked for the total of a month, on the smallest page. Another is asked
for one page of a week in the month's middle; if that page is full, of a day, of an hour, of five
minutes: what comes is taken for the whole month. These are estimates, and no shard relies on them.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from tap_callhistory.errors import CallHistoryError, VendorRefusal
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.windows import Window, floor
from tap_callhistory.shards.planning import spread
from tap_callhistory.transport.budget import Budget
from tap_callhistory.vendors.base import RawPage

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from tap_callhistory.run import Run
    from tap_callhistory.transport.transport import Transport
    from tap_callhistory.vendors.base import Endpoint

#: Enough months to see a company grow; the ones between are estimated.
MOST_MONTHS: Final = 24
SAMPLES: Final = (timedelta(days=7), timedelta(days=1), timedelta(hours=1), timedelta(minutes=5))


@dataclass(frozen=True, slots=True)
class Density:
    """What a vendor said of its months.

    Attributes:
        calls: The calls of the months that were asked for.
        requests: How many requests it took, logins and retries included.
        counted: Whether the vendor counts, or samples had to do.
    """

    calls: dict[Window, float]
    requests: int
    counted: bool


class _Counted(Budget):
    """A budget that counts: logins, retries and redirects are requests, too."""

    requests = 0

    @override
    def acquire(self) -> None:
        super().acquire()
        self.requests += 1


class Census:
    """Asks one endpoint how many calls its months hold.

    Args:
        endpoint: Whom to ask.
        run: What the run has decided.
        logger: Gets a line per retry.
    """

    def __init__(self, endpoint: Endpoint, run: Run, logger: logging.Logger) -> None:
        self._endpoint = endpoint
        self._run = run
        self._logger = logger
        self._counts = True
        self._has_answered = False
        self._doubtful: VendorRefusal | None = None

    def take(self, months: Sequence[Window]) -> Density:
        """Ask for at most `MOST_MONTHS` of the months.

        Raises:
            CallHistoryError: The vendor gives no usable answer; it names the month.
        """
        calls: dict[Window, float] = {}
        rate = self._run.settings.requests_per_second_of(self._endpoint.vendor)
        budget = _Counted(rate, stop=self._run.stop)
        connected = self._run.connect(self._endpoint, self._logger, budget=budget)
        with closing(connected) as transport:
            for month in spread(months, MOST_MONTHS):
                try:
                    calls[month] = self._calls_in(month, transport)
                except CallHistoryError as error:
                    error.window = error.window or month
                    raise
        if self._doubtful is not None and not self._has_answered:
            raise self._doubtful  # no calls at all, or no such address
        return Density(calls, budget.requests, self._counts)

    def _calls_in(self, month: Window, transport: Transport) -> float:
        if self._counts:
            page = self._ask(month, self._smallest_page, transport)
            if page is not None and page.total is not None:
                cap = self._endpoint.cap
                if cap is None or page.total < cap:
                    return page.total
                return self._sample(month, transport)  # the total stops at the cap
            self._counts = False
        return self._sample(month, transport)

    def _sample(self, month: Window, transport: Transport) -> float:
        size = self._endpoint.given["page_size"]
        found = 0.0
        for length in SAMPLES:
            part = self._middle(month, length)
            page = self._ask(part, size, transport, last=length == SAMPLES[-1])
            if page is None:
                continue
            rows = page.total if page.total is not None else len(page.records)
            found = rows * (month.length / part.length)
            full = page.size or size
            capped = self._endpoint.cap is not None and rows >= self._endpoint.cap
            if (page.total is None and rows < full) or (page.total is not None and not capped):
                break
        return found

    def _middle(self, month: Window, length: timedelta) -> Window:
        """A stretch in the middle of a month; the whole month if that is shorter."""
        if month.length <= length:
            return month
        middle = floor(month.start + month.length / 2, self._endpoint.resolution)
        return Window(middle, min(middle + length, month.end))

    def _ask(
        self, window: Window, page_size: int, transport: Transport, *, last: bool = False
    ) -> RawPage | None:
        """The first page of a window; None where the vendor refuses it, and another may do.

        A 404 may be a vendor's way to say that there are no calls: where it answers any other
        window, it was.
        """
        asked = self._endpoint.with_settings(page_size=page_size)
        opening = asked.new_pass(asked.limits, Knowledge()).opening()[0]
        bounds = asked.bounds(window, self._run.began)
        try:
            page = asked.page_of(transport.fetch(asked.page_request(bounds, opening)))
        except VendorRefusal as refusal:
            if refusal.may_mean_nothing:
                refusal.window = window
                self._doubtful = self._doubtful or refusal
                return RawPage([], total=0)
            if last or not refusal.may_mean_the_window:
                raise
            return None
        self._has_answered = True
        return page

    @property
    def _smallest_page(self) -> int:
        smallest: int = self._endpoint.settings["properties"]["page_size"]["minimum"]
        return smallest
