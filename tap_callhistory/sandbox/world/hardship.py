"""What a vendor refuses, cannot carry, or answers in its own odd way; each is off by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Nothing = Literal["", "204", "404", "list", "null", "missing"]


@dataclass(frozen=True, slots=True)
class Hardship:
    """Switches that go together in any combination.

    Attributes:
        refuses_future: An end beyond the vendor's present is refused.
        youngest_end_minutes: An end that lies back by less is refused.
        refused_status: The status of refusals of a period; 0 is the vendor's usual one.
        refused_words: Their words; empty is the sandbox's own.
        retention_days: A beginning older than this is refused.
        slow_span_hours: A longer period is answered with 504.
        heavy_calls: A period with more calls is answered with 500.
        deepest_row: A page that reaches beyond this row fails.
        deep_silence: Such a page is never answered, instead of a 500.
        broken_call: A page that holds the call of this sequence number is a 500.
        thin_every: Every n-th page lacks calls that it should hold; 0 is none.
        thin: Such a page is empty, or holds the first half.
        nothing: How a period without calls is answered instead of an empty page.
        numbered: Lists of calls are objects with numbered keys, as PHP writes lists with gaps.
        surplus: By how much a total is always too large.
        twice: The call of this sequence number comes a second time with another number.
        limit_every: Every n-th page is refused with 403 and a Retry-After; 0 is none.
        blinks_every: Every n-th page is a 404 that means nothing; 0 is none.
        charset: Bodies are written in this charset, and say so; empty is UTF-8.
        false_gzip: A plain body claims to be gzip, unless the reader wants identity.
        cookie_gate: Without the gate's cookie, a redirect to the same address sets it.
        forgets_filter: eTelecom: a cursor's next pages hold calls of any time.
        one_login: A new login ends the tokens of earlier ones.
        fresh_token_seconds: A new token is refused for so long.
        two_factor: A login asks for a second factor.
    """

    refuses_future: bool = False
    youngest_end_minutes: float | None = None
    refused_status: int = 0
    refused_words: str = ""
    retention_days: float | None = None
    slow_span_hours: float | None = None
    heavy_calls: int | None = None
    deepest_row: int | None = None
    deep_silence: bool = False
    broken_call: int | None = None
    thin_every: int = 0
    thin: Literal["empty", "halved"] = "empty"
    nothing: Nothing = ""
    numbered: bool = False
    surplus: int = 0
    twice: int | None = None
    limit_every: int = 0
    blinks_every: int = 0
    charset: str = ""
    false_gzip: bool = False
    cookie_gate: bool = False
    forgets_filter: bool = False
    one_login: bool = False
    fresh_token_seconds: float = 0
    two_factor: bool = False
