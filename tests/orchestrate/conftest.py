from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.orchestrate.environments import programs_of
from tests.support.postgres import postgres as served

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
LOADER: Final = "meltanolabs-target-postgres==0.8.1"


@pytest.fixture(scope="session")
def dagster() -> Path:
    return programs_of("--with-editable", str(ROOT / "orchestrate" / "dagster"))


@pytest.fixture(scope="session")
def loader() -> Path:
    return programs_of("--from", LOADER)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of our own."""
    with served() as uri:
        yield uri
