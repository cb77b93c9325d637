"""The project with its plugins installed: made once for all that runs Meltano."""

from __future__ import annotations

import pytest

from tests.support.end_to_end.project import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project; a plugin is installed where it is first needed."""
    return Project.copied_to(tmp_path_factory.mktemp("project"))
