"""What the report asks of the models, and the answers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from callhistory_report.period import Period
from callhistory_report.warehouse import columns

if TYPE_CHECKING:
    from callhistory_report.warehouse import Ask

UNANSWERED = "missed_calls + busy_calls + failed_calls + cancelled_calls"
UNANSWERED_STATUSES = "('missed', 'busy', 'failed', 'cancelled')"
TOWARDS_US = "direction in ('inbound', 'unknown')"
OUTCOMES = f"""
    sum(case when {TOWARDS_US} then answered_calls else 0 end) as answered,
    sum(case when {TOWARDS_US} then {UNANSWERED} else 0 end) as unanswered,
    sum(case when {TOWARDS_US} then in_progress_calls + unknown_calls else 0 end) as open
"""
LOCAL_TIME = "(created_at at time zone 'UTC' at time zone timezone)"
MEASURES = frozenset({"talk_seconds"})
LISTED_AGENTS = 10
LISTED_LINES = 10
LISTED_CALLERS = 15

Rows = list[dict[str, Any]]


class NoCallsError(Exception):
    """The models hold no call."""


@dataclass(frozen=True, slots=True)
class Totals:
    """All calls of a period.

    Attributes:
        calls: How many, by direction: inbound, outbound, internal, unknown.
        answered: How many of those that came in were answered.
        unanswered: How many of those that came in nobody answered.
        open: How many of those that came in are not over, or have an outcome that is not known.
        talk_seconds: Talk time of all calls whose vendor says it.
    """

    calls: dict[str, int]
    answered: int
    unanswered: int
    open: int
    talk_seconds: float

    @property
    def all_calls(self) -> int:
        """How many calls of any direction."""
        return sum(self.calls.values())

    @property
    def came_in(self) -> int:
        """How many calls are inbound, or may be."""
        return self.answered + self.unanswered + self.open

    @property
    def answer_rate(self) -> float | None:
        """Answered calls as a share of those that came in and are over."""
        over = self.answered + self.unanswered
        return self.answered / over if over else None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Those with the most unanswered calls, and the rest of these calls.

    Attributes:
        rows: The first, in order.
        others: How many more there are.
        others_unanswered: How many unanswered calls those have.
        nobodys: How many unanswered calls are known to be nobody's.
    """

    rows: Rows
    others: int
    others_unanswered: int
    nobodys: int


@dataclass(frozen=True, slots=True)
class Answers:
    """All that the page shows of calls. Calls "came in" when they are inbound, or may be.

    Attributes:
        period: The weeks that it is about.
        totals: Their calls; `before` those of as many weeks before, if there were any.
        by_day: Per vendor and day: calls, and of those that came in answered, unanswered.
        by_source: Per vendor, account and direction: calls by status.
        by_hour: Per hour of the day, 0 to 23, in each vendor's zone: calls, and what became of
            those that came in.
        rings: Per vendor and account and whether answered: how long calls that came in rang.
        agents: Those with the most unanswered calls.
        lines: Lines with the most unanswered calls.
        callers: Who waits for a call back, the newest first by the clock that is shown.
        waiting: How many wait.
        waiting_by_day: Per vendor and day of the last unanswered call: how many wait.
        undirected: Vendors that do not tell inbound from outbound.
    """

    period: Period
    totals: Totals
    before: Totals | None
    by_day: Rows
    by_source: Rows
    by_hour: Rows
    rings: Rows
    agents: Ranking
    lines: Ranking
    callers: Rows
    waiting: int
    waiting_by_day: Rows
    undirected: list[str]

    @property
    def vendors(self) -> list[str]:
        """The vendors that have calls, in a fixed order."""
        return sorted({row["vendor"] for row in self.by_day})

    @property
    def accounts(self) -> set[str]:
        """The accounts that have calls."""
        return {row["account"] for row in self.by_source}


def answers(ask: Ask, weeks: int) -> Answers:
    """Ask the models about the last weeks, counted back from the newest call's day.

    Raises:
        NoCallsError: There is no call.
    """
    last = ask("select max(call_day) as last from calls_by_day")[0]["last"]
    if last is None:
        raise NoCallsError("The models hold no call.")
    period = Period(last, weeks)
    totals, before = _totals(ask, period), _totals(ask, period.before)
    waiting_by_day = _waiting_by_day(ask, period)
    # Vendors log some calls twice: models that know of it tell which row is the call.
    counts = "counts_as_call" if "counts_as_call" in columns(ask, "calls") else "true"
    return Answers(
        period=period,
        totals=totals,
        before=before if before.all_calls else None,
        by_day=_by_day(ask, period),
        by_source=_by_source(ask, period),
        by_hour=_by_hour(ask, period, counts),
        rings=_rings(ask, period, counts),
        agents=_ranking(_agents(ask, period), LISTED_AGENTS, totals.unanswered),
        lines=_ranking(_lines(ask, period), LISTED_LINES, totals.unanswered),
        callers=_callers(ask, period),
        waiting=sum(row["callers"] for row in waiting_by_day),
        waiting_by_day=waiting_by_day,
        undirected=_undirected(ask),
    )


def _totals(ask: Ask, period: Period) -> Totals:
    rows = ask(f"""
        select
            direction,
            sum(calls) as calls,
            {OUTCOMES},
            sum(talk_seconds) as talk_seconds
        from calls_by_day
        where {period.holds("call_day")}
        group by direction
    """)  # noqa: S608 - our own words
    return Totals(
        calls={row["direction"]: int(row["calls"]) for row in rows},
        **{
            name: sum(int(row[name]) for row in rows) for name in ("answered", "unanswered", "open")
        },
        talk_seconds=sum(float(row["talk_seconds"] or 0) for row in rows),
    )


def _by_day(ask: Ask, period: Period) -> Rows:
    return _whole(
        ask(f"""
            select vendor, call_day, sum(calls) as calls, {OUTCOMES}
            from calls_by_day
            where {period.holds("call_day")}
            group by vendor, call_day
            order by vendor, call_day
        """)  # noqa: S608 - our own words
    )


def _by_source(ask: Ask, period: Period) -> Rows:
    return _whole(
        ask(f"""
            select
                vendor,
                account,
                direction,
                sum(calls) as calls,
                sum(missed_calls) as missed,
                sum(busy_calls) as busy,
                sum(cancelled_calls) as cancelled,
                sum(failed_calls) as failed,
                {OUTCOMES}
            from calls_by_day
            where {period.holds("call_day")}
            group by vendor, account, direction
            order by vendor, account, direction
        """)  # noqa: S608 - our own words
    )


def _by_hour(ask: Ask, period: Period, counts: str) -> Rows:
    return _whole(
        ask(f"""
            select
                extract(hour from {LOCAL_TIME}) as hour,
                count(*) as calls,
                sum(case when {TOWARDS_US} then 1 else 0 end) as came_in,
                sum(case when {TOWARDS_US} and status = 'answered' then 1 else 0 end) as answered,
                sum(
                    case when {TOWARDS_US} and status in {UNANSWERED_STATUSES} then 1 else 0 end
                ) as unanswered
            from calls
            where {counts} and {period.holds("call_day")}
            group by 1
            order by 1
        """)  # noqa: S608 - our own words
    )


def _rings(ask: Ask, period: Period, counts: str) -> Rows:
    return ask(f"""
        select
            vendor,
            account,
            status = 'answered' as was_answered,
            count(ring_seconds) as told,
            percentile_cont(0.5) within group (order by ring_seconds) as middle,
            percentile_cont(0.9) within group (order by ring_seconds) as slow,
            count(case when ring_seconds is not null and started_at is null then 1 end) > 0
                as is_approximate
        from calls
        where {counts}
            and {TOWARDS_US}
            and (status = 'answered' or status in {UNANSWERED_STATUSES})
            and {period.holds("call_day")}
        group by vendor, account, status = 'answered'
        order by vendor, account, was_answered desc
    """)  # noqa: S608 - our own words


def _agents(ask: Ask, period: Period) -> Rows:
    return _whole(
        ask(f"""
            select
                vendor,
                account,
                agent_id,
                nullif(max(agent_name), '') as agent_name,
                sum(inbound_calls) as inbound,
                sum(unanswered_inbound_calls) as unanswered,
                sum(outbound_calls) as outbound,
                case when count(talk_seconds) = count(*) then sum(talk_seconds) end as talk_seconds
            from agents_by_day
            where {period.holds("call_day")}
            group by vendor, account, agent_id
            having sum(unanswered_inbound_calls) > 0
            order by unanswered desc, inbound, vendor, account, agent_id
        """)  # noqa: S608 - our own words
    )


def _lines(ask: Ask, period: Period) -> Rows:
    return _whole(
        ask(f"""
            select
                vendor,
                account,
                coalesce(max(external_line_e164), external_line) as line,
                sum(calls) as calls,
                {OUTCOMES}
            from lines_by_day
            where {TOWARDS_US} and {period.holds("call_day")}
            group by vendor, account, external_line
            having sum({UNANSWERED}) > 0
            order by unanswered desc, calls, vendor, account, line
        """)  # noqa: S608 - our own words
    )


def _ranking(rows: Rows, listed: int, unanswered: int) -> Ranking:
    """Part those that are listed from the others; what is left of all is nobody's."""
    theirs = sum(row["unanswered"] for row in rows)
    others = rows[listed:]
    return Ranking(
        rows=rows[:listed],
        others=len(others),
        others_unanswered=sum(row["unanswered"] for row in others),
        nobodys=unanswered - theirs,
    )


def _callers(ask: Ask, period: Period) -> Rows:
    # In the order of the clocks that the page shows, which are those of the vendors' zones.
    return ask(f"""
        select
            unanswered_callers.vendor,
            unanswered_callers.account,
            unanswered_callers.caller_number as caller,
            coalesce(calls.external_line_e164, calls.external_line) as line,
            unanswered_callers.unanswered_calls as unanswered,
            unanswered_callers.last_unanswered_at as last_at,
            calls.timezone
        from unanswered_callers
        inner join calls on calls.call_key = unanswered_callers.last_call_key
        where unanswered_callers.next_contact_at is null
            and {period.holds("unanswered_callers.last_unanswered_day")}
        order by
            last_unanswered_at at time zone 'UTC' at time zone calls.timezone desc,
            unanswered_callers.caller_key
        limit {LISTED_CALLERS}
    """)  # noqa: S608 - our own words


def _waiting_by_day(ask: Ask, period: Period) -> Rows:
    return ask(f"""
        select vendor, last_unanswered_day as call_day, count(*) as callers
        from unanswered_callers
        where next_contact_at is null and {period.holds("last_unanswered_day")}
        group by vendor, last_unanswered_day
        order by vendor, last_unanswered_day
    """)  # noqa: S608 - our own words


def _undirected(ask: Ask) -> list[str]:
    rows = ask("""
        select vendor
        from calls_by_day
        group by vendor
        having count(case when direction <> 'unknown' then 1 end) = 0
        order by vendor
    """)
    return [row["vendor"] for row in rows]


def _whole(rows: Rows) -> Rows:
    """Turn counts, which databases give as decimals or huge integers, into integers."""
    return [
        {
            name: int(value)
            if isinstance(value, Decimal | float) and name not in MEASURES
            else value
            for name, value in row.items()
        }
        for row in rows
    ]
