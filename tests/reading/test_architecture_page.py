"""The page about the architecture has the engine's tables as the modules have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reading.architecture_page import MODULES, PAGE, generated, table

if TYPE_CHECKING:
    from types import ModuleType


@pytest.mark.parametrize("module", MODULES)
def test_the_engine_has_a_table_of_its_decisions(module: ModuleType) -> None:
    assert table(module).count("\n") > 5


def test_the_page_has_the_tables_of_the_modules() -> None:
    """If not, write them: python -m tests.reading.architecture_page."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == generated(page)
