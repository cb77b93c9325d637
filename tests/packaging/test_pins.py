"""One place has every pinned version, where Dependabot raises it; all others follow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

CHECKOUT: Final = Path(__file__).parents[2]
PINS: Final = CHECKOUT / ".github" / "pins"
PIN: Final = re.compile(
    r"\b([a-z][a-z0-9-]*[a-z0-9])(?:==|@)(\d[\w.]*)(; ?python_version [<>=]+ '3\.\d+')?"
)
PLACES: Final = (
    *("README.md", "CONTRIBUTING.md", "meltano.yml", "pyproject.toml", ".ci", ".github/workflows"),
    *("docs", "report", "orchestrate", "tests"),
)
TEXTS: Final = {".md", ".yml", ".toml", ".py", ".sh", ""}


def pins_in(text: str) -> set[tuple[str, str]]:
    return {(name, version) for name, version, _ in PIN.findall(text)}


@pytest.fixture(scope="module")
def pinned() -> dict[str, set[str]]:
    """The versions of each package that have been tried, by its name."""
    found: dict[str, set[str]] = {}
    for file in PINS.glob("*.txt"):
        for name, version in pins_in(file.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(version)
    return found


def files() -> list[Path]:
    named = [CHECKOUT / place for place in PLACES]
    inner = [file for place in named if place.is_dir() for file in place.rglob("*")]
    return [
        file
        for file in [*named, *inner]
        if file.is_file() and file.suffix in TEXTS and not {".venv", ".dagster"} & {*file.parts}
    ]


def test_no_other_version_is_named_anywhere(pinned: dict[str, set[str]]) -> None:
    others = [
        f"{file.relative_to(CHECKOUT)}: {name} {version}"
        for file in files()
        for name, version in pins_in(file.read_text(encoding="utf-8"))
        if name in pinned and version not in pinned[name]
    ]
    assert others == []


def test_every_plugin_is_pinned_where_it_is_watched(pinned: dict[str, set[str]]) -> None:
    project = yaml.safe_load((CHECKOUT / "meltano.yml").read_text(encoding="utf-8"))
    sources = [
        plugin["pip_url"]
        for kind in ("loaders", "utilities")
        for plugin in project["plugins"][kind]
        if not plugin["pip_url"].startswith("-e")
    ]
    found = set().union(*(pins_in(source) for source in sources))
    assert len(found) > 10
    assert {name for name, _ in found} | {"meltano"} == pinned.keys()
