"""Four things add a vendor; and each place outside of them that names vendors is held to them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

import tap_callhistory
from callhistory_dagster.accounts import STREAMS as DAGSTERS_STREAMS
from tap_callhistory.sandbox.vendors.registry import VENDORS as SANDBOX_VENDORS
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE: Final = Path(tap_callhistory.__file__).parent
CHECKOUT: Final = PACKAGE.parent
TOY: Final = Path(__file__).parents[1] / "support" / "toy"
NEW: Final = {
    "toy_calls.json": "schemas/toy_calls.json",
    "vendor.py": "vendors/toy.py",
    "sandbox.py": "sandbox/vendors/toy.py",
}
ROWS: Final = {
    "vendors/__init__.py": (
        ("from tap_callhistory.vendors.{} import {}\n", "utel", "UtelCallHistory", "ToyCalls"),
        ("    {1},\n", "utel", "UtelCallHistory", "ToyCalls"),
    ),
    "sandbox/vendors/registry.py": (
        ("from tap_callhistory.sandbox.vendors.{} import {}\n", "utel", "Utel", "Toy"),
        ('    "{}": {},\n', "utel", "Utel", "Toy"),
    ),
}
"""A row is an import and an entry, each written like Utel's and put before it."""

LOADS_IT: Final = """
import json, sys
from datetime import UTC, datetime, timedelta
from tap_callhistory.cli import run_tap
from tap_callhistory.sandbox.server import Sandbox

now = datetime(2025, 6, 20, 10, 0, tzinfo=UTC)
sandbox = Sandbox(calls=400, days=60, now=now, vendors=["toy"])
with sandbox.serve() as url:
    config = {
        "start_date": (now - timedelta(days=90)).isoformat(),
        "end_date": now.isoformat(),
        **sandbox.settings(url),
    }
    json.dump(config, open("config.json", "w"))
    json.dump([row for _, row in sandbox.truth()], open("truth.json", "w"))
    sys.argv = ["tap-callhistory", "--config", "config.json"]
    run_tap()
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the tap with a sixth vendor gave, and what it should have given."""

    package: Path
    messages: list[dict[str, Any]]
    truth: list[dict[str, Any]]
    log: str


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A copy of the package with the toy vendor added, and a load of its calls."""
    folder = tmp_path_factory.mktemp("six_vendors")
    package = folder / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, place in NEW.items():
        shutil.copy(TOY / name, package / place)
    for place, entries in ROWS.items():
        text = (package / place).read_text(encoding="utf-8")
        for line, vendor, name, toy in entries:
            utels = line.format(vendor, name)
            assert text.count(utels) == 1
            text = text.replace(utels, line.format("toy", toy) + utels)
        (package / place).write_text(text, encoding="utf-8")
    finished = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LOADS_IT], cwd=folder, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    messages = [json.loads(line) for line in finished.stdout.splitlines()]
    return Loaded(package, messages, truth, finished.stderr)


def test_a_sixth_vendor_is_loaded_whole(loaded: Loaded) -> None:
    rows = {
        each["record"]["id"]: each["record"]
        for each in loaded.messages
        if each["type"] == "RECORD" and each["stream"] == "toy_calls"
    }
    assert len(loaded.truth) > 350
    assert rows == {row["id"]: row for row in loaded.truth}
    state = [each["value"] for each in loaded.messages if each["type"] == "STATE"][-1]
    assert state["bookmarks"]["toy_calls"]["replication_key_value"] >= "2025-06-20T09"


def test_its_windows_are_in_the_ledger_like_all_others(loaded: Loaded) -> None:
    windows = [
        each["record"]
        for each in loaded.messages
        if each["type"] == "RECORD" and each["stream"] == "callhistory_windows"
    ]
    assert {window["stream"] for window in windows} == {"toy_calls"}
    assert {(window["proof"], window["complete"]) for window in windows} == {("total", True)}


def test_nothing_but_the_four_things_was_changed(loaded: Loaded) -> None:
    changed = {
        str(file.relative_to(loaded.package))
        for file in loaded.package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
        if not (own := PACKAGE / file.relative_to(loaded.package)).exists()
        or own.read_bytes() != file.read_bytes()
    }
    assert changed == {*NEW.values(), *ROWS}


# What else names vendors: derived from the registry, or compared with it here.

Places = dict[str, object]
"""What a place says of each vendor, by the vendor's name."""


def read_yaml(place: str) -> Any:
    return yaml.safe_load((CHECKOUT / place).read_text(encoding="utf-8"))


def streams() -> Places:
    return {each.vendor: each.name for each in VENDORS}


def of_meltano() -> Places:
    """The objects of its settings; tests/end_to_end compares all that is in them."""
    settings = read_yaml("meltano.yml")["plugins"]["extractors"][0]["settings"]
    found = {each["name"].partition(".")[0] for each in settings if "." in each["name"]}
    return {name: streams().get(name) for name in found}


def of_dbt() -> Places:
    text = (CHECKOUT / "transform/macros/vendors.sql").read_text(encoding="utf-8")
    return dict(re.findall(r"'(\w+)': \{\s+'stream': '(\w+)'", text))


def of_dbts_sources() -> Places:
    (source,) = read_yaml("transform/models/sources.yml")["sources"]
    tables = {each["name"] for each in source["tables"]} - {"callhistory_windows"}
    return {each.partition("_")[0]: each for each in tables}


def of_dbts_models() -> Places:
    folder = CHECKOUT / "transform/models/staging"
    found = {file.stem.split("__")[0][4:] for file in folder.glob("stg_*__calls.sql")}
    return {name: streams().get(name) for name in found}


def of_the_report() -> Places:
    text = (CHECKOUT / "report/callhistory_report/names.py").read_text(encoding="utf-8")
    return {name: streams().get(name) for name in re.findall(r'"(\w+)": Look\(', text)}


def of_the_vendors_pages() -> Places:
    found = {file.stem for file in (CHECKOUT / "docs/vendors").glob("*.md")}
    return {name: streams().get(name) for name in found}


def of_the_sandbox() -> Places:
    return {name: each.stream for name, each in SANDBOX_VENDORS.items()}


@pytest.mark.parametrize(
    "place",
    [
        *(of_meltano, of_dbt, of_dbts_sources, of_dbts_models),
        *(of_the_report, of_the_vendors_pages, of_the_sandbox),
        lambda: dict(DAGSTERS_STREAMS),
    ],
    ids=[
        *("meltano.yml", "dbt's vendors", "dbt's sources", "dbt's staging models"),
        *("the report", "the vendors' pages", "the sandbox", "Dagster's accounts"),
    ],
)
def test_what_names_the_vendors_names_those_of_the_registry(
    place: Callable[[], dict[str, object]],
) -> None:
    assert place() == streams()


def test_dbt_knows_the_country_and_the_times_that_the_registry_says() -> None:
    text = (CHECKOUT / "transform/macros/vendors.sql").read_text(encoding="utf-8")
    row = re.compile(r"'stream': '(\w+)', 'country': '(\w+)'.*?'read_by': \[(.*?)\]", re.DOTALL)
    known = {
        name: (country, re.findall(r"\w+", read_by)) for name, country, read_by in row.findall(text)
    }
    assert known == {
        each.name: (each.country, [each.read_by, *each.also_read_by]) for each in VENDORS
    }
