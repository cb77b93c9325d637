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
ROOM_FOR_NUMBERS = 1.1
LABELLED_DAYS = 7


class Chart(NamedTuple):
    """One chart, drawn for a phone and for a desk."""

    phone: str
    desk: str


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


def ranked(rows: Rows, name: str, vendors: Sequence[str]) -> Chart:
    """Draw a bar per row, the longest on top, with its number of unanswered calls.

    Args:
        rows: With `vendor`, `unanswered`, and a name; in order.
        name: Where the name is.
        vendors: In the order of their colours.
    """
    values = [
        {"place": str(place), "vendor": row["vendor"], "unanswered": row["unanswered"]}
        for place, row in enumerate(rows)
    ]
    labels = [_shortened(row[name]) for row in rows]
    longest = max(row["unanswered"] for row in rows)
    base = alt.Chart(alt.InlineData(values)).encode(
        x=alt.X(
            "unanswered:Q",
            axis=None,
            scale=alt.Scale(domain=[0, longest * ROOM_FOR_NUMBERS], nice=False),
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
    bars = base.mark_bar().encode(color=_colour(vendors))
    numbers = base.mark_text(align="left", dx=5, color="currentColor").encode(text="unanswered:Q")
    return _drawn(bars + numbers, BAR_HEIGHT * len(rows))


def _shortened(label: str) -> str:
    """Keep the end of a long label, where ids and numbers differ."""
    return label if len(label) <= LONGEST_LABEL else f"…{label[-KEPT_OF_LONG_LABEL:]}"


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
