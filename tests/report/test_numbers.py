"""Every number on the page is the warehouse's, and every sum adds up, on a desk and on a phone."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest

from tap_callhistory.vendors import VENDORS
from tests.support.report.pages import DESK, PHONE, SMALLEST_PHONE, Opened, whole, written_to
from tests.support.transform.true_calls import DIRECTION_UNSAID, UNANSWERED

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.support.report.pages import Written
    from tests.support.warehouses import Warehouse

FOUR_WEEKS: Final = timedelta(days=27)
CALL_COUNTS: Final = "counts_as_call"
"""The column of `calls` that tells rows that are calls from second rows of one call."""

DIRECTIONS: Final = ("inbound", "outbound", "internal", "unknown")
CAME_IN: Final = frozenset({"inbound", "unknown"})
WIDTHS: Final = pytest.mark.parametrize(
    "opened",
    [(SMALLEST_PHONE, "light"), (PHONE, "light"), (DESK, "light")],
    indirect=True,
    ids=["smallest phone", "phone", "desk"],
)


@pytest.fixture(scope="module")
def calls(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The calls of the last four weeks, each once."""
    every = warehouse.rows("select * from analytics.calls")
    once = [call for call in every if call.get(CALL_COUNTS, True)]
    last = max(call["call_day"] for call in once)
    return [call for call in once if last - FOUR_WEEKS <= call["call_day"]]


@pytest.fixture(scope="module")
def came_in(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [call for call in calls if call["direction"] in CAME_IN]


def outcome(call: dict[str, Any]) -> str:
    """Answered, unanswered or open."""
    if call["status"] in UNANSWERED:
        return "unanswered"
    return "answered" if call["status"] == "answered" else "open"


def source(call: dict[str, Any]) -> str:
    """How the page names whose call it is."""
    return f"{call['vendor']}, {call['account']}"


def clock(call: dict[str, Any]) -> datetime:
    """When it was placed, by the clock of its vendor's zone."""
    created: datetime = call["created_at"].replace(tzinfo=ZoneInfo("UTC"))
    return created.astimezone(ZoneInfo(call["timezone"]))


def test_the_figures_are_the_warehouses(
    opened: Opened,
    written: Written,
    calls: list[dict[str, Any]],
    came_in: list[dict[str, Any]],
) -> None:
    counts = Counter(map(outcome, came_in))
    figures = opened.figures()
    rate = counts["answered"] / (counts["answered"] + counts["unanswered"])
    assert [whole(figures[0]), whole(figures[1])] == [len(calls), len(came_in)]
    assert figures[2] == f"{rate:.0%}"
    assert whole(figures[3]) == counts["unanswered"]
    said = opened.page.locator(".sums").inner_text()
    numbers = [whole(number) for number in re.findall(r"[\d,]*\d", said)]
    assert numbers[0] == sum(numbers[1:]) == len(came_in)
    assert written.said.startswith(
        f"{len(calls):,} calls of the last 4 weeks, {counts['unanswered']:,} unanswered"
    )


def test_a_call_that_its_vendor_logs_twice_counts_once(
    warehouse: Warehouse, browser: Browser, tmp_path: Path
) -> None:
    tables = ["calls_by_day", "agents_by_day", "lines_by_day", "unanswered_callers"]
    columns = warehouse.rows("select * from analytics.calls limit 1")[0].keys() - {CALL_COUNTS}
    half = f"{', '.join(columns)}, abs(extract(minute from created_at)) >= 30 as {CALL_COUNTS}"
    warehouse.execute("create schema halves")
    try:
        warehouse.execute(f"create view halves.calls as select {half} from analytics.calls")  # noqa: S608
        for table in tables:
            warehouse.execute(f"create view halves.{table} as select * from analytics.{table}")  # noqa: S608
        written = written_to(tmp_path / "report.html", warehouse, "--schema", "halves")
        last = warehouse.rows("select max(call_day) as last from analytics.calls")[0]["last"]
        [counted] = warehouse.rows(
            f"select count(*) as calls from halves.calls where {CALL_COUNTS} "  # noqa: S608
            f"and call_day >= date '{last - FOUR_WEEKS}'"
        )
    finally:
        warehouse.execute("drop schema halves cascade")
    opened = Opened(browser, written.file, DESK)
    assert sums_of(opened.table("At what hour do they call?"))[0] == counted["calls"]
    opened.page.close()


@WIDTHS
def test_directions_add_up_to_the_calls_of_each_vendor_and_account(
    opened: Opened, calls: list[dict[str, Any]]
) -> None:
    *rows, last = opened.table("How many calls were there?")
    counted = Counter((source(call), call["direction"]) for call in calls)
    for name, *numbers in rows:
        total, *parts = map(whole, numbers)
        key = name.split(", ")[0].lower() + ", " + name.split(", ")[1]
        assert parts == [counted[key, direction] for direction in DIRECTIONS]
        assert total == sum(parts)
    assert len(rows) == len({source(call) for call in calls})
    assert sums_of(rows) == [whole(text) for text in last[1:]]
    assert whole(last[1]) == len(calls)


@WIDTHS
def test_answered_unanswered_and_open_calls_add_up_to_those_that_came_in(
    opened: Opened, came_in: list[dict[str, Any]]
) -> None:
    *rows, last = opened.table("How many did we miss?")
    counted = Counter((source(call), outcome(call)) for call in came_in)
    outcomes = ["answered", "unanswered", *(["open"] if counts_open(came_in) else [])]
    for name, *numbers, rate in rows:
        total, *parts = map(whole, numbers)
        key = name.split(", ")[0].lower() + ", " + name.split(", ")[1]
        assert parts == [counted[key, each] for each in outcomes]
        assert total == sum(parts)
        assert rate == f"{parts[0] / (parts[0] + parts[1]):.0%}"
    assert sums_of([row[:-1] for row in rows]) == [whole(text) for text in last[1:-1]]
    assert whole(last[1]) == len(came_in)


def test_the_reasons_add_up_to_the_unanswered_calls(opened: Opened) -> None:
    section = opened.section("How many did we miss?")
    sums = [
        sum(whole(number) for number in re.findall(r"[\d,]*\d", text))
        for text in section.locator("tr.why").all_inner_texts()
    ]
    unanswered = [
        whole(row.locator("xpath=preceding-sibling::tr[1]").locator("td").nth(3).inner_text())
        for row in section.locator("tr.why").all()
    ]
    assert sums == unanswered
    assert len(sums) >= 3


@WIDTHS
def test_hours_add_up_to_all_calls(
    opened: Opened, calls: list[dict[str, Any]], came_in: list[dict[str, Any]]
) -> None:
    rows = opened.table("At what hour do they call?")
    placed = Counter(clock(call).hour for call in calls)
    outcomes = Counter((clock(call).hour, outcome(call)) for call in came_in)
    for hours, *numbers in rows:
        hour = int(hours[:2])
        total, towards_us, *parts = map(whole, numbers)
        assert total == placed[hour]
        assert parts[:2] == [outcomes[hour, "answered"], outcomes[hour, "unanswered"]]
        assert towards_us == sum(parts)
    assert sums_of(rows)[:2] == [len(calls), len(came_in)]


def test_ring_times_are_medians_and_say_where_they_are_approximate(
    opened: Opened, came_in: list[dict[str, Any]]
) -> None:
    rings = defaultdict(list)
    exact = set()
    for call in came_in:
        if call["ring_seconds"] is not None and outcome(call) != "open":
            rings[source(call), outcome(call)].append(float(call["ring_seconds"]))
            if call["started_at"] is not None:
                exact.add(call["vendor"])
    for name, answered, slow, unanswered in opened.table("How long does it ring?"):
        key = name.split(", ")[0].lower() + ", " + name.split(", ")[1]
        for text, kind, fraction in (
            (answered, "answered", 50),
            (slow, "answered", 90),
            (unanswered, "unanswered", 50),
        ):
            if not (known := rings[key, kind]):
                assert text == "not told"
                continue
            shown = re.fullmatch(r"(≈ )?(\d+) s", text)
            assert shown, text
            cut = statistics.quantiles(known, n=100, method="inclusive")[fraction - 1]
            assert int(shown[2]) == pytest.approx(cut, abs=0.51)
            assert bool(shown[1]) == (key.split(",")[0] not in exact)
    assert exact == {"etelecom"}


def sums_of(rows: list[list[str]]) -> list[int]:
    """The sum of every column but the first."""
    return [sum(map(whole, column)) for column in list(zip(*rows, strict=True))[1:]]


def counts_open(calls: list[dict[str, Any]]) -> bool:
    return any(outcome(call) == "open" for call in calls)


@WIDTHS
@pytest.mark.parametrize("question", ["Who missed them?", "On which line?"])
def test_rankings_add_up_to_all_unanswered_calls(
    opened: Opened, question: str, came_in: list[dict[str, Any]]
) -> None:
    place = 2 if opened.page.viewport_size["width"] == DESK else 1  # type: ignore[index]
    *rows, last = opened.table(question)
    assert sum(whole(row[place]) for row in rows) == whole(last[place])
    assert whole(last[place]) == Counter(map(outcome, came_in))["unanswered"]
    listed = [whole(row[place]) for row in rows[:10]]
    assert listed == sorted(listed, reverse=True)


def test_agents_and_lines_have_their_true_unanswered_calls(
    opened: Opened, came_in: list[dict[str, Any]]
) -> None:
    lost = [call for call in came_in if outcome(call) == "unanswered"]
    agents = Counter(
        (source(call), call["agent_id"])
        for call in lost
        if call["agent_id"] and call["direction"] == "inbound"
    )
    lines = Counter((source(call), call["external_line"]) for call in lost if call["external_line"])
    for question, counted in (("Who missed them?", agents), ("On which line?", lines)):
        rows = opened.table(question)
        ranks = [whole(row[2]) for row in rows[:10]]
        assert ranks == sorted(counted.values(), reverse=True)[:10]
        assert f"{len(counted) - 10} other" in rows[10][0]


def test_agents_have_the_name_that_their_vendor_gives(
    opened: Opened, came_in: list[dict[str, Any]]
) -> None:
    names = {
        (source(call), call["agent_name"] or call["agent_id"])
        for call in came_in
        if call["agent_id"]
    }
    shown = opened.table("Who missed them?")[:10]
    for agent, whose, *_ in shown:
        vendor, account = whose.split(", ")
        assert (f"{vendor.lower()}, {account}", agent) in names
    assert any(" " in agent for agent, *_ in shown)


def test_waiting_callers_are_sorted_as_they_are_shown(
    opened: Opened, warehouse: Warehouse, calls: list[dict[str, Any]]
) -> None:
    first = min(call["call_day"] for call in calls)
    waiting = [
        row
        for row in warehouse.rows("select * from analytics.unanswered_callers")
        if row["next_contact_at"] is None and row["last_unanswered_day"] >= first
    ]
    zones = {call["vendor"]: call["timezone"] for call in calls}
    clocks = sorted(
        (
            clock({
                "created_at": row["last_unanswered_at"],
                "timezone": zones[row["vendor"]],
            }).replace(tzinfo=None)
            for row in waiting
        ),
        reverse=True,
    )
    rows = opened.table("Who waits for a call back?")
    assert [row[-1] for row in rows] == [
        f"{at.day} {at:%b}, {at:%H:%M}" for at in clocks[: len(rows)]
    ]
    assert whole(opened.figures()[4]) == len(waiting)
    assert len({row[1] for row in rows}) > 1


def test_vendors_that_do_not_tell_directions_are_named_where_they_cannot_appear(
    opened: Opened,
) -> None:
    for question in ("Who missed them?", "Who waits for a call back?"):
        words = opened.section(question).locator("p.quiet").first.inner_text()
        assert "Kavenegar and TWIN cannot appear" in words
    assert {"kavenegar", "twin"} == DIRECTION_UNSAID


def test_every_vendor_of_the_tap_has_its_own_name_and_colour(opened: Opened) -> None:
    dots = opened.page.locator(".legend span")
    names = [text.strip() for text in dots.all_inner_texts()]
    assert set(names) == {endpoint.settings["title"] for endpoint in VENDORS}
    colours = {
        dot.evaluate("element => getComputedStyle(element).backgroundColor")
        for dot in dots.locator("i").all()
    }
    assert len(colours) == len(names)
    assert "rgb(102, 112, 121)" not in colours
