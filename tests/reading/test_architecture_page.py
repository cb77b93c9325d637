"""The page about the architecture has the engine's tables as the modules have them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tap_callhistory
from tests.reading.architecture_page import MODULES, PAGE, generated, table

if TYPE_CHECKING:
    from types import ModuleType

PACKAGE = Path(tap_callhistory.__file__).parent
CHECKOUT = PACKAGE.parent


def members() -> set[str]:
    """All classes of the package, and what each defines: `Window`, `Window.split`."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                own = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
                found |= {node.name, *(f"{node.name}.{name}" for name in own)}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_the_engine_has_a_table_of_its_decisions(module: ModuleType) -> None:
    assert table(module).count("\n") > 5


def test_the_page_has_the_tables_of_the_modules() -> None:
    """If not, write them: python -m tests.reading.architecture_page."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == generated(page)


def test_what_the_page_names_is_there() -> None:
    named = set(re.findall(r"`([^`\s]+)`", PAGE.read_text(encoding="utf-8")))
    files = {name for name in named if name.endswith(".py") or name.startswith("tests/")}
    places = (PACKAGE, PACKAGE / "reading", CHECKOUT, CHECKOUT / "tests" / "reading")
    assert {name for name in files if not any((place / name).exists() for place in places)} == set()
    classes = {name for name in named if re.fullmatch(r"[A-Z][a-z]\w+\.\w+", name)}
    assert classes
    assert classes - members() == set()


def test_the_contract_is_numbered_as_the_tests_name_it() -> None:
    tests = (CHECKOUT / "tests" / "test_contract.py").read_text(encoding="utf-8")
    named = [int(number) for number in re.findall(r"(?m)^# (\d+)\. ", tests)]
    rows = re.findall(r"(?m)^\| (\d+) \| .* \| (.+) \|$", PAGE.read_text(encoding="utf-8"))
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    theirs = {int(number) for number, where in rows if "`tests/test_contract.py`" in where}
    assert named
    assert theirs == set(named)
