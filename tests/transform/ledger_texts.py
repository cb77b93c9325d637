"""The models of the ledger as SQL texts that answer by themselves, for the tables of any schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .ledger_story import make_tables

if TYPE_CHECKING:
    from pathlib import Path

    from .warehouses import Warehouse

MODELS: Final = ("missing_calls", "coverage_gaps", "coverage")
TEMPLATE: Final = "callhistory"
"""The schema for which the texts are compiled."""


@dataclass(frozen=True, slots=True)
class LedgerTexts:
    """The texts, and the database for which they are compiled."""

    warehouse: Warehouse
    texts: dict[str, str]

    @classmethod
    def compiled(cls, warehouse: Warehouse, **variables: object) -> LedgerTexts:
        """Lets dbt compile the models for the schema `callhistory`, which holds all streams."""
        make_tables(warehouse, TEMPLATE)
        finished = warehouse.dbt.run(
            "compile",
            {"as_one_text": True, "callhistory_schemas": [TEMPLATE], **variables},
            "--select",
            *MODELS,
        )
        assert finished.returncode == 0, finished.stdout[-8000:]
        folder = warehouse.dbt.folder / "target/compiled/callhistory/models/ledger"
        return cls(warehouse, {model: one_text(folder / f"{model}.sql") for model in MODELS})

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
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"
