"""Reports of the warehouses that the models' tests fill, open in a browser."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.support.report.pages import BROWSERS, DESK, Opened, Written, written_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from tests.support.warehouses import Warehouse

    OpenedAt = Callable[[int, str], Opened]


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def written(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written_to(tmp_path_factory.mktemp("report") / "report.html", warehouse)


@pytest.fixture(scope="session")
def opened_at(browser: Browser, written: Written) -> Iterator[OpenedAt]:
    """Opens the report once for each width and colour scheme that is asked for."""
    pages: dict[tuple[int, str], Opened] = {}

    def at(width: int, scheme: str) -> Opened:
        if (width, scheme) not in pages:
            pages[width, scheme] = Opened(browser, written.file, width, scheme)
        return pages[width, scheme]

    yield at
    for each in pages.values():
        each.page.close()


@pytest.fixture
def opened(request: pytest.FixtureRequest, opened_at: OpenedAt) -> Opened:
    """The report as it is when it has just been opened."""
    shown = opened_at(*getattr(request, "param", (DESK, "light")))
    shown.fold()
    return shown
