"""The assumptions by name: what rests on each, whether the vendor's pages say it or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tap_callhistory.reading.cursors import CursorPages

if TYPE_CHECKING:
    from tap_callhistory.vendors.base import Endpoint


class Assumption(NamedTuple):
    """What rests on an assumption.

    Attributes:
        question: What is asked.
        if_wrong: What the tap does where the assumption is wrong.
        only: The setting, or the kind of paging, that a vendor must have for it to matter.
    """

    question: str
    if_wrong: str
    only: str = ""


ASSUMPTIONS: Final[dict[str, Assumption]] = {
    "credentials": Assumption(
        "Are the credentials accepted, and may they read the call history?",
        "The stream fails and says which setting to check; nothing is lost.",
    ),
    "clock skew": Assumption(
        "Do the vendor's clock and this machine's agree?",
        "Calls of the last minutes come with the next run, within `lookback_hours`.",
    ),
    "time zone": Assumption(
        "What is the offset of the vendor's timestamps from UTC?",
        "Every time is off by the difference. Set the vendor's `timezone`, and load again.",
    ),
    "filtered timestamp": Assumption(
        "Which timestamp of a call do the date parameters filter?",
        "Calls may enter the history later than they began: let `lookback_hours` be longer than "
        "the longest call. What comes is never dropped because of its timestamp.",
    ),
    "window bounds": Assumption(
        "Does a call stamped at the very start or end of a window belong to it?",
        "Nothing: windows overlap by the date resolution, and calls are told by their key.",
    ),
    "date resolution": Assumption(
        "What are the date parameters cut to?",
        "Adjoining windows are cut alike; `lookback_hours` covers the end of a run.",
    ),
    "nearest end": Assumption(
        "How near to now may a window end?",
        "Its end is moved back, by a minute to an hour; the newest calls come with the next run.",
    ),
    "kept history": Assumption(
        "Since when does the vendor give calls?",
        "Older windows fail the stream, which says from when on calls are given. Move "
        "`start_date`.",
    ),
    "longest window": Assumption(
        "How long may a window be?",
        "A refused window is split, and none as long is asked for again.",
    ),
    "page size": Assumption(
        "How many calls come per page, and what happens to a request for more?",
        "A page that was cut is noticed; one that is refused fails the stream. Set the vendor's "
        "`page_size`.",
    ),
    "no calls": Assumption(
        "What does the vendor answer where there are no calls?",
        "Whatever says so is an empty window; anything else fails the stream, in its words.",
    ),
    "order": Assumption(
        "In which order do calls come?",
        "A window whose pages do not fit together is read again, then split, then fails.",
    ),
    "total": Assumption(
        "What does the total count?",
        "A window whose total is not what came is read again, then split, then fails.",
    ),
    "results cap": Assumption(
        "Do results stop before the window's last call?",
        "A window whose results end like a cap is split until its parts prove themselves.",
    ),
    "pages": Assumption(
        "Are the pages of a window its calls, each once?",
        "A window whose pages do not fit together is read again, then split, then fails.",
        only="page numbers",
    ),
    "end of pages": Assumption(
        "What comes beyond the last page?",
        "Reading ends where nothing new comes.",
    ),
    "cursor": Assumption(
        "What opens the cursor, and does it lead to the end?",
        "Both openings are tried; a cursor that comes back fails the window.",
        only="cursor",
    ),
    "date field parameter": Assumption(
        "What is the parameter that chooses the filtered date called?",
        "Without it calls are read by `created_at`, and late results come with the revisits. Set "
        "`twin.date_field_parameter`.",
        only="date_field_parameter",
    ),
    "late publishing": Assumption(
        "How long after its beginning is a call shown?",
        "A call shown later than `lookback_hours` is found by the revisits (`revisit_hours`).",
    ),
    "calls in progress": Assumption(
        "Are calls shown while they last?",
        "A call shown when it is over comes with `lookback_hours`, else with the revisits.",
    ),
    "late changes": Assumption(
        "How long after a call does its record still change?",
        "Changes after the last of `revisit_hours` are not seen.",
    ),
    "declared fields": Assumption(
        "Does the schema declare every field?",
        "Undeclared fields are kept in `_extra`.",
    ),
    "value types": Assumption(
        "Do values have their declared types?",
        "A value that cannot be converted is null in its column, and kept in `_extra`. A record "
        "without its key or its replication key fails the stream, or see `on_bad_record`.",
    ),
    "phone numbers": Assumption(
        "How are phone numbers written?",
        "Numbers are loaded as they come. With `phone_numbers: hash` a number that names no "
        "country and is not written as in the vendor's gets another pseudonym.",
    ),
}
"""In the order in which they are told."""


def names_for(endpoint: type[Endpoint]) -> list[str]:
    """Give the names of the assumptions that concern a vendor."""
    kind = "cursor" if _pages_by_cursor(endpoint) else "page numbers"
    has = {"", kind, *endpoint.settings["properties"]}
    return [name for name, assumption in ASSUMPTIONS.items() if assumption.only in has]


def _pages_by_cursor(endpoint: type[Endpoint]) -> bool:
    return issubclass(endpoint.paginator, CursorPages)
