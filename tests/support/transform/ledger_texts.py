"""The models of the ledger as SQL texts that answer by themselves, for the tables of any schema."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.support.transform.ledger_story import make_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.warehouses import Warehouse

MODELS: Final = ("missing_calls", "coverage_gaps", "coverage")
FOR_THE_PAGE: Final = "ledger"
"""An analysis of dbt's that answers all three, as docs/coverage/ shows it."""

TEMPLATE: Final = "callhistory"
"""The schema for which the texts are compiled."""


_COMPILED: Final[dict[tuple[str, str], dict[str, str]]] = {}
"""The texts that have been made, by dbt's adapter and the project's variables."""


@dataclass(frozen=True, slots=True)
class LedgerTexts:
    """The texts, and the database for which they are compiled."""

    warehouse: Warehouse
    texts: dict[str, str]

    @classmethod
    def compiled(cls, warehouse: Warehouse, **variables: object) -> LedgerTexts:
        """Lets dbt compile the models for the schema `callhistory`, which holds all streams.

        Of what database they are asked does not stand in the texts: they are made once for all of
        one kind.
        """
        asked = warehouse.dbt.adapter, repr(sorted(variables.items()))
        if asked not in _COMPILED:
            _COMPILED[asked] = cls._made(warehouse, variables)
        return cls(warehouse, _COMPILED[asked])

    @staticmethod
    def _made(warehouse: Warehouse, variables: Mapping[str, object]) -> dict[str, str]:
        make_tables(warehouse, TEMPLATE)
        finished = warehouse.dbt.run(
            "compile",
            {"as_one_text": True, "callhistory_schemas": [TEMPLATE], **variables},
            "--threads",  # two may write one model into another twice
            "1",
            "--select",
            *MODELS,
            FOR_THE_PAGE,
        )
        assert finished.returncode == 0, finished.stdout[-8000:]
        folder = warehouse.dbt.folder / "target/compiled/callhistory"
        files = {model: folder / f"models/ledger/{model}.sql" for model in MODELS}
        files[FOR_THE_PAGE] = folder / f"analyses/{FOR_THE_PAGE}.sql"
        return {name: one_text(file) for name, file in files.items()}

    def ask(self, model: str, schema: str) -> list[dict[str, Any]]:
        """What a model answers of a schema's tables."""
        text = re.sub(rf"\b{TEMPLATE}\b", schema, self.texts[model])
        return self.warehouse.rows(text)

    def errors(self, schema: str) -> list[dict[str, Any]]:
        """The claims that fall short for no known reason."""
        return [row for row in self.ask("missing_calls", schema) if row["verdict"] == "error"]

    def gaps(self, schema: str) -> list[tuple[Any, ...]]:
        """The gaps: stream, kind, start, end."""
        names = ("stream", "kind", "gap_start", "gap_end")
        return sorted(
            tuple(row[name] for name in names) for row in self.ask("coverage_gaps", schema)
        )


def one_text(file: Path) -> str:
    """A compiled model as a person would write it down.

    Without the database's name, quotes around plain names, dbt's prefix and empty lines.
    """
    text = re.sub(r'"[^"]+"\.("[a-z_]+"\."[a-z_]+")', r"\1", file.read_text(encoding="utf-8"))
    text = re.sub(r'"([a-z_]+)"', r"\1", text).replace("__dbt__cte__", "")
    text = re.sub(r"\) (-- .*)\n", r")\n\1\n", text.replace("),  ", "),\n\n"))
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


HEAD: Final = """\
-- The proof of each stream's history, from the ledger and the loaded calls. See docs/coverage.md.
-- dbt makes this text from the models in transform/models/ledger.
"""
PAGES: Final = Path(__file__).parents[3] / "docs/coverage"
FILES: Final = {
    "duckdb": "duckdb-postgres.sql",
    "postgres": "duckdb-postgres.sql",
    "snowflake": "snowflake.sql",
}
TO_WRITE: Final = "CALLHISTORY_TEST_WRITES_TEXTS"
"""Set this variable to let the test write the texts anew."""


def same_as_the_page(adapter: str, text: str) -> bool:
    """Whether docs/coverage/ shows a text as dbt makes it."""
    file = PAGES / FILES[adapter]
    if TO_WRITE in os.environ:
        file.write_text(HEAD + text, encoding="utf-8")
    return file.read_text(encoding="utf-8") == HEAD + text
