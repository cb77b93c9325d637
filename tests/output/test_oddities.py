"""What is odd in windows is warned of once, and counted."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from tap_callhistory.output.oddities import Oddities
from tap_callhistory.output.summary import Summary
from tap_callhistory.reading.pages import ReadCall
from tap_callhistory.reading.read_windows import ReadWindow
from tap_callhistory.reading.windows import Window

NOON = datetime(2026, 1, 13, 12, tzinfo=UTC)
LOGGER = logging.getLogger("tests.oddities")
STAMP = "2026-01-13T11:30:00.000000Z"


@pytest.fixture
def summary() -> Summary:
    return Summary()


@pytest.fixture
def oddities(summary: Summary) -> Oddities:
    return Oddities(LOGGER, "calls", summary)


def read(
    calls: int = 20, *, strays: int = 0, doubles: tuple[str, ...] = (), bad: int = 0
) -> ReadWindow:
    good = [ReadCall(key, STAMP, b"{}\n", key) for key in range(calls)]
    broken = [ReadCall(f"bad record {n}", "", None, n, fault=f"fault {n}") for n in range(bad)]
    window = Window(NOON - timedelta(hours=1), NOON)
    return ReadWindow(window, good + broken, strays=strays, doubles=frozenset(doubles))


def test_what_is_as_it_should_be_is_not_told(
    oddities: Oddities, summary: Summary, caplog: pytest.LogCaptureFixture
) -> None:
    oddities.tell(read())
    assert caplog.messages == []
    assert (summary.doubled_keys, summary.bad_records) == (0, 0)


def test_keys_with_two_rows_are_told_when_they_are_new_and_counted_once(
    oddities: Oddities, summary: Summary, caplog: pytest.LogCaptureFixture
) -> None:
    oddities.tell(read(doubles=("a", "b")))
    oddities.tell(read(doubles=("b",)))
    oddities.tell(read(doubles=("b", "c")))
    assert [line.rpartition(": ")[2] for line in caplog.messages] == ["a, b", "c"]
    assert summary.doubled_keys == 3


def test_a_warning_names_five_keys_at_most(
    oddities: Oddities, caplog: pytest.LogCaptureFixture
) -> None:
    oddities.tell(read(doubles=tuple("fedcba")))
    assert caplog.messages[0].endswith(": a, b, c, d, e")


@pytest.mark.parametrize(
    ("calls", "strays", "told"), [(20, 9, 0), (20, 10, 1), (100, 49, 0), (100, 50, 1)]
)
def test_calls_of_other_times_are_told_once_where_they_are_many_and_half_of_all(
    calls: int, strays: int, told: int, oddities: Oddities, caplog: pytest.LogCaptureFixture
) -> None:
    oddities.tell(read(calls, strays=strays))
    oddities.tell(read(calls, strays=strays))
    assert len(caplog.messages) == told


def test_a_bad_record_is_told_once_with_its_fault_and_counted_once(
    oddities: Oddities, summary: Summary, caplog: pytest.LogCaptureFixture
) -> None:
    oddities.tell(read(bad=2))
    oddities.tell(read(bad=3))
    assert [line.rpartition(": ")[2] for line in caplog.messages] == [
        *("fault 0", "fault 1"),
        "fault 2",
    ]
    assert summary.bad_records == 3
