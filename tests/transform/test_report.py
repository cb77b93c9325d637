"""The report in a real browser: it counts right, needs nothing, and can be read anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import sync_playwright
from uv import find_uv_bin

from .programs import PROJECT, PYTHON, TIMEOUT_SECONDS
from .test_calls import UNANSWERED, told
from .test_questions import day_of
from .warehouses import DuckDB, PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from .warehouses import Warehouse

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
PHONE: Final = 390
SMALLEST_PHONE: Final = 320
DESK: Final = 1180
QUESTIONS: Final = (
    "How many calls were there?",
    "How many did we miss?",
    "How does the answer rate develop?",
    "Who missed them?",
    "On which line?",
    "Who waits for a call back?",
)
NOTHING: Final = "\N{EN DASH}"
LEAST_CONTRAST: Final = 4.5
SMALLEST_LETTERS_PX: Final = 10
FOUR_WEEKS: Final = timedelta(days=27)


def report(database: str, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Writes the report, from an environment of its own."""
    command = [find_uv_bin(), "run", "--quiet", "--no-project", "--python", PYTHON]
    command += ["--with-editable", f"{PROJECT.parent / 'report'}[postgres]", "callhistory-report"]
    command += ["--database", database, "--output", str(output), *arguments]
    return subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )


def database_of(warehouse: Warehouse) -> str:
    if isinstance(warehouse, PostgreSQL):
        return warehouse.uri
    assert isinstance(warehouse, DuckDB)
    return f"duckdb:///{warehouse.file}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found and "CI" not in os.environ:
        pytest.skip("needs a browser, which Python cannot install: apt-get install chromium")
    assert found, "install a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        # The page is our own; a sandbox cannot be had as root.
        opened = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield opened
        opened.close()


@dataclass(frozen=True, slots=True)
class Written:
    """A report, and what the program said."""

    file: Path
    said: str


@pytest.fixture(scope="module")
def written(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Written:
    file = tmp_path_factory.mktemp("report") / "report.html"
    finished = report(database_of(warehouse), file)
    assert finished.returncode == 0, finished.stderr[-4000:]
    return Written(file, finished.stdout)


class Opened:
    """The report in a browser, and what it asked for or complained of."""

    def __init__(self, browser: Browser, file: Path, width: int, scheme: Any = "light") -> None:
        self.page: Page = browser.new_page(
            viewport={"width": width, "height": 844}, color_scheme=scheme
        )
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri())

    def table(self, question: str) -> list[list[str]]:
        """The texts of a question's table, row by row."""
        section = self.page.locator("section", has=self.page.get_by_text(question, exact=True))
        return [row.locator("td").all_inner_texts() for row in section.locator("tr").all()][1:]


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser: Browser, written: Written) -> Iterator[Opened]:
    width, scheme = getattr(request, "param", (DESK, "light"))
    shown = Opened(browser, written.file, width, scheme)
    yield shown
    shown.page.close()


def whole(text: str) -> int:
    return 0 if text == NOTHING else int(text.replace(",", ""))


@pytest.fixture(scope="module")
def last_weeks(calls_truth: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What the vendors tell of the calls that the report is about."""
    calls = [told(truth) | {"day": day_of(truth)} for truth in calls_truth.values()]
    last = max(call["day"] for call in calls)
    return [call for call in calls if last - FOUR_WEEKS <= call["day"]]


def test_the_figures_are_the_true_ones(
    opened: Opened, written: Written, last_weeks: list[dict[str, Any]]
) -> None:
    unanswered = [
        call
        for call in last_weeks
        if call["direction"] in {"inbound", "unknown"} and call["status"] in UNANSWERED
    ]
    figures = opened.page.locator(".figure b").all_inner_texts()
    assert whole(figures[0]) == len(last_weeks)
    assert whole(figures[2]) == len(unanswered)
    assert written.said.startswith(
        f"{len(last_weeks):,} calls of the last 4 weeks, {len(unanswered):,} unanswered"
    )


def test_the_first_table_counts_directions_by_vendor(
    opened: Opened, last_weeks: list[dict[str, Any]]
) -> None:
    counted = Counter((call["vendor"], call["direction"]) for call in last_weeks)
    for name, calls, *directions in opened.table("How many calls were there?"):
        vendor = name.lower()
        kinds = ("inbound", "outbound", "internal", "unknown")
        assert [whole(text) for text in directions] == [counted[vendor, kind] for kind in kinds]
        assert whole(calls) == sum(counted[vendor, kind] for kind in kinds)


def test_agents_and_lines_are_ranked_by_their_true_unanswered_calls(
    opened: Opened, last_weeks: list[dict[str, Any]]
) -> None:
    missed = Counter(
        (call["vendor"], call["account"], call["agent_id"])
        for call in last_weeks
        if call["agent_id"] and call["direction"] == "inbound" and call["status"] in UNANSWERED
    )
    ranks = [whole(row[3]) for row in opened.table("Who missed them?")]
    assert ranks == sorted(missed.values(), reverse=True)[: len(ranks)]
    assert len(ranks) == 10
    lines = [whole(row[3]) for row in opened.table("On which line?")]
    assert lines == sorted(lines, reverse=True)
    assert min(lines) > 0


def test_every_question_has_a_table_and_a_chart(opened: Opened) -> None:
    sections = opened.page.locator("section")
    assert sections.locator("h2").all_inner_texts() == list(QUESTIONS)
    for section in sections.all():
        assert section.locator("table tr").count() > 1
        assert section.locator("svg path, svg text").count() > 10


@pytest.mark.parametrize(
    "opened",
    [(width, "light") for width in (SMALLEST_PHONE, PHONE, DESK)],
    indirect=True,
    ids=["smallest phone", "phone", "desk"],
)
def test_nothing_sticks_out_or_is_too_small_to_read(opened: Opened) -> None:
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    sticking_out = page.evaluate("""
        [...document.querySelectorAll('td, th, p, h1, h2, .figure, svg text')]
            .filter(element => element.checkVisibility())
            .filter(element => {
                const box = element.getBoundingClientRect();
                return box.width && (box.left < 0 || box.right > window.innerWidth);
            })
            .map(element => element.textContent)
    """)
    assert sticking_out == []
    smallest = page.evaluate("""
        Math.min(...[...document.querySelectorAll('svg text')]
            .filter(element => element.checkVisibility())
            .map(element => 12 * element.ownerSVGElement.getBoundingClientRect().width
                / element.ownerSVGElement.viewBox.baseVal.width))
    """)
    assert smallest >= SMALLEST_LETTERS_PX * min(1, page.viewport_size["width"] / PHONE)  # type: ignore[index]


@pytest.mark.parametrize("opened", [(PHONE, "light"), (DESK, "light")], indirect=True)
def test_a_phone_and_a_desk_have_charts_of_their_own(opened: Opened) -> None:
    width = opened.page.viewport_size["width"]  # type: ignore[index]
    shown, hidden = (".phone", ".desk") if width == PHONE else (".desk", ".phone")
    visible = "elements => elements.filter(element => element.checkVisibility()).length"
    assert opened.page.locator(f"{shown} svg").evaluate_all(visible) == len(QUESTIONS)
    assert opened.page.locator(f"{hidden} svg").evaluate_all(visible) == 0


@pytest.mark.parametrize("opened", [(PHONE, "light"), (PHONE, "dark")], indirect=True)
def test_words_stand_out_from_the_paper_in_the_light_and_in_the_dark(opened: Opened) -> None:
    card = colour(opened, "section", "backgroundColor")
    dark = opened.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (luminance(card) < 0.1) == dark
    for selector, part in (
        ("td", "color"),
        ("th", "color"),
        (".quiet", "color"),
        (".phone svg text", "fill"),
    ):
        assert contrast(colour(opened, selector, part), card) >= LEAST_CONTRAST, selector
    bars = opened.page.locator(".phone svg path[aria-roledescription=bar]").first
    fill = numbers(bars.evaluate("element => getComputedStyle(element).fill"))
    assert contrast(fill, card) >= 2


def test_the_page_asks_for_nothing_and_complains_of_nothing(
    opened: Opened, written: Written
) -> None:
    assert opened.requests == [written.file.as_uri()]
    assert opened.complaints == []
    text = written.file.read_text(encoding="utf-8")
    assert "<script" not in text
    assert set(re.findall(r"https?://[^\s\"'<)]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_without_models_the_report_says_what_to_do(tmp_path: Path) -> None:
    empty = DuckDB(tmp_path)
    empty.execute("create schema callhistory")
    for database, advice in (
        (database_of(empty), "run dbt build first"),
        (f"duckdb:///{tmp_path}/nothing.duckdb", "load calls and run dbt first"),
        ("mysql://localhost/calls", "duckdb:/// or postgresql://"),
    ):
        finished = report(database, tmp_path / "report.html")
        assert finished.returncode == 1
        assert advice in finished.stderr
        assert len(finished.stderr.splitlines()) == 1


def colour(opened: Opened, selector: str, part: str) -> tuple[float, ...]:
    shown = opened.page.locator(selector).first
    return numbers(shown.evaluate(f"element => getComputedStyle(element).{part}"))


def numbers(computed: str) -> tuple[float, ...]:
    return tuple(float(number) for number in re.findall(r"[\d.]+", computed)[:3])


def luminance(parts: tuple[float, ...]) -> float:
    """Relative luminance as WCAG defines it."""
    linear = [
        part / 255 / 12.92 if part <= 10.31 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast as WCAG defines it: 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
