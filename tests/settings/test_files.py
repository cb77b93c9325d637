"""The files on the command line: one that cannot be read is named, unless it may be a secret."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.errors import SettingsError, StateError
from tap_callhistory.settings.files import CatalogError, checked_catalog, checked_state, settings_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command import Command


class Named(StringIO):
    name = "folder/given.json"


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "config.json")
    with pytest.raises(SettingsError) as raised:
        settings_in(path)
    assert str(raised.value) == (
        f"The file {path} given with --config cannot be read: No such file or directory."
    )


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{nonsense")
    with pytest.raises(SettingsError, match=r"config\.json given with --config is not JSON"):
        settings_in(str(tmp_path / "config.json"))


@pytest.mark.parametrize(
    "given",
    [
        '{"utel": {"token": "s3cret"}}',
        "s3cret",
        "token=s3cret",
        "s3/cret",
        "s3cret\nx.json",
        "a" * 300,
    ],
)
def test_what_may_be_a_secret_instead_of_a_path_is_not_shown(given: str) -> None:
    with pytest.raises(SettingsError, match=r"^The file given with --config cannot be read") as e:
        settings_in(given)
    assert given not in str(e.value)


def test_a_state_and_a_catalog_are_named() -> None:
    with pytest.raises(StateError, match=r"^The file folder/given\.json given with --state is not"):
        checked_state(Named("nonsense"))
    with pytest.raises(CatalogError, match=r"^The file folder/given\.json given with --catalog is"):
        checked_catalog(Named("{}"))
    with pytest.raises(StateError, match=r"^The file given with --state is not"):
        checked_state(StringIO("nonsense"))


@pytest.mark.parametrize("value", ["foo", "", "record"])
def test_a_test_of_another_kind_is_refused_in_one_line(run_tap: Command, value: str) -> None:
    run = run_tap({"start_date": "2026-01-01T00:00:00Z", "sandbox": True}, f"--test={value}")
    assert run.code != 0
    assert run.output == ""
    assert run.log.splitlines()[-1] == (
        "Error: Invalid value for '--test': give --test for a call of every stream, or "
        "--test=schema for the schemas alone"
    )
