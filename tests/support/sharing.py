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

SLOW: Final = (
    *("documentation", "end_to_end", "faults", "orchestrate", "report", "transform"),
    *("packaging/test_package", "test_singer_suite", "vendors/test_adding_a_vendor"),
    *("probe/test_allowance", "probe/test_any_readings", "probe/test_date_filter"),
    *("probe/test_named_readings", "probe/test_periods", "probe/test_program"),
    *(
        "reading/test_blank",
        "reading/test_carrying",
        "reading/test_hardships",
        "reading/test_page_sizes",
    ),
    *("reading/test_properties",),
    *("reading/test_reader", "reading/test_tiring", "reading/test_unlikely", "records/test_lane"),
    *("test_completeness", "test_command_line", "test_contract"),
    *("sandbox/test_calls", "sandbox/test_program", "sandbox/test_proxies", "shards/test_program"),
)
"""What starts programs and databases, or tells many stories, of what others test in a small way."""

LONGEST: Final = (
    *("end_to_end", "on/duckdb", "on/postgres", "transform/test_snowflake", "reading", "probe"),
    *("orchestrate",),
    *("test_completeness", "faults", "records", "test_command_line"),
)
"""The groups that take longest: begun last, one would keep a worker busy at the end."""

_DATABASE: Final = re.compile(r"[\[-](duckdb|postgres)[-\]]")
_OF_THE_FOLDER: Final = frozenset({"end_to_end"})
"""Folders whose files share what is costly to make."""

_OF_ANOTHER: Final = {
    "documentation/test_documented_commands": "end_to_end",
    "orchestrate/test_meltano": "end_to_end",
    "transform/test_loaded_streams": "on/duckdb",
    "transform/test_three_runs": "on/postgres",
    "transform/test_vocabulary": "on/duckdb",
}
"""Files that share what another folder has: the plugins that Meltano has installed, or, where no
test's name tells of the database, the programs for it."""

_OF_THE_WAREHOUSES: Final = frozenset({"transform", "report"})
"""Folders that share two warehouses, and for each its loader, its dbt, and what that compiles."""


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
    """A folder, a file, or the models' tests and the report's on one database."""
    place = place_of(nodeid)
    folder = place.rpartition("/")[0]
    database = _DATABASE.search(nodeid)
    if place in _OF_ANOTHER:
        return _OF_ANOTHER[place]
    if folder in _OF_THE_FOLDER:
        return folder
    if database is None or folder not in _OF_THE_WAREHOUSES:
        return place
    return f"on/{database[1]}"


def rank_of(nodeid: str) -> int:
    """When a test's group begins, among the others."""
    group = group_of(nodeid)
    ranks = (rank for rank, name in enumerate(LONGEST) if group.startswith(name))
    return next(ranks, len(LONGEST))
