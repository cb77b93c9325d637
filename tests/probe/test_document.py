"""The documentation's pages are what the probe says now, of the default sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from tap_callhistory.probe.assumptions import ASSUMPTIONS
from tap_callhistory.probe.document import write_documents

DOCS = Path(__file__).parents[2] / "docs"
AGAIN = "write it again: python -m tap_callhistory.probe --document docs"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    write_documents(folder)
    return folder


@pytest.mark.parametrize("page", ["probe.md", "assumptions.md"])
def test_the_page_is_what_the_probe_says_now(written: Path, page: str) -> None:
    now, kept = ((folder / page).read_text(encoding="utf-8") for folder in (written, DOCS))
    assert kept == now, AGAIN


def test_the_page_lists_every_assumption_by_the_name_that_the_probe_prints(written: Path) -> None:
    listed = (written / "assumptions.md").read_text(encoding="utf-8")
    printed = (written / "probe.md").read_text(encoding="utf-8")
    for name in ASSUMPTIONS:
        assert f"\n| {name} | " in listed
        assert f"\n  {name} " in printed
