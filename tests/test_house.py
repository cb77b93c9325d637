"""The house: which room may use which, that none grows beyond a room, and how tests are kept."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tap_callhistory

PACKAGE = Path(tap_callhistory.__file__).parent
TESTS = Path(__file__).parent
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
        "fetching",
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


#: In these environments there is no other way.
MAY_BE_PRIVATE = {
    "support/transform/snowflake_server.py": "fakesnow gets what only its cursor's inside can do",
    "benchmarks/contenders/plain_tap.py": "a tap as many are, by the SDK's conformance levels",
}
TEST_FILES = sorted(TESTS.rglob("*.py"))

#: Folders of tests that are no room of the package: of what lies beside it, or of it all.
BESIDE_THE_ROOMS = {
    *("documentation", "end_to_end", "faults", "orchestrate", "packaging", "report", "transform"),
}
SUPPORT = "support"
#: Folders without tests: what tests use; a program of several modules; vendors' examples.
WITHOUT_TESTS = {SUPPORT, "benchmarks", "samples"}


def below_tests(file: Path) -> str:
    return file.relative_to(TESTS).as_posix()


def folders_of(place: Path) -> set[str]:
    return {each.name for each in place.glob("[!_.]*") if any(each.glob("[!_.]*"))}


def is_test(name: str) -> bool:
    """Whether pytest looks into a module by itself."""
    return name == "conftest" or name.startswith("test_")


def is_typed(file: Path, tree: ast.Module) -> bool:
    """Whether a module is a program: its first words say how to type it."""
    module = ".".join(("tests", *file.relative_to(TESTS).with_suffix("").parts))
    return f"python -m {module.removesuffix('.__main__')}" in (ast.get_docstring(tree) or "")


def uses_of_tests(tree: ast.AST) -> set[str]:
    """The modules of tests and fixtures that a module imports from."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module or ''}.{alias.name}" for alias in node.names}
    return {name for name in found if any(is_test(part) for part in name.split("."))}


def test_every_room_has_a_folder_of_tests() -> None:
    rooms = {room for room in folders_of(PACKAGE) if room in ROOMS}
    assert folders_of(TESTS) == rooms | BESIDE_THE_ROOMS | WITHOUT_TESTS


@pytest.mark.parametrize("file", TEST_FILES, ids=below_tests)
def test_what_tests_use_lies_in_support(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typed = is_typed(file, tree)
    if file.relative_to(TESTS).parts[0] not in WITHOUT_TESTS and file.name != "__init__.py":
        assert is_test(file.stem) or typed
    if not typed:
        assert uses_of_tests(tree) == set()


def test_uses_of_tests_are_found() -> None:
    found = ast.parse("from a import test_b; from .conftest import C; import d.test_e; import f")
    assert uses_of_tests(found) == {"a.test_b", "conftest.C", "d.test_e"}


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))


def private_uses(tree: ast.AST) -> set[str]:
    """The private names of others that a module imports, uses, or has patched."""
    own = ("self", "cls", "super()")
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if is_private(alias.name)}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module or ''}.{alias.name}" for alias in node.names}
            found |= {name for name in names if is_private(name)}
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            found |= {ast.unparse(node)} if ast.unparse(node.value) not in own else set()
    return found


def patched_constants(tree: ast.AST) -> set[str]:
    """The constants that a module sets for the time of a test."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {
        ast.unparse(call)
        for call in calls
        if ast.unparse(call.func).endswith(("setattr", "patch", "patch.object"))
        for given in call.args[:2]
        if isinstance(given, ast.Constant)
        if str(given.value).rpartition(".")[2].isupper()
    }


@pytest.mark.parametrize("file", TEST_FILES, ids=below_tests)
def test_a_test_uses_what_is_public_and_sets_no_constant(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert patched_constants(tree) == set()
    assert bool(private_uses(tree)) == (below_tests(file) in MAY_BE_PRIVATE)


def test_private_names_and_constants_are_found_where_they_are_used() -> None:
    found = ast.parse("from a import _b; import c._d; e._f(); self._g; super()._h; i.__doc__")
    assert private_uses(found) == {"a._b", "c._d", "e._f"}
    found = ast.parse("m.setattr(a, 'B_C', 1); patch('d.E', 2); patch.object(f, 'g'); h('I')")
    assert patched_constants(found) == {"m.setattr(a, 'B_C', 1)", "patch('d.E', 2)"}
