"""What the report asks of the models, and the answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callhistory_report.warehouse import Ask

DAYS_PER_WEEK = 7
UNANSWERED = "missed_calls + busy_calls + failed_calls + cancelled_calls"
TOWARDS_US = "direction in ('inbound', 'unknown')"
LISTED_AGENTS = 10
LISTED_LINES = 10
LISTED_CALLERS = 15

Rows = list[dict[str, Any]]


class NoCallsError(Exception):
    """The models hold no call."""


@dataclass(frozen=True, slots=True)
class Period:
    """Some weeks that end with a day, itself included."""

    last: date
    weeks: int

    @property
    def first(self) -> date:
        """The first day."""
        return self.last - timedelta(days=self.weeks * DAYS_PER_WEEK - 1)

    @property
    def before(self) -> Period:
        """As many weeks before this one."""
        return Period(self.first - timedelta(days=1), self.weeks)

    @property
    def days(self) -> list[date]:
        """Every day, in order."""
        return [self.first + timedelta(days=n) for n in range(self.weeks * DAYS_PER_WEEK)]

    @property
    def week_ends(self) -> list[date]:
        """The last day of every week, in order."""
        return self.days[DAYS_PER_WEEK - 1 :: DAYS_PER_WEEK]

    def week_end(self, day: date) -> date:
        """Return the last day of the week that a day belongs to."""
        return self.last - (self.last - day) // timedelta(days=DAYS_PER_WEEK) * timedelta(
            days=DAYS_PER_WEEK
        )

    def holds(self, column: str) -> str:
        """Write the condition that a day is in the period."""
        return f"{column} between date '{self.first}' and date '{self.last}'"


@dataclass(frozen=True, slots=True)
class Totals:
    """All calls of a period.

    Attributes:
        calls: How many.
        answered: How many were answered.
        settled: How many are over, with a known outcome.
        unanswered: How many inbound calls (or of unknown direction) nobody answered.
        talk_seconds: Talk time of the vendors that say it.
    """

    calls: int
    answered: int
    settled: int
    unanswered: int
    talk_seconds: float

    @property
    def answer_rate(self) -> float | None:
        """Answered calls as a share of the settled ones."""
        return self.answered / self.settled if self.settled else None


@dataclass(frozen=True, slots=True)
class Answers:
    """All that the page shows.

    Attributes:
        period: The weeks that it is about.
        totals: Their calls; `before` those of as many weeks before, if there were any.
        by_day: Per vendor and day: calls, unanswered, answered, settled.
        by_vendor: Per vendor and direction: calls by status.
        agents: Those with the most unanswered calls.
        lines: Lines with the most unanswered calls.
        callers: Who waits longest for a call back, newest first; `waiting` is how many there are.
        waiting_by_day: Per vendor and day of the last unanswered call: how many wait.
    """

    period: Period
    totals: Totals
    before: Totals | None
    by_day: Rows
    by_vendor: Rows
    agents: Rows
    lines: Rows
    callers: Rows
    waiting: int
    waiting_by_day: Rows

    @property
    def vendors(self) -> list[str]:
        """The vendors that have calls, in a fixed order."""
        return sorted({row["vendor"] for row in self.by_day})


def answers(ask: Ask, weeks: int) -> Answers:
    """Ask the models about the last weeks, counted back from the newest call's day.

    Raises:
        NoCallsError: There is no call.
    """
    last = ask("select max(call_day) as last from calls_by_day")[0]["last"]
    if last is None:
        raise NoCallsError("The models hold no call.")
    period = Period(last, weeks)
    before = _totals(ask, period.before)
    waiting_by_day = _waiting_by_day(ask, period)
    return Answers(
        period=period,
        totals=_totals(ask, period),
        before=before if before.calls else None,
        by_day=_by_day(ask, period),
        by_vendor=_by_vendor(ask, period),
        agents=_agents(ask, period),
        lines=_lines(ask, period),
        callers=_callers(ask, period),
        waiting=sum(row["callers"] for row in waiting_by_day),
        waiting_by_day=waiting_by_day,
    )


def _totals(ask: Ask, period: Period) -> Totals:
    row = ask(f"""
        select
            sum(calls) as calls,
            sum(answered_calls) as answered,
            sum(calls - in_progress_calls - unknown_calls) as settled,
            sum(case when {TOWARDS_US} then {UNANSWERED} end) as unanswered,
            sum(talk_seconds) as talk_seconds
        from calls_by_day
        where {period.holds("call_day")}
    """)[0]  # noqa: S608 - our own words
    return Totals(
        **{name: int(row[name] or 0) for name in ("calls", "answered", "settled", "unanswered")},
        talk_seconds=float(row["talk_seconds"] or 0),
    )


def _by_day(ask: Ask, period: Period) -> Rows:
    return _whole(
        ask(f"""
            select
                vendor,
                call_day,
                sum(calls) as calls,
                sum(case when {TOWARDS_US} then {UNANSWERED} else 0 end) as unanswered,
                sum(answered_calls) as answered,
                sum(calls - in_progress_calls - unknown_calls) as settled
            from calls_by_day
            where {period.holds("call_day")}
            group by vendor, call_day
            order by vendor, call_day
        """)  # noqa: S608 - our own words
    )


def _by_vendor(ask: Ask, period: Period) -> Rows:
    return _whole(
        ask(f"""
            select
                vendor,
                direction,
                sum(calls) as calls,
                sum(answered_calls) as answered,
                sum(missed_calls) as missed,
                sum(busy_calls) as busy,
                sum(cancelled_calls) as cancelled,
                sum(failed_calls) as failed,
                sum(calls - in_progress_calls - unknown_calls) as settled
            from calls_by_day
            where {period.holds("call_day")}
            group by vendor, direction
            order by vendor, direction
        """)  # noqa: S608 - our own words
    )


def _agents(ask: Ask, period: Period) -> Rows:
    return _whole(
        ask(f"""
            select
                vendor,
                account,
                coalesce(max(agent_name), agent_id) as agent,
                sum(inbound_calls) as inbound,
                sum(unanswered_inbound_calls) as unanswered,
                sum(outbound_calls) as outbound,
                case when count(talk_seconds) = count(*) then sum(talk_seconds) end as talk_seconds
            from agents_by_day
            where {period.holds("call_day")}
            group by vendor, account, agent_id
            having sum(unanswered_inbound_calls) > 0
            order by unanswered desc, inbound, vendor, agent
            limit {LISTED_AGENTS}
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
                sum({UNANSWERED}) as unanswered,
                sum(answered_calls) as answered,
                sum(calls - in_progress_calls - unknown_calls) as settled
            from lines_by_day
            where {TOWARDS_US} and {period.holds("call_day")}
            group by vendor, account, external_line
            having sum({UNANSWERED}) > 0
            order by unanswered desc, calls, vendor, line
            limit {LISTED_LINES}
        """)  # noqa: S608 - our own words
    )


def _callers(ask: Ask, period: Period) -> Rows:
    return ask(f"""
        select
            unanswered_callers.vendor,
            unanswered_callers.caller_number as caller,
            coalesce(calls.external_line_e164, calls.external_line) as line,
            unanswered_callers.unanswered_calls as unanswered,
            unanswered_callers.last_unanswered_at as last_at,
            calls.timezone
        from unanswered_callers
        inner join calls on calls.call_key = unanswered_callers.last_call_key
        where unanswered_callers.next_contact_at is null
            and {period.holds("unanswered_callers.last_unanswered_day")}
        order by last_at desc, caller
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


def _whole(rows: Rows) -> Rows:
    """Turn counts, which databases give as decimals or huge integers, into integers."""
    fixed = {"vendor", "account", "call_day", "direction", "agent", "line", "talk_seconds"}
    return [
        {name: value if name in fixed else int(value) for name, value in row.items()}
        for row in rows
    ]
