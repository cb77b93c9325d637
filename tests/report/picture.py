"""Takes the README's picture of the report: `python -m tests.report.picture REPORT PICTURE`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.support.report.pages import BROWSERS

WIDTH, HEIGHT = 1040, 1180
SHARPNESS = 1.5


def main(report: str, picture: str) -> None:
    """Open the report as on a desk, in the light, and keep its first screen."""
    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="light",
            device_scale_factor=SHARPNESS,
        )
        page.goto(Path(report).resolve().as_uri())
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
