"""The page can be read anywhere, in the light and in the dark, and needs nothing but itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.report.pages import DESK, PHONE, SMALLEST_PHONE, database_of, report
from tests.support.warehouses import DuckDB

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.report.pages import Opened, Written

QUESTIONS: Final = (
    "How many calls were there?",
    "How many did we miss?",
    "How does the answer rate develop?",
    "At what hour do they call?",
    "How long does it ring?",
    "Who missed them?",
    "On which line?",
    "Who waits for a call back?",
)
LEAST_CONTRAST: Final = 4.5
ONE_WAREHOUSE: Final = pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
"""How the page looks is not a matter of where its numbers are from."""

SMALLEST_LETTERS_PX: Final = 10


@ONE_WAREHOUSE
def test_every_question_has_a_table_and_a_chart(opened: Opened) -> None:
    first, *sections = opened.page.locator("section").all()
    assert first.locator("h2").inner_text() == "Is every call there?"
    assert [each.locator("h2").inner_text() for each in sections] == list(QUESTIONS)
    for section in sections:
        assert section.locator("table tr").count() > 1
        assert section.locator("svg path, svg text").count() > 10


@ONE_WAREHOUSE
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


@ONE_WAREHOUSE
@pytest.mark.parametrize("opened", [(PHONE, "light"), (DESK, "light")], indirect=True)
def test_a_phone_and_a_desk_have_charts_of_their_own(opened: Opened) -> None:
    width = opened.page.viewport_size["width"]  # type: ignore[index]
    shown, hidden = (".phone", ".desk") if width == PHONE else (".desk", ".phone")
    visible = "elements => elements.filter(element => element.checkVisibility()).length"
    assert opened.page.locator(f"div{shown} svg").evaluate_all(visible) == len(QUESTIONS)
    assert opened.page.locator(f"div{hidden} svg").evaluate_all(visible) == 0


@ONE_WAREHOUSE
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


@ONE_WAREHOUSE
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
