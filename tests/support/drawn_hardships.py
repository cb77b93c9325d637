"""Hardships as stories draw them, and which of them may keep a run from its end.

A hardship that is not named by `reasons` must cost nothing but requests.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tap_callhistory.sandbox.faults import Faults
from tap_callhistory.sandbox.vendors.registry import vendor_named
from tap_callhistory.sandbox.world.hardship import Hardship

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from tap_callhistory.sandbox.world.behaviour import Behaviour

WORDS = ("", "RESULTSET_TOO_LARGE", "Слишком большой диапазон дат", "Invalid dates.")
LOG_IN = frozenset({"twin", "utel"})
GIVE_TOTALS = frozenset({"kavenegar", "utel", "twin"})
BY_OFFSET = frozenset({"twin", "cinnox"})
ENOUGH_RETRIES = 8
#: As small as a window gets that is too heavy, with what it is widened by.
LEAST = timedelta(minutes=3)
#: Windows that are refused become no shorter, and are asked for a little wider than they are.
HOUR = timedelta(hours=1, minutes=3)
Switches = st.SearchStrategy[dict[str, Any]]

REFUSED = st.fixed_dictionaries({
    "refused_status": st.sampled_from([0, 400, 413, 422]),
    "refused_words": st.sampled_from(WORDS),
})
#: Each is a strategy for some switches that belong together.
COMMON: dict[str, Switches] = {
    "ahead": st.tuples(st.just({"refuses_future": True}), REFUSED).map(lambda it: it[0] | it[1]),
    "young": st.tuples(
        st.fixed_dictionaries({"youngest_end_minutes": st.sampled_from([3.0, 30.0])}), REFUSED
    ).map(lambda it: it[0] | it[1]),
    "words": REFUSED,
    "old": st.tuples(
        st.fixed_dictionaries({"retention_days": st.sampled_from([5.0, 16.0, 40.0])}), REFUSED
    ).map(lambda it: it[0] | it[1]),
    "slow": st.fixed_dictionaries({"slow_span_hours": st.sampled_from([12.0, 60.0])}),
    "heavy": st.fixed_dictionaries({"heavy_calls": st.sampled_from([3, 10, 40])}),
    "deep": st.fixed_dictionaries({
        "deepest_row": st.sampled_from([5, 10, 40]),
        "deep_silence": st.booleans(),
    }),
    "broken": st.fixed_dictionaries({"broken_call": st.integers(1, 12)}),
    "thin": st.fixed_dictionaries({
        "thin_every": st.sampled_from([2, 3, 5, 7]),
        "thin": st.sampled_from(["empty", "halved"]),
    }),
    "nothing": st.fixed_dictionaries({
        "nothing": st.sampled_from(["204", "400", "404", "list", "null", "missing"])
    }),
    "numbered": st.just({"numbered": True}),
    "surplus": st.fixed_dictionaries({"surplus": st.sampled_from([1, 3])}),
    "twice": st.fixed_dictionaries({"twice": st.integers(1, 12)}),
    "limited": st.fixed_dictionaries({"limit_every": st.sampled_from([2, 3, 10])}),
    "blinks": st.fixed_dictionaries({"blinks_every": st.sampled_from([3, 7])}),
    "charset": st.fixed_dictionaries({
        "charset": st.sampled_from(["cp1251", "cp1256", "latin-1", "utf-16"]),
    }),
    "gzip": st.just({"false_gzip": True}),
    "gate": st.just({"cookie_gate": True}),
}
OF_LOGINS: dict[str, Switches] = {
    "one login": st.just({"one_login": True}),
    "fresh": st.fixed_dictionaries({"fresh_token_seconds": st.sampled_from([0.5, 2.0, 4.0])}),
    "two factor": st.just({"two_factor": True}),
}
OF_CURSORS: dict[str, Switches] = {"forgets": st.just({"forgets_filter": True})}


def switches_of(vendor: str) -> dict[str, Switches]:
    """The hardships that a vendor may have, by a name for each."""
    own = OF_LOGINS if vendor in LOG_IN else OF_CURSORS if vendor == "etelecom" else {}
    return COMMON | own


@st.composite
def hardships(draw: st.DrawFn, vendor: str) -> Hardship:
    """None, one, or some together."""
    switches = switches_of(vendor)
    names = draw(st.lists(st.sampled_from(list(switches)), max_size=3, unique=True))
    drawn: dict[str, Any] = {}
    for name in names:
        drawn |= draw(switches[name])
    return Hardship(**drawn)


#: On the way between the vendor and the tap.
faults = st.one_of(
    st.none(),
    st.none(),
    st.builds(Faults, fail_share=st.sampled_from([0.02, 0.2]), seed=st.integers(1, 9)),
)


def may_lack_calls(vendor: str, behaviour: Behaviour, *, by_updates: bool) -> bool:
    """Whether an answer may lack calls without any sign of it.

    What is likely is known only where there are many calls, and stories have a few dozen; a total
    tells it anywhere.
    """
    counts = vendor in GIVE_TOTALS and behaviour.total in {"", "filtered", "capped"}
    return behaviour.hardship.thin_every > 0 and (not counts or by_updates)


def reasons(  # noqa: C901, PLR0912 - a table
    vendor: str,
    behaviour: Behaviour,
    settings: Mapping[str, Any],
    *,
    page_size: int,
    faulty: bool,
    dates: Sequence[datetime],
    oldest: timedelta,
) -> Iterator[tuple[str, bool]]:
    """Why a run may fail, or leave a window behind.

    Args:
        vendor: The vendor.
        behaviour: Its habits and hardships.
        settings: The run's settings.
        page_size: The page size that it asks for.
        faulty: Whether connections and answers break now and then.
        dates: The dates of the vendor's calls, as its windows are about them.
        oldest: The age of the oldest history that the run asks for.

    Yields:
        A reason, and whether it is about windows alone, which can be left behind.
    """
    hardship, retries = behaviour.hardship, settings.get("max_retries", 0)
    size = min(page_size, behaviour.largest_page or vendor_named(vendor).usual.largest_page)
    densest = max((sum(d <= e <= d + LEAST for e in dates) for d in dates), default=0)
    if hardship.two_factor and vendor in LOG_IN:
        yield "the login", False
    if hardship.limit_every and not retries:
        yield "no retry when asked to slow down", False
    if hardship.false_gzip and not retries:
        yield "no retry without compression", False
    if faulty and retries < ENOUGH_RETRIES:
        yield "no retries for the network", False
    if hardship.retention_days is not None and oldest > timedelta(days=hardship.retention_days):
        yield "older history is not given", False
    # Another window tells what the refusal means: one that holds calls, and that the vendor takes.
    # Short ones hold some only if there are enough.
    narrow = behaviour.largest_span_days or hardship.slow_span_hours or hardship.retention_days
    narrow = narrow or hardship.heavy_calls or behaviour.cap_style == "error"
    if hardship.nothing in {"400", "404"} and (narrow or not dates):
        yield "a refusal, and no other window that tells what it means", False
    if hardship.nothing == "missing" and vendor == "twin" and behaviour.total == "none":
        yield "an answer of which nothing is left where there are no calls", False
    hour = max((sum(d <= e <= d + HOUR for e in dates) for d in dates), default=0)
    if behaviour.cap_style == "error" and behaviour.result_cap < hour:
        yield "a refusal of more calls than are given for the shortest window", False
    if hardship.surplus and vendor in GIVE_TOTALS and behaviour.total != "none":
        yield "a total that never adds up", True
    if hardship.broken_call is not None:
        yield "a broken call", True
    if hardship.heavy_calls is not None and densest > hardship.heavy_calls:
        yield "more calls in the smallest window than the vendor carries", True
        # Where it answered nothing before, it seems down.
        yield "and no other window to tell that from an outage", False
    if hardship.broken_call is not None:
        yield "a broken call in the last window, and no other to tell it from an outage", False
    if hardship.twice is not None and vendor in BY_OFFSET:
        yield "a second row that no offset counts", True
    if hardship.deepest_row is not None:
        if size > hardship.deepest_row:
            yield "not even one page is given", False
        if densest + size > hardship.deepest_row:
            yield "more calls in the smallest window than the vendor pages through", True
    if hardship.blinks_every:
        yield "a 404 now and then", False
    if hardship.thin_every:
        yield "pages that lack calls", True
