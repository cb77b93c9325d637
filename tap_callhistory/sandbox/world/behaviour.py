"""How a vendor behaves where its documentation leaves it open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tap_callhistory.sandbox.world.hardship import Hardship

Bounds = Literal["[]", "[)", "(]", "()"]
FilterField = Literal["created", "started", "finished", "updated"]
Resolution = Literal["", "microsecond", "millisecond", "second", "minute"]
Order = Literal["", "newest", "oldest", "id"]
Total = Literal["", "filtered", "all", "capped", "none", "lie"]

MICROSECONDS: dict[str, int] = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
}

_VENDORS_OWN = (
    "parameter_resolution",
    "zone",
    "largest_page",
    "default_page",
    "order",
    "total",
    "result_cap",
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One vendor's habits where its pages leave them open.

    A field left empty (`""` or `0`) means what vendors' pages say or suggest for that vendor.

    Attributes:
        bounds: Which ends of a date window belong to it.
        filter_field: What the date window is about; a call that lacks it yet is filtered by
            its creation.
        parameter_resolution: What date parameters are truncated to.
        zone: IANA zone of naive stamps, in parameters and in records.
        largest_page: The largest page size.
        oversize: A larger page size is refused; silently cut to the largest; or cut while pages
            still begin where pages of what was asked for would.
        default_page: The page size when none is asked for.
        order: In which order pages run.
        total: What the total counts: the window's calls, all calls, at most `result_cap`, nothing
            (there is none), or a number that is wrong.
        result_cap: How many calls of a window can be had at all.
        cap_style: At the cap, answers stop ("cut") or the request is refused ("error").
        clamp_pages: A page number beyond the end gives the last page again.
        cursor_dialect: eTelecom: an empty cursor opens the cursor ("plain"), only "." does ("dot"),
            or the cursor repeats ("loop").
        cursor_always_next: eTelecom: every non-empty page has a next one.
        date_field_parameter: TWIN: the name of the parameter that chooses the filtered date.
        token_seconds: TWIN: the longest life of a token.
        extra_fields: Undeclared fields, (name, value), in every record.
        odd_types: Numbers and booleans come as strings.
        publish_delay: Seconds by which calls are published later.
        change_delay: Seconds by which recordings, ratings and syncs come later.
        largest_span_days: A longer window is refused.
        errors_in_ok: Errors come in an HTTP 200.
        date_skew: Seconds by which the Date header is ahead of the vendor's clock; None sends none.
        unknown_parameters: TWIN: parameters that it does not know are refused, or ignored.
        hardship: What the vendor refuses, cannot carry or answers oddly.
    """

    bounds: Bounds = "[]"
    filter_field: FilterField = "created"
    parameter_resolution: Resolution = ""
    zone: str = ""
    largest_page: int = 0
    oversize: Literal["refuse", "cut", "skip"] = "refuse"
    default_page: int = 0
    order: Order = ""
    total: Total = ""
    result_cap: int = 0
    cap_style: Literal["cut", "error"] = "cut"
    clamp_pages: bool = False
    cursor_dialect: Literal["plain", "dot", "loop"] = "plain"
    cursor_always_next: bool = True
    date_field_parameter: str = "dateField"
    token_seconds: int = 7 * 24 * 3600
    extra_fields: tuple[tuple[str, Any], ...] = ()
    odd_types: bool = False
    publish_delay: float = 0
    change_delay: float = 0
    largest_span_days: float | None = None
    errors_in_ok: bool = False
    date_skew: float | None = 0
    unknown_parameters: Literal["refuse", "ignore"] = "refuse"
    hardship: Hardship = field(default_factory=Hardship)

    def over(self, usual: Behaviour) -> Behaviour:
        """Fill what is left empty from a vendor's usual behaviour."""
        empty = {name: getattr(usual, name) for name in _VENDORS_OWN if not getattr(self, name)}
        return replace(self, **empty)
