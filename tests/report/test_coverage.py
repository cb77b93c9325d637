"""What the report says first: how whole each history is, what is missing, and where no proof is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.report.pages import DESK, NOTHING, PHONE, Opened, database_of, report, written_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.support.warehouses import Warehouse

    Show = Callable[..., Opened]

ONE_WAREHOUSE: Final = pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
"""For what the page makes of the models' rows; that each database gives these, others prove."""

OF_CALLS: Final = ("calls", "calls_by_day", "agents_by_day", "lines_by_day", "unanswered_callers")
LAST_READ: Final = "2026-09-16 09:30:10"
SHAPES: Final = {
    "coverage": {
        "account": "varchar",
        "stream": "varchar",
        "calls": "bigint",
        "whole_from": "timestamp",
        "whole_until": "timestamp",
        "read_until": "timestamp",
        "last_read_at": "timestamp",
    },
    "coverage_gaps": {
        "account": "varchar",
        "stream": "varchar",
        "kind": "varchar",
        "gap_start": "timestamp",
        "gap_end": "timestamp",
    },
    "missing_calls": {
        "account": "varchar",
        "stream": "varchar",
        "window_start": "timestamp",
        "window_end": "timestamp",
        "wanted": "bigint",
        "found": "bigint",
        "verdict": "varchar",
        "read_at": "timestamp",
    },
}
UTEL: Final = {"account": "first_tenant", "stream": "utel_call_history"}
OTHER_UTEL: Final = UTEL | {"account": "second_tenant"}
WHOLE: Final = {
    "calls": 1498,
    "whole_from": "2026-06-01 00:00:00",
    "whole_until": "2026-09-16 09:30:00",
    "read_until": "2026-09-16 09:30:00",
    "last_read_at": LAST_READ,
}
UNKNOWN: Final = {"calls": 1498}


@dataclass
class Ledgers:
    """Schemas that hold the models of calls, and of the ledger as a test has it."""

    warehouse: Warehouse
    made: int = 0

    def schema(self, **models: list[dict[str, Any]]) -> str:
        """Makes a schema with the given models of the ledger, and no other."""
        self.made += 1
        name = f"ledger_{self.made}"
        statements = [f"create schema {name}"]
        statements += [
            f"create view {name}.{model} as select * from analytics.{model}"  # noqa: S608
            for model in OF_CALLS
        ]
        for model, rows in models.items():
            shape = SHAPES[model]
            columns = ", ".join(f"{column} {kind}" for column, kind in shape.items())
            statements.append(f"create table {name}.{model} ({columns})")
            for row in rows:
                values = ", ".join(_literal(row.get(column)) for column in shape)
                statements.append(f"insert into {name}.{model} values ({values})")  # noqa: S608
        self.warehouse.execute("; ".join(statements))
        return name


def _literal(value: object) -> str:
    return "null" if value is None else str(value) if isinstance(value, int) else f"'{value}'"


@pytest.fixture(scope="module")
def ledgers(warehouse: Warehouse) -> Iterator[Ledgers]:
    made = Ledgers(warehouse)
    yield made
    schemas = (f"drop schema ledger_{number} cascade" for number in range(1, made.made + 1))
    warehouse.execute("; ".join(schemas))


@pytest.fixture
def show(ledgers: Ledgers, browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Writes and opens the report on models of the ledger."""
    pages: list[Opened] = []

    def shown(*arguments: str, width: int = DESK, **models: list[dict[str, Any]]) -> Opened:
        schema = ledgers.schema(**models)
        file = tmp_path / f"{schema}.html"
        written_to(file, ledgers.warehouse, "--schema", schema, *arguments)
        pages.append(Opened(browser, file, width))
        return pages[-1]

    yield shown
    for each in pages:
        each.page.close()


def with_gaps(*gaps: dict[str, Any], **changes: Any) -> dict[str, list[dict[str, Any]]]:
    return {
        "coverage": [UTEL | WHOLE | changes],
        "coverage_gaps": list(gaps),
        "missing_calls": [],
    }


def gap(kind: str, start: str, end: str) -> dict[str, Any]:
    return UTEL | {"kind": kind, "gap_start": start, "gap_end": end}


def days(opened: Opened) -> dict[str, str]:
    """How each day of the first strip stands."""
    titles = opened.page.locator(".history").first.locator("rect title").all_text_contents()
    return dict(title.split(": ") for title in titles)


def words(opened: Opened, kind: str) -> list[str]:
    """The sentences of a colour about the histories."""
    texts = opened.page.locator(f".history p.{kind}").all_inner_texts()
    return [" ".join(text.replace(NOTHING, "-").split()) for text in texts]


def verdict(opened: Opened) -> str:
    return opened.page.locator(".verdict").inner_text()


def test_a_whole_history_says_from_when_until_when_and_when_it_was_read(show: Show) -> None:
    opened = show(**with_gaps())
    assert verdict(opened).startswith("Yes.")
    text = opened.page.locator(".history").inner_text()
    # 00:00 and 09:30 in UTC are 05:00 and 14:30 in Tashkent.
    assert "Whole from 1 Jun 2026, 05:00 until 16 Sep 2026, 14:30." in text
    assert "Last read 16 Sep 2026, 14:30" in text
    assert "1,498 calls" in text
    assert Counter(days(opened).values()) == {"whole": 27, "whole so far": 1}
    assert words(opened, "bad") == []


def test_a_gap_is_red_in_words_and_hollow_in_the_strip(show: Show) -> None:
    opened = show(
        **with_gaps(
            gap("never read", "2026-08-22 19:00:00", "2026-08-25 19:00:00"),
            gap("incomplete", "2026-09-02 09:00:00", "2026-09-02 09:00:01"),
            gap("never read", "2026-06-30 19:00:00", "2026-07-31 19:00:00"),
            whole_until="2026-06-30 19:00:00",
        )
    )
    assert verdict(opened).startswith("Not all: 3 stretches of history lack calls")
    assert words(opened, "bad") == [
        "1 Jul 2026 - 31 Jul 2026: was never read.",
        "23 Aug 2026 - 25 Aug 2026: was never read.",
        "2 Sep 2026, 14:00:00 - 14:00:01: was read, but not whole.",
    ]
    stood = days(opened)
    assert [day for day, state in stood.items() if state == "not read"] == [
        "23 Aug",
        "24 Aug",
        "25 Aug",
    ]
    assert [day for day, state in stood.items() if state == "incomplete"] == ["2 Sep"]
    colour = "element => getComputedStyle(element).color"
    red = opened.page.locator(".history p.bad").first.evaluate(colour)
    assert red == "rgb(179, 38, 30)"


def test_missing_calls_are_red_and_those_that_went_at_the_vendor_are_not(show: Show) -> None:
    short = UTEL | {
        "window_start": "2026-09-01 19:00:00",
        "window_end": "2026-09-03 19:00:00",
        "wanted": 80,
        "found": 77,
        "verdict": "error",
        "read_at": LAST_READ,
    }
    gone = short | {"window_start": "2026-08-31 19:00:00", "verdict": "warning"}
    opened = show(
        coverage=[UTEL | WHOLE, OTHER_UTEL | WHOLE],
        coverage_gaps=[],
        missing_calls=[short, gone],
    )
    assert verdict(opened).startswith("Not all: 1 stretch of history lacks calls")
    assert words(opened, "bad") == [
        "2 Sep 2026 - 3 Sep 2026: 3 calls are missing; 80 left the tap, 77 are here."
    ]
    assert [day for day, state in days(opened).items() if state == "incomplete"] == [
        "2 Sep",
        "3 Sep",
    ]
    assert "1 window has fewer calls" in opened.page.locator(".history").first.inner_text()
    assert "fewer calls" not in opened.page.locator(".history").last.inner_text()


@ONE_WAREHOUSE
def test_each_vendor_and_account_has_a_strip_of_its_own(show: Show) -> None:
    opened = show(
        coverage=[UTEL | WHOLE, OTHER_UTEL | WHOLE | {"read_until": "2026-09-14 00:00:00"}],
        coverage_gaps=[],
        missing_calls=[],
    )
    names = opened.page.locator(".history .name b").all_inner_texts()
    assert names == ["Utel, first_tenant", "Utel, second_tenant"]
    rects = opened.page.locator(".history").last.locator("rect title").all_text_contents()
    assert [title for title in rects if title.endswith("not read")] == [
        "15 Sep: not read",
        "16 Sep: not read",
    ]


@ONE_WAREHOUSE
def test_days_before_the_start_date_are_no_gap(show: Show) -> None:
    opened = show(**with_gaps(whole_from="2026-08-30 06:00:00"))
    assert verdict(opened).startswith("Yes.")
    assert Counter(days(opened).values()) == {
        "before the start date": 10,
        "whole": 17,
        "whole so far": 1,
    }


@ONE_WAREHOUSE
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("not in the ledger", "no proof: loaded before the ledger existed"),
        ("other scope", "was read with other filters or another time zone"),
    ],
)
def test_what_was_read_without_proof_is_no_alarm(show: Show, kind: str, said: str) -> None:
    opened = show(**with_gaps(gap(kind, "2026-08-22 19:00:00", "2026-08-25 19:00:00")))
    assert verdict(opened).startswith("Nothing is known to be missing")
    assert words(opened, "unsure") == [f"23 Aug 2026 - 25 Aug 2026: {said}."]
    assert words(opened, "bad") == []
    assert Counter(days(opened).values())["no proof"] == 3


@ONE_WAREHOUSE
def test_calls_without_a_ledger_have_no_proof(show: Show) -> None:
    opened = show(
        coverage=[UTEL | UNKNOWN, OTHER_UTEL | WHOLE],
        coverage_gaps=[],
        missing_calls=[],
    )
    assert verdict(opened).startswith("Nothing is known to be missing, but a part has no proof")
    assert words(opened, "unsure") == ["No proof: loaded before the ledger existed."]
    nothing = show(coverage=[UTEL | UNKNOWN], coverage_gaps=[], missing_calls=[])
    assert verdict(nothing) == "No proof: loaded before the ledger existed."


def test_models_that_an_older_warehouse_lacks_are_named(show: Show) -> None:
    opened = show(coverage=[UTEL | WHOLE])
    assert verdict(opened) == "No proof."
    text = opened.section("Is every call there?").inner_text()
    assert "coverage_gaps, missing_calls: not in this warehouse" in text
    assert "Run dbt build" in " ".join(text.split())


@ONE_WAREHOUSE
def test_gaps_and_missing_calls_alarm_though_coverage_was_not_built(show: Show) -> None:
    lacks = gap("never read", "2026-08-22 19:00:00", "2026-08-25 19:00:00")
    for models in (
        {"coverage_gaps": [lacks], "missing_calls": []},
        {"coverage": [UTEL | UNKNOWN], "coverage_gaps": [lacks], "missing_calls": []},
    ):
        opened = show(**models)
        assert verdict(opened).startswith("Not all: 1 stretch of history lacks calls")
        assert words(opened, "bad") == ["23 Aug 2026 - 25 Aug 2026: was never read."]
        assert not opened.page.locator(".history .strip").count()
        assert "coverage" in opened.section("Is every call there?").inner_text()


@ONE_WAREHOUSE
def test_many_gaps_are_cut_short_with_their_number(show: Show) -> None:
    gaps = [
        gap("never read", f"2026-07-{day:02} 00:00:00", f"2026-07-{day:02} 01:00:00")
        for day in range(1, 31)
    ]
    opened = show(**with_gaps(*gaps))
    assert len(words(opened, "bad")) == 11
    assert words(opened, "bad")[-1] == "And 20 gaps more, in coverage_gaps."


@ONE_WAREHOUSE
def test_made_up_calls_are_called_so_in_large_letters(show: Show) -> None:
    models = with_gaps()
    real, made_up = show(width=PHONE, **models), show("--made-up", width=PHONE, **models)
    assert "made-up" not in real.page.content().lower().replace(".made-up", "")
    banner = made_up.page.locator(".made-up b")
    assert banner.inner_text() == "Made-up calls"
    assert float(banner.evaluate("each => parseFloat(getComputedStyle(each).fontSize)")) >= 28
    box = banner.bounding_box()
    assert box
    assert box["y"] < 60
    assert made_up.page.title().startswith("Made-up calls")


@ONE_WAREHOUSE
def test_the_environment_can_say_that_calls_are_made_up(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    variable = "CALLHISTORY_REPORT_MADE_UP"
    for text, is_so in (("true", True), ("false", False), ("", False)):
        finished = report(database_of(warehouse), file, variables={variable: text})
        assert finished.returncode == 0, finished.stderr
        assert ("MADE-UP calls" in finished.stdout) is is_so
        assert ('<p class="made-up">' in file.read_text(encoding="utf-8")) is is_so
    refused = report(database_of(warehouse), file, variables={variable: "perhaps"})
    assert refused.returncode == 2
    assert "CALLHISTORY_REPORT_MADE_UP must be true or false" in refused.stderr
