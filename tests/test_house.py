"""The house: which room may use which, and that none grows beyond a room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tap_callhistory

PACKAGE = Path(tap_callhistory.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 400

#: From the top of the house to its ground: a room uses its own modules and those of rooms below.
ROOMS = (
    *(
        "cli",
        "probe",
        "shards",
        "tap",
        "stream",
        "ledger_stream",
        "sync",
        "run",
        "sandbox",
        "vendors",
        "output",
    ),
    *("reading", "transport", "records", "privacy", "settings", "clocks", "words", "errors"),
)


def named(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path) -> set[str]:
    """The package's modules that a module imports, for types only or at run time."""
    modules = {named(each) for each in MODULES}
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            beneath = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (beneath & modules) or {node.module}
    return found & modules


def room_of(module: str) -> str:
    # `python -m` is one more way to type a program.
    return "cli" if module.endswith(".__main__") else module.split(".")[1]


@pytest.mark.parametrize("file", MODULES, ids=named)
def test_imports_go_downwards(file: Path) -> None:
    if file.parent == PACKAGE and file.name == "__init__.py":
        return
    own = ROOMS.index(room_of(named(file)))
    upwards = {
        each for each in imported(file) if each.count(".") and ROOMS.index(room_of(each)) < own
    }
    assert not upwards


def test_modules_import_each_other_in_no_circle() -> None:
    uses = {named(file): imported(file) - {named(file)} for file in MODULES}
    while leaves := {module for module, used in uses.items() if not used & uses.keys()}:
        uses = {module: used for module, used in uses.items() if module not in leaves}
    assert not uses


@pytest.mark.parametrize("file", MODULES, ids=named)
def test_a_module_is_no_longer_than_a_room(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
