"""Examines one vendor: every assumption in turn, within the allowance of requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from tap_callhistory.errors import CallHistoryError
from tap_callhistory.probe.account import Account
from tap_callhistory.probe.assumptions import ASSUMPTIONS, names_for
from tap_callhistory.probe.clocks import clock_skew, time_zone, utc_text
from tap_callhistory.probe.contents import contents
from tap_callhistory.probe.date_field import date_field_parameter
from tap_callhistory.probe.filters import date_filter
from tap_callhistory.probe.findings import Finding, as_assumed, cannot_tell
from tap_callhistory.probe.gathering import (
    Gathered,
    find_newest,
    find_sample,
    open_account,
    study_filter,
)
from tap_callhistory.probe.lateness import calls_in_progress, late_changes, late_publishing
from tap_callhistory.probe.limits import longest_window, page_size
from tap_callhistory.probe.order import order
from tap_callhistory.probe.paging import paging
from tap_callhistory.probe.periods import kept_history, nearest_end, no_calls
from tap_callhistory.probe.totals import results_cap, total

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from tap_callhistory.run import Run
    from tap_callhistory.vendors.base import Endpoint


@dataclass(slots=True)
class Examination:
    """What was found out about one vendor.

    Attributes:
        stream: The vendor's stream.
        vendor: The vendor.
        findings: One per assumption.
        requests: How many requests it took.
        seen: The calls seen, in a few words.
        failure: Why nothing could be found out.
        of_the_sandbox: Whether it was the sandbox that was asked, and no vendor.
    """

    stream: str
    vendor: str
    findings: list[Finding] = field(default_factory=list)
    requests: int = 0
    seen: str = ""
    failure: str = ""
    of_the_sandbox: bool = False


def examine(
    kind: type[Endpoint], run: Run, logger: logging.Logger, now: Callable[[], datetime]
) -> Examination:
    """Test all that the tap assumes of a vendor. Reads only."""
    account = Account(run.endpoint(kind), run, logger, now)
    of_the_sandbox = kind.vendor in run.sandbox
    examination = Examination(kind.name, kind.vendor, of_the_sandbox=of_the_sandbox)
    try:
        gathered = open_account(account, now())
        names = names_for(kind)
        found = {each.assumption: each for each in _findings(gathered, names)}
        examination.findings = [found[name] for name in names]
        examination.seen = _seen(gathered)
    except CallHistoryError as error:
        examination.failure = str(error)
    finally:
        account.close()
        examination.requests = account.requests
    return examination


class _Test(NamedTuple):
    """A test, and the assumptions that it tells of."""

    run: Callable[[Gathered], Iterable[Finding] | None]
    names: tuple[str, ...] = ()


_IN_TURN: Final = (
    _Test(find_newest),
    _Test(nearest_end, ("nearest end",)),
    _Test(kept_history, ("kept history",)),
    _Test(longest_window, ("longest window",)),
    _Test(find_sample),
    _Test(study_filter),
    _Test(date_filter, ("filtered timestamp", "window bounds", "date resolution")),
    _Test(paging, ("pages", "end of pages", "cursor")),
    _Test(page_size, ("page size",)),
    _Test(date_field_parameter, ("date field parameter",)),
    _Test(total, ("total",)),
    _Test(results_cap, ("results cap",)),
    _Test(no_calls, ("no calls",)),
    _Test(order, ("order",)),
    _Test(clock_skew, ("clock skew",)),
    _Test(time_zone, ("time zone",)),
    _Test(late_publishing, ("late publishing",)),
    _Test(calls_in_progress, ("calls in progress",)),
    _Test(late_changes, ("late changes",)),
    _Test(contents, ("declared fields", "value types", "phone numbers")),
)


def _findings(gathered: Gathered, names: Sequence[str]) -> Iterator[Finding]:
    """Make all tests; one that fails does not stop the others."""
    yield as_assumed("credentials", "they may read the call history", "accepted", "accepted")
    for test in _IN_TURN:
        told: list[Finding] = []
        failure = ""
        try:
            told.extend(test.run(gathered) or ())
        except CallHistoryError as error:
            failure = str(error)
        gathered.findings += told
        yield from told
        for name in {*test.names} & {*names} - {each.assumption for each in told}:
            question = ASSUMPTIONS[name].question
            yield cannot_tell(name, question, failure or "not tested", "another run")


def _seen(gathered: Gathered) -> str:
    """Say how many calls were seen, and of when; nothing about them."""
    begun = sorted(call.created for call in gathered.calls if call.created)
    if not begun:
        return "no calls"
    return f"{len(gathered.calls):,} calls of {utc_text(begun[0])} to {utc_text(begun[-1])}"
