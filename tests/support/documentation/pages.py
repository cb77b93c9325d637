"""The pages' blocks of code, as a reader meets them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT: Final = Path(__file__).parents[3]
COMMENT: Final = re.compile(r"<!-- (not run here|file): (.+?) -->")


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code of a page.

    Attributes:
        page: The page's path within the project.
        line: Where the block begins, from 1.
        language: What stands behind the fence; empty for an indented block.
        content: The block's lines.
        not_run: Why no test can run it, as the page's source says.
        file: The name of the file that it shows, as the page's source says.
    """

    page: str
    line: int
    language: str
    content: str
    not_run: str | None = None
    file: str | None = None

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """All pages of the project's documentation, the README first."""
    found = (CHECKOUT / "docs").rglob("*.md")
    return ["README.md", *sorted(str(page.relative_to(CHECKOUT)) for page in found)]


def blocks(page: str) -> Iterator[Block]:
    """A page's blocks of code, from its beginning to its end."""
    said: dict[str, str] = {}
    for token in MarkdownIt().parse((CHECKOUT / page).read_text(encoding="utf-8")):
        if token.type == "html_block":
            said |= dict(COMMENT.findall(token.content))
            continue
        if token.type in {"fence", "code_block"}:
            assert token.map is not None
            yield Block(
                page,
                token.map[0] + 1,
                token.info.strip(),
                token.content,
                said.get("not run here"),
                said.get("file"),
            )
        said = {}
