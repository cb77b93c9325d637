"""The package as it would be published: its page, its files, and the source's own tests."""

from __future__ import annotations

import re
import subprocess
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from readme_renderer import markdown
from uv import find_uv_bin

if TYPE_CHECKING:
    from email.message import Message

CHECKOUT: Final = Path(__file__).parents[2]
LINK: Final = re.compile(r'(?:href|src)="([^"]*)"')


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built of it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(  # noqa: S603
        [find_uv_bin(), "build", "--quiet", "--out-dir", folder, CHECKOUT],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(built.glob("*.whl")))


@pytest.fixture(scope="module")
def described(wheel: zipfile.ZipFile) -> Message:
    """The package's metadata, its page as the payload."""
    name = next(each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def rendered(described: Message) -> str:
    assert described["Description-Content-Type"] == "text/markdown"
    payload = described.get_payload(decode=True)
    assert isinstance(payload, bytes)
    page = markdown.render(payload.decode("utf-8"))
    assert page is not None, "the package index could not show the README"
    return page


def test_the_page_of_the_package_shows_the_readme(rendered: str) -> None:
    assert re.search("<h1[^>]*>tap-callhistory<", rendered)
    assert rendered.count("<table>") == (CHECKOUT / "README.md").read_text().count("\n|---")


def test_every_link_and_picture_of_the_page_is_found_from_anywhere(rendered: str) -> None:
    links = LINK.findall(rendered)
    assert len(links) > 10
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_every_link_into_the_repository_names_a_file_of_it(
    rendered: str, described: Message
) -> None:
    home = dict(each.split(", ", 1) for each in described.get_all("Project-URL", []))["Homepage"]
    inside = {
        link.removeprefix(home).split("/main/", 1)[1].split("#")[0]
        for link in LINK.findall(rendered)
        if link.startswith(f"{home}/") and "/main/" in link
    }
    assert {"docs/production.md", "docs/report.png", "docs/benchmark.svg"} <= inside
    assert [path for path in inside if not (CHECKOUT / path).is_file()] == []


def test_the_metadata_name_the_authors_and_set_no_ceiling(described: Message) -> None:
    assert described["Author"] == "The tap-callhistory developers"
    assert described["Requires-Python"] == ">=3.11"
    assert described["License-Expression"] == "Apache-2.0"


def test_the_wheel_has_the_types_the_schemas_and_no_tests(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    schemas = {f"tap_callhistory/schemas/{each.name}" for each in _schemas()}
    assert {"tap_callhistory/py.typed", *schemas} <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"tap_callhistory"}


def _schemas() -> list[Path]:
    found = list((CHECKOUT / "tap_callhistory" / "schemas").glob("*.json"))
    assert found
    return found


def test_the_source_distribution_has_all_that_its_tests_need(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as source:
        shipped = {name.partition("/")[2] for name in source.getnames()}
    if not (CHECKOUT / ".git").exists():
        pytest.skip("what is committed can only be told in a clone")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert [name for name in listed if (CHECKOUT / name).exists() and name not in shipped] == []
