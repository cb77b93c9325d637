"""The line that is said of a stream that failed."""

from __future__ import annotations

from tap_callhistory.errors import CallHistoryError, StateError, VendorRefusal
from tap_callhistory.output.failures import failure_line


def last_line(failure: CallHistoryError, bookmark: str | None = None) -> str:
    return failure_line(
        failure, stream="kavenegar_calls", vendor="kavenegar", loaded_until=bookmark
    )


def test_a_failed_stream_is_told_with_what_to_where_and_what_to_do() -> None:
    refusal = VendorRefusal("kavenegar_calls: no entry", advice="Check kavenegar.api_token.")
    assert last_line(refusal, "2026-01-02T00:00:00.000000Z") == (
        "kavenegar_calls failed: no entry. Check kavenegar.api_token. It is loaded up to "
        "2026-01-02T00:00:00.000000Z; the next run goes on from there."
    )


def test_nothing_is_told_twice() -> None:
    refusal = VendorRefusal("no entry. Check x.y.", advice="Check x.y.")
    assert last_line(refusal) == (
        "kavenegar_calls failed: no entry. Check x.y. Nothing of it is bookmarked; the next run "
        "begins at start_date again."
    )


def test_a_bookmark_that_cannot_be_trusted_is_not_told() -> None:
    assert last_line(StateError("nonsense"), "2099-01-01T00:00:00Z") == (
        "kavenegar_calls failed: nonsense."
    )
