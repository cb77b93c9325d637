"""Gathers what the tests work with: an accepted request, the newest calls, some older ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tap_callhistory.errors import VendorRefusal
from tap_callhistory.probe.date_filter import FEW, DateFilter, settled_calls
from tap_callhistory.probe.findings import Outcome
from tap_callhistory.reading.windows import Window, floor

if TYPE_CHECKING:
    from tap_callhistory.probe.account import Account, Asked
    from tap_callhistory.probe.findings import Finding
    from tap_callhistory.probe.seen import SeenCall
    from tap_callhistory.vendors.base import Endpoint

#: The first windows to ask for, until one is accepted: how far back they begin, how far ahead of
#: now they end, and whether pages are small. They end ahead for a clock that is off by a zone.
OPENINGS = (
    (timedelta(days=3), timedelta(hours=27), False),
    (timedelta(days=3), timedelta(hours=27), True),
    (timedelta(days=3), timedelta(0), False),
    (timedelta(hours=16), timedelta(hours=16), True),
    (timedelta(hours=2), timedelta(hours=2), True),
    (timedelta(hours=2), timedelta(0), True),
    *((timedelta(hours=2), -timedelta(minutes=back), True) for back in (1, 15, 60, 1500)),
)
#: Where a vendor may only have said that there are no calls.
LONG_OPENING = timedelta(days=30)
SMALL_PAGE = 10
#: How far back a sample of settled calls may reach.
SAMPLE_DAYS = (8, 30)
SETTLED_DAYS = 1
FEWEST_IN_A_SAMPLE = 30
MOST_HALVINGS = 6
MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True)
class Gathered:
    """What is known of the account before the assumptions are tested.

    Attributes:
        account: Whom to ask.
        now: When the probe began.
        opening: The first answer that was no refusal.
        refused_sizes: Page sizes refused before.
        longest: The longest window that was accepted.
        newest: The calls seen first, newest first.
        sample: Calls that have settled.
        filter: What the date filter means.
        latest: The latest end that a window may have, of those that are no later than now.
        given_since: From when on the vendor gives calls, where it refuses older ones.
        total: A window of many calls and its total, where totals are right.
        opening_cursor: The cursor that opens the pages, where there is one.
        findings: What has been found out so far.
    """

    account: Account
    now: datetime
    opening: Asked
    refused_sizes: list[int] = field(default_factory=list)
    longest: timedelta = timedelta(0)
    newest: list[SeenCall] = field(default_factory=list)
    sample: list[SeenCall] = field(default_factory=list)
    filter: DateFilter | None = None
    latest: datetime | None = None
    given_since: datetime | None = None
    total: tuple[Window, int] | None = None
    opening_cursor: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def endpoint(self) -> Endpoint:
        """The vendor's endpoint."""
        return self.account.endpoint

    @property
    def calls(self) -> list[SeenCall]:
        """All different calls seen, the latest look at each."""
        return list({call.key: call for asked in self.account.log for call in asked.calls}.values())

    def is_as_assumed(self, assumption: str) -> bool:
        """Whether an assumption has been tested already, and found right."""
        told = [each for each in self.findings if each.assumption == assumption]
        return any(each.outcome is Outcome.AS_ASSUMED for each in told)

    def is_told(self, assumption: str) -> bool:
        """Whether an assumption has been tested already, and something could be told."""
        told = [each for each in self.findings if each.assumption == assumption]
        return any(each.outcome is not Outcome.CANNOT_TELL for each in told)

    def setting(self, name: str) -> str:
        """A setting's dotted name."""
        return f"{self.endpoint.vendor}.{name}"

    def recent(self, days: float, *, until_days: float = 0) -> Window:
        """A window of the last days, no longer than the vendor accepts."""
        latest = self.latest or self.now
        end = floor(min(self.now - timedelta(days=until_days), latest), timedelta(minutes=1))
        length = min(timedelta(days=days - until_days), self.longest)
        return Window(end - length, end)


def open_account(account: Account, now: datetime) -> Gathered:
    """Ask for the calls around now; smaller pages and other windows where that is refused.

    Raises:
        VendorRefusal: Whatever was asked for was refused.
        CallHistoryError: Nothing could be read.
    """
    own, moment = account.page_size, floor(now, timedelta(minutes=1))
    first: Asked | None = None
    for back, ahead, small in OPENINGS:
        end = moment + ahead
        window = Window(min(moment, end) - back, end)
        asked = account.ask(window, page_size=min(own, SMALL_PAGE) if small else own, may_fail=True)
        if asked.refusal is None:
            return _opened(account, now, asked, own)
        first = first or asked
    assert first is not None  # noqa: S101 - there are openings
    assert first.refusal is not None  # noqa: S101 - each of them was refused
    if isinstance(first.refusal, VendorRefusal) and first.refusal.may_mean_nothing:
        asked = account.ask(Window(moment - LONG_OPENING, moment), page_size=own)
        if asked.refusal is None:
            return _opened(account, now, asked, own)
    raise first.refusal


def _opened(account: Account, now: datetime, asked: Asked, own: int) -> Gathered:
    """Begin with the first window that was accepted, and know if it was for its smaller pages."""
    sizes: list[int] = []
    if asked.page_size < own:
        tried = [each for each in account.log if each.window == asked.window]
        larger = next((each for each in tried if each.page_size == own), None)
        larger = larger or account.ask(asked.window, page_size=own, may_fail=True)
        if larger.refusal is None:
            asked = larger
        else:
            sizes = [own]
    account.page_size = asked.page_size
    return Gathered(account, now, asked, sizes, asked.window.length)


def find_sample(gathered: Gathered) -> None:
    """Look at calls that are some days old."""
    for days in SAMPLE_DAYS:
        asked = gathered.account.ask(gathered.recent(days, until_days=SETTLED_DAYS))
        gathered.sample += asked.calls
        if len(gathered.sample) >= min(FEWEST_IN_A_SAMPLE, gathered.account.page_size):
            return


def study_filter(gathered: Gathered) -> None:
    """Ask for windows until the date filter's meaning is known, or nothing more can be learnt."""
    endpoint = gathered.endpoint
    roles = endpoint.stamps
    found = settled_calls(gathered.sample, roles)
    studied = DateFilter(found, endpoint.clock.wall, smallest_step(gathered))
    gathered.filter = studied
    while (choice := studied.next_window()) is not None:
        call, window = choice
        asked = gathered.account.ask(window)
        if asked.refusal is not None:
            return
        studied.learn(call, window, asked.keys, asked.records)


def smallest_step(gathered: Gathered) -> timedelta:
    """The smallest step in which the endpoint's requests write an instant."""
    moment = floor(gathered.now, timedelta(minutes=1))
    position = gathered.opening.position
    request = gathered.endpoint.page_request

    for step in (MILLISECOND, timedelta(seconds=1)):
        one, other = (request(Window(each, each), position) for each in (moment, moment + step))
        if one != other:
            return step
    return timedelta(minutes=1)


def find_newest(gathered: Gathered) -> None:
    """Halve the window around now towards its end until a page holds all that is left."""
    asked, account = gathered.opening, gathered.account
    start, end = asked.window.start, asked.window.end
    for _ in range(MOST_HALVINGS):
        if not _may_be_full(asked):
            break
        middle = floor(start + (end - start) / 2, timedelta(minutes=1))
        upper = account.ask(Window(middle, end))
        if upper.records:
            asked, start = upper, middle
        else:
            end = middle
    around = [call for each in account.log for call in each.calls if call.created]
    newest = sorted(around, key=_created, reverse=True)
    gathered.newest = list({call.key: call for call in newest}.values())


def _may_be_full(asked: Asked) -> bool:
    """Whether more calls than came may exist: a page may be cut at any round number."""
    full = asked.records >= asked.page_size or not asked.records % FEW
    return asked.records > 0 and (full or (asked.total or 0) > asked.records)


def _created(call: SeenCall) -> datetime:
    assert call.created is not None  # noqa: S101 - the others were left out
    return call.created
