"""What a worker asks a vendor for, and what it makes of the answer: no network."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.mapper import SameRecordTransform

from tap_callhistory.clocks import parse_instant
from tap_callhistory.errors import CallHistoryError, StoppedError
from tap_callhistory.fetching import PageFetcher
from tap_callhistory.output.messages import RecordMessages
from tap_callhistory.reading.pages import Position
from tap_callhistory.reading.tasks import PageRequest, Task
from tap_callhistory.reading.windows import Window
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.vendors import VENDORS
from tests.support.vendor_settings import SETTINGS

if TYPE_CHECKING:
    from tap_callhistory.transport.http import Request

NOON = datetime(2026, 1, 13, 12, 0, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
SCHEMA = {"properties": {"id": {"type": ["string"]}, "created_at": {"type": ["string"]}}}


@dataclass
class Answering:
    """A transport that answers every request with TWIN's records.

    Attributes:
        records: What it answers with.
        asked: The parameters of each request.
        retries: How often each might have been tried again.
        moments: When each was sent.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    retries: list[int | None] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)

    def fetch(self, request: Request, *, retries: int | None, **_: Any) -> Any:
        self.asked.append(dict(request.params))
        self.retries.append(retries)
        self.moments.append(datetime.now(UTC))
        return {"items": self.records, "count": len(self.records)}


def fetcher(
    transport: Any, *, latest: datetime = NOON + HOUR, stop: Event | None = None, **settings: Any
) -> PageFetcher:
    config = {"start_date": "2026-01-01T00:00:00Z", "twin": {**SETTINGS["twin"], **settings}}
    twin = next(each for each in VENDORS if each.vendor == "twin")
    endpoint = TapCallHistory(config=config).run.endpoint(twin)
    messages = RecordMessages(
        lambda raw: ({"id": raw["id"], endpoint.read_by: raw["updatedAt"]}, 0),
        stream="calls",
        without_secrets=lambda line: line,
        key="id",
        replication_key=endpoint.read_by,
        unfinished_since=lambda _: None,
        stream_maps=[SameRecordTransform("calls", SCHEMA, ["id"], None)],
        plain=True,
        skip_bad_records=False,
    )
    return PageFetcher(endpoint, transport, messages, latest=latest, stop=stop or Event())


def page_request(window: Window, **more: Any) -> PageRequest:
    return PageRequest(Task(window), 1, Position(), **more)


LAST_HOUR = Window(NOON - HOUR, NOON)


def test_a_window_that_was_read_before_is_asked_for_in_another_shape_so_that_no_cache_answers() -> (
    None
):
    transport = Answering()
    fetch = fetcher(transport)
    for repeats in range(4):
        fetch(page_request(LAST_HOUR, repeats=repeats))
    starts = [parse_instant(asked["from"]) for asked in transport.asked]
    assert [starts[0] - start for start in starts] == [0 * SECOND, SECOND, 2 * SECOND, 0 * SECOND]
    assert len({asked["to"] for asked in transport.asked}) == 1


def test_nothing_after_the_beginning_of_the_run_is_asked_for() -> None:
    """The vendor's bounds are whole seconds, and wider than a window by as much as that takes."""
    transport, began = Answering(), NOON + SECOND / 2
    window = Window(NOON - HOUR, began)
    fetcher(transport, latest=began)(page_request(window))
    fetcher(transport, latest=began + HOUR)(page_request(window))
    ends = [parse_instant(asked["to"]) for asked in transport.asked]
    assert ends[0] <= began < ends[1]


def test_retries_and_page_size_are_those_of_the_request() -> None:
    transport = Answering()
    fetch = fetcher(transport, page_size=1000)
    fetch(page_request(LAST_HOUR, retries=2, page_size=50))
    fetch(page_request(LAST_HOUR))
    assert transport.retries == [2, None]
    assert [asked["limit"] for asked in transport.asked] == ["50", "1000"]


def test_a_call_is_as_old_as_the_question_that_brought_it() -> None:
    """What was asked for earlier must not take the place of what was asked for later."""
    stamp = "2026-01-13T11:30:00.000000Z"
    transport = Answering([{"id": "a", "updatedAt": stamp}])
    before = datetime.now(UTC)
    page = fetcher(transport)(page_request(LAST_HOUR))
    assert before <= parse_instant(page.calls[0].fetched) <= transport.moments[0]


def test_a_page_of_other_times_than_were_asked_for_is_refused_where_a_setting_is_to_blame() -> None:
    stamp = "2026-01-10T11:30:00.000000Z"
    transport = Answering([{"id": "a", "updatedAt": stamp}])
    with pytest.raises(CallHistoryError, match="not updated in the window"):
        fetcher(transport, date_field_parameter="dateField")(page_request(LAST_HOUR))


@pytest.mark.parametrize(
    ("stamp", "good"),
    [
        ("2026-01-13T10:59:57.000000Z", False),
        ("2026-01-13T10:59:58.000000Z", True),
        ("2026-01-13T12:00:01.000000Z", True),
        ("2026-01-13T12:00:02.000000Z", False),
    ],
)
def test_a_vendor_may_take_the_bounds_for_a_second_more_and_no_further(
    stamp: str,
    good: bool,  # noqa: FBT001
) -> None:
    fetch = fetcher(Answering([{"id": "a", "updatedAt": stamp}]), date_field_parameter="dateField")
    if good:
        assert len(fetch(page_request(LAST_HOUR)).calls) == 1
        return
    with pytest.raises(CallHistoryError):
        fetch(page_request(LAST_HOUR))


def test_a_pause_ends_with_the_run_and_nothing_more_is_asked_for() -> None:
    transport, stop = Answering(), Event()
    stop.set()
    with pytest.raises(StoppedError):
        fetcher(transport, stop=stop)(page_request(LAST_HOUR, pause_seconds=600.0))
    assert transport.asked == []
