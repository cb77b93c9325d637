"""The page about the architecture repeats the engine's tables as the modules have them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.reading import decisions, narrowing, page_sizes, unlikely

if TYPE_CHECKING:
    from types import ModuleType

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


@pytest.mark.parametrize("module", [decisions, narrowing, page_sizes, unlikely])
def test_the_page_has_every_row_of_the_table(module: ModuleType) -> None:
    rows = [line for line in (module.__doc__ or "").splitlines() if line.startswith("|")]
    page = PAGE.read_text(encoding="utf-8")
    assert len(rows) > 5
    assert [row for row in rows if row not in page] == []
