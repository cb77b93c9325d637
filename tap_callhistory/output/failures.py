"""What is said of a stream that failed, in one line at the end of the run."""

from __future__ import annotations

import re
from http import HTTPStatus

from tap_callhistory.errors import (
    CallHistoryError,
    IncompleteWindow,
    StateError,
    VendorRefusal,
)

#: Refusals that may mean we misread the vendor's documentation.
ASSUMPTION_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})

_THE_VENDORS = re.compile(r"the vendor's (?=api_url|page_size|requests_per_second)")


def failure_line(
    failure: CallHistoryError, *, stream: str, vendor: str, loaded_until: str | None
) -> str:
    """What happened, to where the stream is loaded, and what to do.

    Args:
        failure: Why the stream failed.
        stream: The stream's name.
        vendor: The vendor's name in the settings.
        loaded_until: The stream's bookmark; None where there is none.
    """
    fault = str(failure).removeprefix(f"{stream}: ").rstrip(". ")
    window = f" (in the window {failure.window})" if failure.window else ""
    parts = [f"{stream} failed: {fault}{window}"]
    if failure.advice and failure.advice not in str(failure):
        parts.append(failure.advice.rstrip("."))
    if _may_be_an_assumption(failure):
        parts.append(f"tap-callhistory-probe --vendor {vendor} tests what is assumed")
    if not isinstance(failure, StateError):  # whose bookmark says nothing
        parts.append(_loaded(loaded_until))
    return _THE_VENDORS.sub(f"{vendor}.", f"{'. '.join(parts)}.")


def _may_be_an_assumption(failure: CallHistoryError) -> bool:
    """Whether the vendor may differ from what its pages leave open."""
    refused = isinstance(failure, VendorRefusal) and failure.status in ASSUMPTION_STATUSES
    return refused or isinstance(failure, IncompleteWindow)


def _loaded(until: str | None) -> str:
    """To where a stream is loaded, and what the next run does."""
    loaded = f"It is loaded up to {until}" if until else "Nothing of it is bookmarked"
    going_on = "goes on from there" if until else "begins at start_date again"
    return f"{loaded}; the next run {going_on}"
