"""Lints the SQL of the dbt package with sqlfluff: `python -m tests.transform.lint [arguments]`.

dbt compiles each model first, so there has to be a database with the tap's tables: an empty one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.support.programs import PROJECT, installed_for, run
from tests.support.transform.ledger_story import make_tables
from tests.support.warehouses import DuckDB

SQLFLUFF: Final = "sqlfluff==4.4.0"
TEMPLATER: Final = "sqlfluff-templater-dbt==4.4.0"

#: dbt counts the tokens of a compiled model, and by itself takes no more than 10,000: `calls` has
#: more.
PROGRAM: Final = """
import sqlparse.engine.grouping
from sqlfluff.cli.commands import cli
sqlparse.engine.grouping.MAX_GROUPING_TOKENS = None
cli()
"""


def main(arguments: list[str]) -> int:
    """Lints the models and tests, or does what the arguments say instead."""
    with TemporaryDirectory() as folder:
        warehouse = DuckDB(Path(folder))
        make_tables(warehouse, "callhistory")
        finished = run(
            "python",
            [SQLFLUFF, TEMPLATER, *installed_for("dbt-duckdb")],
            ["-c", PROGRAM, *(arguments or ["lint", "."])],
            warehouse.dbt.variables,
            folder=PROJECT,
        )
    print(finished.stdout)  # noqa: T201 - this is what it is run for
    return finished.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
