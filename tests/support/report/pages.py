"""Writes the report as users do, and reads it in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.support.programs import report_server
from tests.support.warehouses import PostgreSQL

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tests.support.warehouses import Warehouse

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
PHONE: Final = 390
SMALLEST_PHONE: Final = 320
DESK: Final = 1180
NOTHING: Final = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Written:
    """A report, and what the program said."""

    file: Path
    said: str


def report(
    database: str, output: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Writes the report, from an environment of its own."""
    given = ["--database", database, "--output", str(output), *arguments]
    return report_server().run(given, variables)


def written_to(file: Path, warehouse: Warehouse, *arguments: str) -> Written:
    finished = report(database_of(warehouse), file, *arguments)
    assert finished.returncode == 0, finished.stderr[-4000:]
    return Written(file, finished.stdout)


def database_of(warehouse: Warehouse) -> str:
    if isinstance(warehouse, PostgreSQL):
        return warehouse.uri
    return f"duckdb:///{warehouse.dbt.settings['CALLHISTORY_DUCKDB_PATH']}"


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

    def fold(self) -> None:
        """Folds up again what has been unfolded."""
        self.page.evaluate(
            "document.querySelectorAll('details').forEach(each => each.open = false)"
        )

    def section(self, question: str) -> Locator:
        """The part of the page under a question."""
        return self.page.locator("section", has=self.page.get_by_text(question, exact=True))

    def table(self, question: str) -> list[list[str]]:
        """The texts of a question's table that can be seen, row by row, without its head."""
        section = self.section(question)
        section.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
        shown: list[list[str]] = section.locator("tr:not(.why)").evaluate_all("""
            rows => rows
                .map(row => [...row.querySelectorAll('td')]
                    .filter(cell => cell.checkVisibility({visibilityProperty: true}))
                    .map(cell => cell.innerText))
                .filter(texts => texts.length)
        """)
        return shown

    def figures(self) -> list[str]:
        """The large numbers."""
        return self.page.locator(".figure b").all_inner_texts()


def whole(text: str) -> int:
    """The number that a cell shows."""
    return 0 if text == NOTHING else int(text.replace(",", ""))
