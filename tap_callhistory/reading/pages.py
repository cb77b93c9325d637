"""Pages of calls: where one lies, and what came for it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Position(NamedTuple):
    """Where a page lies in its pass.

    Attributes:
        number: A page number or an offset.
        cursor: An opaque cursor.
        anchor: The stamp to start at instead of the window's start, fixed-width UTC.
        beyond: Whether the page should not exist: a refusal then says the same as an empty page.
        again: Whether the page was taken in before, and is asked for once more to see if it brings
            more now.
        size: How many calls to ask for, if not as many as for the other pages.
    """

    number: int = 0
    cursor: str = ""
    anchor: str = ""
    beyond: bool = False
    again: bool = False
    size: int = 0


class ReadCall(msgspec.Struct, frozen=True, gc=False):
    """One call as it came in a page, ready to be written.

    Attributes:
        key: The call's key, as the vendor gives it.
        moment: The replication key's value, fixed-width UTC.
        lines: The finished RECORD messages, one line each. None for a bad record that is skipped.
        fingerprint: Tells whether the same key came with other content.
        unfinished_since: When the call began, if it is unfinished; fixed-width UTC.
        misfits: How many of its values did not fit their declared type.
        fetched: When its page was asked for; fixed-width UTC.
        fault: What is wrong with a bad record that is skipped.
        own: Whether a line of it goes to the stream's own table, under the call's own key and
            moment: the stream maps of the user may filter, rename or move it.
    """

    key: str | int
    moment: str
    lines: bytes | None
    fingerprint: int
    unfinished_since: str | None = None
    misfits: int = 0
    fetched: str = ""
    fault: str = ""
    own: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """What a vendor answered for one position.

    Attributes:
        calls: The calls in the vendor's order.
        total: How many calls the vendor says the window has, if it says so.
        size: The page size that the answer says it used, if it says so.
        next: The cursor of the next page, "" where there is none.
    """

    calls: Sequence[ReadCall]
    total: int | None = None
    size: int | None = None
    next: str = ""


@dataclass(slots=True)
class Limits:
    """What a pass may receive.

    Attributes:
        page_size: How many calls to ask for per page.
        most_calls: A window with more than this is split. None where it cannot be.
        cap: The number of results at which the vendor is known to stop, if it is known.
    """

    page_size: int
    most_calls: int | None = None
    cap: int | None = None
