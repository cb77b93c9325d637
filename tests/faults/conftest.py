"""What the tests of failures share. The search for secrets covers the whole session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.faults import remembered
from tests.support.faults.runs import Hurried

if TYPE_CHECKING:
    from pathlib import Path

LAST = "test_nothing_that_this_session_put_out_holds_a_secret"


def pytest_configure() -> None:
    remembered.begin()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the search have the last word."""
    items.sort(key=lambda item: item.name == LAST)


@pytest.fixture
def hurried(tmp_path: Path) -> Hurried:
    return Hurried(tmp_path)
