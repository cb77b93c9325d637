"""The page: one HTML file that needs nothing but itself."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from callhistory_report import charts

if TYPE_CHECKING:
    from callhistory_report.questions import Answers, Rows

NAMES = {
    "kavenegar": "Kavenegar",
    "etelecom": "eTelecom",
    "twin": "TWIN",
    "cinnox": "CINNOX",
    "utel": "Utel",
}
SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3600
MANY_HOURS = 100
NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def page(found: Answers, written_at: datetime) -> str:
    """Write the page.

    Args:
        found: What the models answered.
        written_at: When the page is written, aware.
    """
    environment = Environment(
        loader=PackageLoader("callhistory_report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "percent": percent,
        "length": length,
        "day": day,
        "local": local,
        "vendor": lambda vendor: NAMES.get(vendor, vendor),
        "change": change,
        "by_direction": lambda rows: {row["direction"]: row["calls"] for row in rows},
    }
    rates = weekly_rates(found)
    return environment.get_template("page.html").render(
        found=found,
        written_at=written_at,
        rates=rates,
        charts={name: _marked(chart) for name, chart in _charts(found, rates).items()},
        silent=[NAMES[vendor] for vendor in found.vendors if vendor in {"kavenegar", "twin"}],
        several_accounts=len({row["account"] for row in found.agents + found.lines}) > 1,
    )


def weekly_rates(found: Answers) -> Rows:
    """Work out the answer rate of each vendor and week, as `vendor`, `week` and `rate`."""
    sums: dict[tuple[str, date], list[int]] = {}
    for row in found.by_day:
        total = sums.setdefault((row["vendor"], found.period.week_end(row["call_day"])), [0, 0])
        total[0] += row["answered"]
        total[1] += row["settled"]
    return [
        {"vendor": vendor, "week": week, "rate": answered / settled}
        for (vendor, week), (answered, settled) in sorted(sums.items())
        if settled
    ]


def _charts(found: Answers, rates: Rows) -> dict[str, charts.Chart]:
    vendors = found.vendors
    days = [
        {"vendor": vendors[0], "call_day": day, "calls": 0, "unanswered": 0, "callers": 0}
        for day in found.period.days
    ]
    drawn = {
        "calls": charts.stacked_days(days + found.by_day, "calls", vendors),
        "unanswered": charts.stacked_days(days + found.by_day, "unanswered", vendors),
        "rates": charts.weekly_rates(rates, vendors),
    }
    if found.agents:
        drawn["agents"] = charts.ranked(found.agents, "agent", vendors)
    if found.lines:
        drawn["lines"] = charts.ranked(found.lines, "line", vendors)
    if found.waiting:
        drawn["waiting"] = charts.stacked_days(days + found.waiting_by_day, "callers", vendors)
    return drawn


def _marked(chart: charts.Chart) -> dict[str, Any]:
    """Let charts, which are markup of our own, into the page as they are."""
    return {"phone": Markup(chart.phone), "desk": Markup(chart.desk)}  # noqa: S704


def number(value: float | None) -> str:
    """Write a count with its thousands apart."""
    return NOTHING if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """Write a share as a percentage."""
    return NOTHING if value is None else f"{value:.0%}"


def length(seconds: float | None) -> str:
    """Write a length of time in hours and minutes."""
    if seconds is None:
        return NOTHING
    hours, rest = divmod(int(seconds), SECONDS_PER_HOUR)
    minutes = rest // SECONDS_PER_MINUTE
    if hours >= MANY_HOURS:
        return f"{hours:,} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def day(value: date) -> str:
    """Write a day."""
    return f"{value.day} {value:%b}"


def local(instant: datetime, timezone: str) -> str:
    """Write an instant, naive and in UTC, as a clock in a zone showed it."""
    shown = instant.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone))
    return f"{day(shown)}, {shown:%H:%M}"


def change(now: float | None, before: float | None) -> str:
    """Write by how much a count has grown or shrunk."""
    if not before or now is None:
        return ""
    grown = round((now - before) / before * 100)
    return f"{'+' if grown > 0 else MINUS if grown < 0 else '±'}{abs(grown)}%"
