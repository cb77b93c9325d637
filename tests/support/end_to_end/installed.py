"""The project with its plugins installed: made once for all that runs Meltano."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.end_to_end.project import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where copies of the project have their plugins in common."""
    return tmp_path_factory.mktemp("plugins")


@pytest.fixture(scope="session")
def project(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project; a plugin is installed where it is first needed."""
    return Project.copied_to(tmp_path_factory.mktemp("project")).installing_into(plugins)
