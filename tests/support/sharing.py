"""How tests are shared out among workers: what shares a costly fixture shares a worker.

Not by marks: `--dist loadgroup` writes a test's group behind its id, where today's pytest has none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from typing_extensions import override
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer  # type: ignore[import-untyped]

LONGEST: Final = (
    *("end_to_end", "warehouse", "ledger", "transform/test_snowflake", "transform/test_adding"),
    *("orchestrate", "reading/test_unlikely", "reading", "probe", "transform"),
    *("test_completeness", "faults", "records", "test_command_line"),
)
"""The groups that take longest: begun last, one would keep a worker busy at the end."""

_DATABASE: Final = re.compile(r"[\[-](duckdb|postgres)[-\]]")
_OF_THE_FOLDER: Final = frozenset({"end_to_end"})
"""Folders whose files share what is costly to make."""

_OF_ANOTHER: Final = {
    "documentation/test_documented_commands": "end_to_end",
    "orchestrate/test_meltano": "end_to_end",
}
"""Files that share with another folder: the plugins that Meltano has installed."""

_OF_THE_WAREHOUSES: Final = frozenset({"transform", "report"})
"""Folders that share two warehouses; the ledger's tests have databases of their own, and share
what dbt makes of its models."""


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives whole groups to workers, in the order in which they are collected."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    @override
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def place_of(nodeid: str) -> str:
    """A test's file, below the folder of all tests and without its ending."""
    return nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")


def group_of(nodeid: str) -> str:
    """A folder, a file, or what has a database in common: the ledger's tests, or a warehouse's."""
    place = place_of(nodeid)
    folder, _, file = place.rpartition("/")
    database = _DATABASE.search(nodeid)
    if place in _OF_ANOTHER:
        return _OF_ANOTHER[place]
    if folder in _OF_THE_FOLDER:
        return folder
    if database is None or folder not in _OF_THE_WAREHOUSES:
        return place
    owner = "ledger" if file.startswith("test_ledger") else "warehouse"
    return f"{owner}/{database[1]}"


def rank_of(nodeid: str) -> int:
    """When a test's group begins, among the others."""
    group = group_of(nodeid)
    ranks = (rank for rank, name in enumerate(LONGEST) if group.startswith(name))
    return next(ranks, len(LONGEST))
