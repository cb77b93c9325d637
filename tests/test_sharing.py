"""The suite's own order: which tests share a worker, and that no name in it is out of date."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sharing import LONGEST, SLOW, group_of, place_of, rank_of

TESTS = Path(__file__).parent
FILES = [f"tests/{file.relative_to(TESTS)}" for file in TESTS.rglob("test_*.py")]
DATABASES = ("", "[duckdb-1]", "[postgres]")


@pytest.mark.parametrize("name", SLOW)
def test_what_is_called_slow_exists(name: str) -> None:
    assert [file for file in FILES if place_of(f"{file}::test_it").startswith(name)]


@pytest.mark.parametrize("name", LONGEST)
def test_what_is_begun_first_exists(name: str) -> None:
    groups = {group_of(f"{file}::test_it{database}") for file in FILES for database in DATABASES}
    assert [group for group in groups if group.startswith(name)]


def test_models_and_report_share_a_warehouse_and_its_programs() -> None:
    questions = "tests/transform/test_questions.py::test_how_many[postgres-1-a]"
    report = "tests/report/test_look.py::test_a_phone[phone-postgres]"
    ledger = "tests/transform/test_ledger.py::test_what_is_lost[postgres]"
    three_runs = "tests/transform/test_three_runs.py::test_after_each_run[0-utel]"
    assert {group_of(each) for each in (questions, report, ledger, three_runs)} == {"on/postgres"}
    assert group_of("tests/orchestrate/test_meltano.py::test_it") == "end_to_end"
    documented = "tests/documentation/test_documented_commands.py::test_it"
    assert group_of(documented) == "end_to_end"
    assert group_of("tests/test_words.py::test_a_word") == "test_words"
    assert rank_of(report) < rank_of("tests/test_words.py::test_a_word")
