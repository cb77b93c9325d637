"""Plans and states as the tests need them: written by hand, as another engine would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from tap_callhistory.clocks import fixed_width
from tap_callhistory.reading.windows import Window
from tap_callhistory.shards.plan import Shard

UTEL = "utel_call_history"
TWIN = "twin_call_sessions"
DAY = timedelta(days=1)
S = datetime(2025, 1, 1, tzinfo=UTC)
T = datetime(2025, 5, 1, tzinfo=UTC)
FIRSTS = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 6)]


def shard(start: datetime, end: datetime, *, account: str = "acme", stream: str = UTEL) -> Shard:
    vendor = stream.partition("_")[0]
    return Shard.of(account, vendor, stream, Window(start, end), 1000)


def months(**given: Any) -> list[Shard]:
    """Four shards of a month each: January to April 2025."""
    return [shard(start, end, **given) for start, end in pairwise(FIRSTS)]


def state(
    bookmark: datetime,
    *,
    key: str = "date_time",
    stream: str = UTEL,
    entered: datetime | None = None,
    revisits: dict[str, datetime] | None = None,
    **further: Any,
) -> dict[str, Any]:
    marks = {hours: fixed_width(each) for hours, each in (revisits or {}).items()}
    own = {
        "replication_key": key,
        "replication_key_value": fixed_width(bookmark),
        "revisits": marks,
        **further,
    }
    bookmarks: dict[str, Any] = {stream: own}
    if entered is not None:
        bookmarks["callhistory_windows"] = {"entered_until": {stream: fixed_width(entered)}}
    return {"bookmarks": bookmarks}


def whole(shards: list[Shard], **given: Any) -> dict[str, Any]:
    """The state of every shard when all of it has been read and loaded."""
    return {
        each.id: state(
            each.window.end,
            stream=each.stream,
            revisits={"24": each.window.end, "168": each.window.end},
            **given,
        )
        for each in shards
    }
