"""A vendor's endpoint: what is special about it, and nothing of how it is run.

An endpoint is a description. It says how to ask for a page, how to read an answer, what an answer
means, and what a call of this vendor looks like. It knows neither singer-sdk nor threads nor the
tap; the tap's streams run it, and the probe asks it with other settings.
"""

from __future__ import annotations

import abc
import re
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import msgspec

from tap_callhistory.clocks import Clock
from tap_callhistory.errors import UnreadableAnswer
from tap_callhistory.reading.pages import Limits
from tap_callhistory.reading.windows import Window, floor, widened
from tap_callhistory.transport.verdicts import Action, judge_by_table, judge_by_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Page, Position
    from tap_callhistory.reading.passes import Pass
    from tap_callhistory.transport.auth import Authenticator
    from tap_callhistory.transport.http import Request
    from tap_callhistory.transport.verdicts import Table, Verdict

#: A clock change this near to a window's bound widens the window by the change.
CLOCK_CHANGE_NEARBY = timedelta(hours=26)
MOST_COUNTED = 10**18
#: What tells about the page is an object, even where it is empty.
_OBJECTS = frozenset({"page", "paging", "meta"})
_COUNT = re.compile(r"\d{1,18}", re.ASCII)


class RawPage(NamedTuple):
    """A vendor's answer to a page request, as its endpoint understands it.

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


class Session(NamedTuple):
    """What a login needs of the run that it is for.

    Attributes:
        ask: Sends a request with no credential but its own, and returns the parsed body; with
            `once` it is not tried again.
        conceal: Keeps a new secret out of all logs.
    """

    ask: Callable[..., Any]
    conceal: Callable[[str], None]


class Endpoint(abc.ABC):
    """One documented endpoint of one vendor, with the user's settings for it.

    Args:
        given: The vendor's settings, defaults filled in.
    """

    #: The stream's name.
    name: ClassVar[str]
    #: The vendor's name, and the name of its object in the settings.
    vendor: ClassVar[str]
    #: The JSON schema of that object.
    settings: ClassVar[Mapping[str, Any]]
    #: The vendor's country (ISO code): how its phone numbers are written.
    country: ClassVar[str]
    #: The property that the stream is read by.
    read_by: str = "created_at"
    #: Further properties that it is read by where settings say so.
    also_read_by: ClassVar[tuple[str, ...]] = ()
    #: The vendor's field with the beginning of a call.
    began_field: ClassVar[str] = "created_at"
    #: The paginator: proves that a window was read whole.
    paginator: type[Pass]
    #: The smallest step of the vendor's date parameters.
    resolution: ClassVar[timedelta] = timedelta(seconds=1)
    #: The number of results at which the vendor is known to stop.
    cap: ClassVar[int | None] = None
    #: The vendor's fields with a call's timestamps by their role: created, started, finished,
    #: updated.
    stamps: ClassVar[Mapping[str, str]]
    #: Whether `change_stamp` knows when a call last changed, where no role `updated` does.
    tells_changes: ClassVar[bool] = False
    #: Its settings that choose calls: with others of them, other calls are read.
    chosen_by: ClassVar[tuple[str, ...]] = ()
    #: What the vendor's errors mean: by a code of its bodies, as text, or by an HTTP status.
    verdicts: ClassVar[Table]
    #: Names that a parameter which chooses the filtered date may have; the probe tries each once.
    date_field_candidates: ClassVar[tuple[str, ...]] = ()

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given
        self.clock = self.new_clock()

    def with_settings(self, **changed: Any) -> Self:
        """The same endpoint with some settings of another value."""
        return type(self)({**self.given, **changed})

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the stream's records."""
        file = files("tap_callhistory.schemas") / f"{self.name}.json"
        schema: dict[str, Any] = msgspec.json.decode(file.read_bytes())
        return schema

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
    def authenticator(self, session: Session) -> Authenticator:
        """What puts the vendor's credential on requests."""

    @abc.abstractmethod
    def is_unfinished(self, record: Mapping[str, Any]) -> bool:
        """Whether a call, as the vendor sent it, is in progress or its recording pending."""

    def new_clock(self) -> Clock:
        """The vendor's clock: how it writes the instants that it gives and takes."""
        return Clock(None)

    def judge(self, status: int, body: object | None) -> Verdict | None:
        """The vendor's verdicts on an answer; None for a good one."""
        return judge_by_table(self.verdicts, status, body)

    def check_page(self, page: Page, bounds: Window) -> None:  # noqa: B027 - most need none
        """Refuse a page that the vendor cannot have meant for these bounds.

        Raises:
            CallHistoryError: A setting does not do what it should.
        """

    def utc_stamp(self, record: Mapping[str, Any]) -> datetime | None:  # noqa: ARG002
        """The beginning of a call from a field that is UTC for sure; None where there is none."""
        return None

    def change_stamp(self, record: Mapping[str, Any]) -> datetime | None:  # noqa: ARG002
        """When a call last changed, from another field than `stamps` names; None if unknown."""
        return None

    # What follows from it.

    @property
    def limits(self) -> Limits:
        """The page size of the settings and the vendor's cap."""
        return Limits(page_size=self.given["page_size"], cap=self.cap)

    @property
    def moving(self) -> bool:
        """Whether a later change moves a call to another place in history."""
        return self.read_by in self.also_read_by

    @property
    def filters(self) -> dict[str, Any]:
        """The settings that choose calls, as far as they are given; a list's order is no matter."""
        given = ((name, self.given.get(name)) for name in self.chosen_by)
        return {
            name: sorted(set(value)) if isinstance(value, list) else value
            for name, value in given
            if value is not None and value != []
        }

    def new_pass(self, limits: Limits, knowledge: Knowledge) -> Pass:
        """A fresh pass of the vendor's paginator."""
        return self.paginator(limits, knowledge)

    def bounds(self, window: Window, latest: datetime) -> Window:
        """What to ask for so that the vendor's reading of the bounds cannot lose a call.

        Args:
            window: What is to be read.
            latest: Nothing after it is asked for: some vendors refuse what lies ahead.
        """
        changes = (
            self.clock.shift_nearby(window.start, CLOCK_CHANGE_NEARBY),
            self.clock.shift_nearby(window.end, CLOCK_CHANGE_NEARBY),
        )
        asked = widened(window, self.resolution, changes)
        end = min(asked.end, max(floor(latest, self.resolution), window.end))
        return Window(asked.start, end)

    def judge_page(self, status: int, body: object | None) -> Verdict | None:
        """Judge an answer to a page request.

        Raises:
            UnreadableAnswer: A good answer that is not of the documented shape.
        """
        verdict = self.judge(status, body)
        if verdict is not None or status >= HTTPStatus.MULTIPLE_CHOICES:
            return verdict
        spoken = judge_by_words(self.verdicts, body) if isinstance(body, dict) else None
        try:
            empty = not self.page_of(body).records
        except UnreadableAnswer:
            if spoken is None:
                raise
            return spoken
        # No calls and a word of trouble: what came instead of calls, not a window without any.
        return spoken if empty and spoken and spoken.action is not Action.RETRY else None

    def page_of(self, body: Any) -> RawPage:
        """The records and the paging of an answer, in whatever way its language writes a list.

        An empty array in place of the whole answer is an empty page; an object with numbers for
        keys, as PHP writes an array with gaps, is its values.

        Raises:
            UnreadableAnswer: The answer is not of the documented shape.
        """
        if body == []:
            return RawPage(())
        if isinstance(body, dict):
            body = {name: _as_list(name, value) for name, value in body.items()}
        return self.read_page(body)

    def unfinished_since(self, record: Mapping[str, Any]) -> str | None:
        """When an unfinished call began, in fixed-width UTC; None for a finished one."""
        if not self.is_unfinished(record):
            return None
        return self.utc_or_none(record.get(self.began_field))

    def utc_or_none(self, stamp: object) -> str | None:
        """A vendor's stamp in fixed-width UTC; None for a zero date and for what is none."""
        try:
            return self.clock.to_utc(stamp) if isinstance(stamp, str) else None
        except ValueError:
            return None


def _as_list(name: str, value: Any) -> Any:
    """The values of an object whose keys are all numbers, in their order; else the value itself."""
    if not isinstance(value, dict) or not all(map(str.isdecimal, value)) or name in _OBJECTS:
        return value
    return [value[key] for key in sorted(value, key=int)]


def whole_number(value: object) -> int | None:
    """A vendor's count, as a number or as the text of one; None for anything else."""
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_COUNTED:
        return value
    return None
