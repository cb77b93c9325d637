"""Records that cannot be used, skipped: each is told once, and what is good arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.sample_vendor import sample_vendor

if TYPE_CHECKING:
    from tests.support.command import Command

STREAM = "utel_call_history"
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def config(url: str, **settings: Any) -> dict[str, Any]:
    return {
        "start_date": (YESTERDAY - timedelta(days=2)).isoformat(),
        "utel": {"api_url": url, "token": "fake-token", "timezone": "UTC"},
        **settings,
    }


def body(*records: Any) -> dict[str, Any]:
    return {"data": list(records), "meta": {"per_page": 300}, "links": {}}


def a_call(number: int, date_time: Any) -> dict[str, Any]:
    return {"id": number, "date_time": date_time, "src": "998901234567", "dst": "101"}


GOOD = a_call(1, f"{YESTERDAY:%F %T}")
PERSIAN = a_call(2, "1405-09-02 10:00:00")


def test_each_is_told_once_with_window_key_and_reason_and_counted(run_tap: Command) -> None:
    with sample_vendor(STREAM, body(GOOD, PERSIAN, a_call(3, None), "odd")) as url:
        run = run_tap(config(url, on_bad_record="skip"))
    assert run.code == 0, run.log
    assert run.rows(STREAM).keys() == {1}
    told = [line for line in run.lines if "bad record" in line and "skipped" in line]
    *warnings, closing = told
    assert [line.partition("): ")[2] for line in sorted(warnings)] == [
        "the vendor sent a record that is not a JSON object",
        "the vendor sent a record without a usable date_time; its id is 2",
        "the vendor sent a record without a usable date_time; its id is 3",
    ]
    assert all(line.startswith(f"{STREAM}: skipped a bad record of [20") for line in warnings)
    assert "bad records skipped 3" in closing


@pytest.mark.parametrize("record", [PERSIAN, a_call(2, None)])
def test_one_fails_its_stream_where_nothing_else_is_asked_for(
    run_tap: Command, record: dict[str, Any]
) -> None:
    with sample_vendor(STREAM, body(GOOD, record)) as url:
        run = run_tap(config(url))
    assert run.code == 1
    [line] = run.errors
    assert "without a usable date_time; its id is 2 (in the window [20" in line
    assert "on_bad_record: skip leaves such records out" in line


def test_a_call_of_the_year_2030_is_kept_and_moves_no_bookmark(run_tap: Command) -> None:
    with sample_vendor(STREAM, body(GOOD, a_call(2, "2030-05-01 10:00:00"))) as url:
        run = run_tap(config(url))
    assert run.code == 0, run.log
    assert run.rows(STREAM)[2]["date_time"] == "2030-05-01T10:00:00.000000Z"
    bookmark = run.state["bookmarks"][STREAM]["replication_key_value"]
    assert bookmark <= f"{datetime.now(UTC):%FT%T}Z"
