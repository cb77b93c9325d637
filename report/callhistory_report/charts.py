"""Charts as SVG, in the colours of the page that holds them: light or dark, as its reader likes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import altair as alt
import vl_convert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callhistory_report.questions import Rows

PHONE_WIDTH = 340
DESK_WIDTH = 880
TALL = 240
BAR_HEIGHT = 26
LONGEST_LABEL = 18
KEPT_OF_LONG_LABEL = 12
LABEL_WIDTH_PER_LETTER = 7.5
ROOM_PER_LETTER = 0.05
LABELLED_DAYS = 7


class Chart(NamedTuple):
    """One chart, drawn for a phone and for a desk."""

    phone: str
    desk: str


class Bar(NamedTuple):
    """One bar: its label, its length, its number as it is shown, and its colour in CSS."""

    label: str
    value: float
    shown: str
    colour: str


def stacked_days(rows: Rows, count: str, vendors: Sequence[str]) -> Chart:
    """Draw a column per day, a part of it per vendor.

    Args:
        rows: With `vendor`, `call_day` and the count.
        count: The name of what is counted.
        vendors: In the order of their colours.
    """
    values = [
        {"vendor": row["vendor"], "day": row["call_day"].isoformat(), "count": row[count]}
        for row in rows
    ]
    chart = (
        alt
        .Chart(alt.InlineData(values))
        .mark_bar()
        .encode(
            x=_day_axis(alt.X("day:O"), values),
            y=alt.Y("sum(count):Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=4)),
            color=_colour(vendors),
            order=alt.Order("vendor:N"),
        )
    )
    return _drawn(chart, TALL)


def weekly_rates(rows: Rows, vendors: Sequence[str]) -> Chart:
    """Draw a line per vendor over the weeks.

    Args:
        rows: With `vendor`, `week` (its last day) and `rate` (0 to 1).
        vendors: In the order of their colours.
    """
    values = [
        {"vendor": row["vendor"], "week": row["week"].isoformat(), "rate": row["rate"]}
        for row in rows
    ]
    chart = (
        alt
        .Chart(alt.InlineData(values))
        .mark_line(point=alt.OverlayMarkDef(size=60), strokeWidth=2.5)
        .encode(
            x=alt.X(
                "week:O",
                title=None,
                axis=alt.Axis(labelExpr="timeFormat(toDate(datum.value), '%-d %b')", labelAngle=0),
            ),
            y=alt.Y(
                "rate:Q",
                title=None,
                scale=alt.Scale(zero=False, nice=True, padding=12),
                axis=alt.Axis(format=".0%", tickCount=4),
            ),
            color=_colour(vendors),
        )
    )
    return _drawn(chart, TALL)


def bars(drawn: Sequence[Bar], longest_label: int = LONGEST_LABEL) -> Chart:
    """Draw a bar per row, in the order given, with its number behind it.

    Args:
        drawn: The bars.
        longest_label: How many letters of a label are shown.
    """
    values = [
        {"place": str(place), "value": bar.value, "shown": bar.shown, "colour": bar.colour}
        for place, bar in enumerate(drawn)
    ]
    labels = [_shortened(bar.label, longest_label) for bar in drawn]
    longest = max(bar.value for bar in drawn) or 1
    room = 1 + ROOM_PER_LETTER * max(len(bar.shown) for bar in drawn)
    base = alt.Chart(alt.InlineData(values)).encode(
        x=alt.X(
            "value:Q",
            axis=None,
            scale=alt.Scale(domain=[0, longest * room], nice=False),
        ),
        y=alt.Y(
            "place:O",
            title=None,
            sort=None,
            axis=alt.Axis(
                labelExpr=f"{json.dumps(labels)}[toNumber(datum.value)]",
                labelLimit=0,
                # Readers' fonts differ from the one in which the chart is laid out.
                minExtent=max(map(len, labels)) * LABEL_WIDTH_PER_LETTER,
            ),
        ),
    )
    rows = base.mark_bar().encode(color=alt.Color("colour:N", scale=None))
    numbers = base.mark_text(align="left", dx=5, color="currentColor").encode(text="shown:N")
    return _drawn(rows + numbers, BAR_HEIGHT * len(drawn))


def outcomes_by_hour(rows: Rows) -> Chart:
    """Draw a column per hour of the day: answered calls, and on them the unanswered ones.

    Args:
        rows: With `hour` (0 to 23), `answered` and `unanswered`.
    """
    values = [
        {"hour": row["hour"], "place": place, "count": row[outcome], "outcome": outcome}
        for row in rows
        for place, outcome in enumerate(("answered", "unanswered"))
    ]
    chart = (
        alt
        .Chart(alt.InlineData(values))
        .mark_bar()
        .encode(
            x=alt.X(
                "hour:O",
                title=None,
                scale=alt.Scale(domain=list(range(24))),
                axis=alt.Axis(values=[0, 6, 12, 18, 23], labelAngle=0),
            ),
            y=alt.Y("sum(count):Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=4)),
            color=alt.Color(
                "outcome:N",
                scale=alt.Scale(
                    domain=["answered", "unanswered"], range=["var(--calm)", "var(--bad)"]
                ),
                legend=None,
            ),
            order=alt.Order("place:Q"),
        )
    )
    return _drawn(chart, TALL)


def _shortened(label: str, longest: int) -> str:
    """Keep the beginning of a long name, and the end of a long id, where ids differ."""
    if len(label) <= longest:
        return label
    if " " in label:
        return f"{label[: longest - 1].rstrip()}…"
    return f"…{label[-KEPT_OF_LONG_LABEL:]}"


def _day_axis(axis: alt.X, values: list[dict[str, Any]]) -> alt.X:
    """Label every seventh day, counted back from the last."""
    days = sorted({value["day"] for value in values})
    return axis.axis(
        values=days[::-1][::LABELLED_DAYS][::-1],
        labelExpr="timeFormat(toDate(datum.value), '%-d %b')",
        labelAngle=0,
        title=None,
    )


def _colour(vendors: Sequence[str]) -> alt.Color:
    """Colour vendors by the page's own variables."""
    colours = [f"var(--{vendor})" for vendor in vendors]
    scale = alt.Scale(domain=list(vendors), range=colours)
    return alt.Color("vendor:N", scale=scale, legend=None)


def _drawn(chart: alt.Chart | alt.LayerChart, height: int) -> Chart:
    return Chart(*(_svg(chart, width, height) for width in (PHONE_WIDTH, DESK_WIDTH)))


def _svg(chart: alt.Chart | alt.LayerChart, width: int, height: int) -> str:
    sized = (
        chart
        .properties(
            width=width,
            height=height,
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
            background="transparent",
            padding=0,
        )
        .configure(font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor="currentColor",
            labelFontSize=12,
            domainColor="currentColor",
            domainOpacity=0.3,
            tickColor="currentColor",
            tickOpacity=0.3,
            gridColor="currentColor",
            gridOpacity=0.12,
        )
        .configure_text(fontSize=12)
    )
    return vl_convert.vegalite_to_svg(sized.to_json(validate=False))
