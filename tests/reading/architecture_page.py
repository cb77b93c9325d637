"""Writes the engine's tables, as the modules have them, into the page about the architecture.

python -m tests.reading.architecture_page
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tap_callhistory.reading import (
    decisions,
    ends,
    narrowing,
    not_found,
    nothing,
    page_sizes,
    unlikely,
    weight,
)

if TYPE_CHECKING:
    from types import ModuleType

PAGE: Final = Path(__file__).parents[2] / "docs" / "architecture.md"
MODULES: Final = (decisions, ends, narrowing, not_found, weight, page_sizes, unlikely, nothing)
_PLACE: Final = "(<!-- table: {name} -->\n\n)((?:\\|.*\n)*)"


def table(module: ModuleType) -> str:
    """The table of a module's docstring, as lines of Markdown."""
    lines = (module.__doc__ or "").splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("|"))


def generated(page: str) -> str:
    """The page, with each module's table where its mark stands."""
    for module in MODULES:
        found = re.search(_PLACE.format(name=re.escape(module.__name__)), page)
        if found is None:
            raise ValueError(f"the page has no place for the table of {module.__name__}")
        page = page[: found.end(1)] + table(module) + page[found.end() :]
    return page


if __name__ == "__main__":
    PAGE.write_text(generated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
