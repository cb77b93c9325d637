"""The page: one HTML file that needs nothing but itself."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from callhistory_report import charts, wording
from callhistory_report.coverage import State
from callhistory_report.names import look, source_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from callhistory_report.coverage import Coverage, History
    from callhistory_report.questions import Answers, Rows

REASONS = ("missed", "busy", "cancelled", "failed")
LISTED_GAPS = 10
LONGEST_SOURCE = 24


class Strip(NamedTuple):
    """A history's days: how each stands, and all of it in words."""

    days: list[tuple[date, State]]
    said: str


def page(found: Answers, proof: Coverage, written_at: datetime, *, made_up: bool) -> str:
    """Write the page.

    Args:
        found: What the models answered about calls.
        proof: What the ledger proves.
        written_at: When the page is written, aware.
        made_up: Whether the calls are the sandbox's.
    """
    environment = Environment(
        loader=PackageLoader("callhistory_report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    accounts = found.accounts | {history.account for history in proof.histories}
    several_accounts = len(accounts) > 1
    named = _source_namer(several_accounts=several_accounts)
    environment.filters |= {
        "number": wording.number,
        "percent": wording.percent,
        "duration": wording.duration,
        "seconds": wording.seconds,
        "age": wording.age,
        "day": wording.day,
        "local": wording.local,
        "moment": wording.moment,
        "change": wording.change,
        "counted": wording.counted,
        "vendor": lambda vendor: look(vendor).name,
        "source": named,
        "reasons": reasons,
    }
    rates = weekly_rates(found)
    sources = by_source(found)
    vendors = {row["vendor"] for row in found.by_source} | {
        history.vendor for history in proof.histories
    }
    strips = [_strip(history, found) for history in proof.histories]
    seen = {
        state
        for history, strip in zip(proof.histories, strips, strict=True)
        if history.is_covered
        for _, state in strip.days
    }
    return environment.get_template("page.html").render(
        found=found,
        proof=proof,
        states=[state for state in State if state in seen],
        made_up=made_up,
        several_accounts=several_accounts,
        written_at=written_at,
        looks={vendor: look(vendor) for vendor in sorted(vendors)},
        strips=strips,
        listed_gaps=LISTED_GAPS,
        span=wording.span,
        sources=sources,
        came_in=[row for row in sources if row["came_in"]],
        rates=rates,
        rings=ring_times(found),
        agent_names=agent_names(found.agents.rows),
        undirected=[look(vendor).name for vendor in found.undirected],
        charts={name: _marked(chart) for name, chart in _charts(found, rates, named).items()},
    )


def weekly_rates(found: Answers) -> Rows:
    """Work out the answer rate of each vendor and week, as `vendor`, `week` and `rate`."""
    sums: dict[tuple[str, date], list[int]] = {}
    for row in found.by_day:
        total = sums.setdefault((row["vendor"], found.period.week_end(row["call_day"])), [0, 0])
        total[0] += row["answered"]
        total[1] += row["answered"] + row["unanswered"]
    return [
        {"vendor": vendor, "week": week, "rate": answered / over}
        for (vendor, week), (answered, over) in sorted(sums.items())
        if over
    ]


def by_source(found: Answers) -> Rows:
    """Add up the directions of each vendor and account: one row for both of its tables."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found.by_source:
        source = rows.setdefault(
            (row["vendor"], row["account"]),
            {"vendor": row["vendor"], "account": row["account"], "directions": {}}
            | dict.fromkeys(("calls", "answered", "unanswered", "open", *REASONS), 0),
        )
        source["directions"][row["direction"]] = row["calls"]
        source["calls"] += row["calls"]
        for outcome in ("answered", "unanswered", "open"):
            source[outcome] += row[outcome]
        if row["direction"] in {"inbound", "unknown"}:
            for reason in REASONS:
                source[reason] += row[reason]
    for source in rows.values():
        source["over"] = source["answered"] + source["unanswered"]
        source["came_in"] = source["over"] + source["open"]
    return list(rows.values())


def ring_times(found: Answers) -> Rows:
    """Bring what is known of answered and of unanswered calls into one row per source."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found.rings:
        source = rows.setdefault(
            (row["vendor"], row["account"]), {"vendor": row["vendor"], "account": row["account"]}
        )
        source["answered" if row["was_answered"] else "unanswered"] = row
    return list(rows.values())


def agent_names(rows: Rows) -> list[str]:
    """Name agents as their vendor does, with the id where two have one name, or else by the id."""
    names = Counter((row["vendor"], row["account"], row["agent_name"]) for row in rows)
    return [
        row["agent_id"]
        if row["agent_name"] is None
        else row["agent_name"]
        if names[row["vendor"], row["account"], row["agent_name"]] == 1
        else f"{row['agent_name']} ({row['agent_id']})"
        for row in rows
    ]


def reasons(row: dict[str, Any]) -> str:
    """Say how many calls were unanswered for which reason."""
    return ", ".join(f"{row[reason]:,} {reason}" for reason in REASONS if row[reason])


def _source_namer(*, several_accounts: bool) -> Callable[[Any], str]:
    def named(row: Any) -> str:
        fields = row if isinstance(row, dict) else {"vendor": row.vendor, "account": row.account}
        return source_name(fields, several_accounts=several_accounts)

    return named


def _strip(history: History, found: Answers) -> Strip:
    days = [(day, history.state(day)) for day in found.period.days]
    counts = Counter(state for _, state in days)
    said = [f"{count} {state}" for state, count in counts.items()]
    return Strip(days, f"{len(days)} days: {', '.join(said)}")


def _charts(found: Answers, rates: Rows, named: Callable[[Any], str]) -> dict[str, charts.Chart]:
    vendors = found.vendors
    days = [
        {"vendor": vendors[0], "call_day": day, "calls": 0, "unanswered": 0, "callers": 0}
        for day in found.period.days
    ]
    drawn = {
        "calls": charts.stacked_days(days + found.by_day, "calls", vendors),
        "unanswered": charts.stacked_days(days + found.by_day, "unanswered", vendors),
        "rates": charts.weekly_rates(rates, vendors),
        "hours": charts.outcomes_by_hour(found.by_hour),
    }
    rings = [row for row in found.rings if row["was_answered"] and row["told"]]
    if rings:
        bars = [
            charts.Bar(
                named(row),
                float(row["middle"]),
                wording.seconds(row["middle"], approximate=row["is_approximate"]),
                _colour(row),
            )
            for row in rings
        ]
        drawn["rings"] = charts.bars(bars, longest_label=LONGEST_SOURCE)
    if found.agents.rows:
        names = agent_names(found.agents.rows)
        drawn["agents"] = charts.bars([
            _unanswered_bar(row, name) for row, name in zip(found.agents.rows, names, strict=True)
        ])
    if found.lines.rows:
        drawn["lines"] = charts.bars([
            _unanswered_bar(row, row["line"]) for row in found.lines.rows
        ])
    if found.waiting:
        drawn["waiting"] = charts.stacked_days(days + found.waiting_by_day, "callers", vendors)
    return drawn


def _unanswered_bar(row: dict[str, Any], label: str) -> charts.Bar:
    shown = wording.number(row["unanswered"])
    return charts.Bar(label, row["unanswered"], shown, _colour(row))


def _colour(row: dict[str, Any]) -> str:
    return f"var(--{row['vendor']})"


def _marked(chart: charts.Chart) -> dict[str, Any]:
    """Let charts, which are markup of our own, into the page as they are."""
    return {"phone": Markup(chart.phone), "desk": Markup(chart.desk)}  # noqa: S704
