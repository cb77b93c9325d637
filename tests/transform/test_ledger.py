"""The ledger against the loaded calls: what is lost is found, and nothing else alarms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.transform.ledger_by_hand import short_runs, short_windows, tangled
from tests.support.transform.ledger_story import (
    AN_HOUR,
    READ_BY,
    Story,
    days,
    enter,
    insert_calls,
    make_tables,
    months,
)
from tests.support.transform.ledger_texts import TEMPLATE, TO_WRITE, LedgerTexts, same_as_the_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.warehouses import Warehouse

START: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - the models' times are UTC without a zone
FIRST_RUN: Final = datetime(2026, 3, 1)  # noqa: DTZ001
A_DAY: Final = timedelta(days=1)
UTEL: Final = "utel_call_history"
TWIN: Final = "twin_call_sessions"
ROWS_OF_EACH: Final = 6
TANGLES: Final = (0, 1, 5)
"""Seeds; the last alone of six finds out a run that counts as its own second reading."""


@pytest.fixture(scope="module")
def texts(database: Warehouse) -> LedgerTexts:
    return LedgerTexts.compiled(database)


@pytest.fixture
def load(database: Warehouse, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Puts stories into a schema of the test's own, and returns the schema's name."""

    def put(*stories: Story) -> str:
        schema = f"s{abs(hash(request.node.nodeid))}"
        make_tables(database, schema, stories)
        return schema

    return put


def told(stream: str = UTEL, calls: int = 300) -> Story:
    """A stream of which January and February were read day by day."""
    story = Story(stream)
    story.calls_happen(START, FIRST_RUN - 2 * AN_HOUR, calls)
    story.run(FIRST_RUN, days(START, FIRST_RUN), start_date=START)
    return story


def told_hourly(stream: str) -> Story:
    """The same, with ten days of hourly runs after it."""
    story = told(stream)
    story.calls_happen(FIRST_RUN, FIRST_RUN + 10 * A_DAY - 2 * AN_HOUR, 200, seed=2)
    story.hourly(FIRST_RUN, FIRST_RUN + 10 * A_DAY, START)
    return story


def test_a_row_taken_out_of_any_raw_table_is_found(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    stories = [told_hourly(stream) for stream in READ_BY]
    schema = load(*stories)
    assert texts.ask("missing_calls", schema) == []
    found = []
    for number in range(ROWS_OF_EACH):
        taken = {}
        for story in stories:
            key = sorted(story.loaded)[number * len(story.loaded) // ROWS_OF_EACH]
            taken[story.stream] = story.loaded[key]
            texts.warehouse.execute(f"delete from {schema}.{story.stream} where id = '{key}'")  # noqa: S608
        errors = texts.errors(schema)
        for story in stories:
            call = taken[story.stream]
            insert_calls(texts.warehouse, schema, story, [call])
            found += [
                (story.stream, call.key)
                for row in errors
                if row["stream"] == story.stream
                # Where a call was when it had not changed yet is not known any more.
                if row["kind"] == "run" or not story.moves
                if row["window_start"] <= call.created_at < row["window_end"]
                if row["wanted"] - row["found"] == 1
            ][:1]
        assert {row["stream"] for row in errors} <= taken.keys()
    assert len(set(found)) == ROWS_OF_EACH * len(READ_BY) == 30
    assert texts.ask("missing_calls", schema) == []


def test_the_text_in_the_docs_is_the_models_and_answers_by_itself(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    assert same_as_the_page(texts.warehouse.dbt.adapter, texts.texts["ledger"]), TO_WRITE
    story = told()
    del story.ledger[10]
    story.loaded.popitem()
    schema = load(story)
    covered = texts.ask("ledger", schema)
    assert [row["stream"] for row in covered] == sorted(READ_BY)
    assert covered[-1]["state"] == "calls missing"
    whole = texts.texts["ledger"]
    for model in ("coverage_gaps", "missing_calls"):
        begin, _, _ = whole.rpartition("select * from coverage\n")
        asked = f"{begin}select * from {model}".replace(f"{TEMPLATE}.", f"{schema}.")  # noqa: S608
        assert len(texts.warehouse.rows(asked)) == 1


@pytest.mark.parametrize("stream", [UTEL, TWIN])
def test_what_is_read_many_times_alarms_never(
    stream: str, load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told_hourly(stream)
    for shard in months(START, 2) * 2:
        story.run(
            FIRST_RUN + 11 * A_DAY, days(*shard), start_date=shard[0], shard=f"{shard[0]:%Y-%m}"
        )
    schema = load(story)
    assert texts.ask("missing_calls", schema) == []
    assert texts.gaps(schema) == []
    (covered,) = [row for row in texts.ask("coverage", schema) if row["stream"] == stream]
    assert covered["state"] == "whole"
    assert (covered["whole_from"], covered["whole_until"]) == (START, FIRST_RUN + 10 * A_DAY)
    assert (covered["calls"], covered["short_windows"]) == (len(story.loaded), 0)
    assert covered["last_read_at"] == max(row["read_at"] for row in story.ledger)


def test_two_runs_that_read_a_window_at_one_moment_are_two_claims(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    end = START + A_DAY
    hours = [(start, start + AN_HOUR) for start in (START + n * AN_HOUR for n in range(24))]
    story = Story(TWIN)
    story.calls_happen(START, end, 300)
    for _ in range(2):
        story.run(end + 2 * AN_HOUR, hours, start_date=START)
    # Of the first hour the table has the second run's row first, of the others the first run's.
    story.ledger.insert(0, story.ledger.pop(len(hours)))
    assert texts.ask("missing_calls", load(story)) == []


@pytest.mark.parametrize("stream", [UTEL, TWIN])
def test_what_the_vendor_deletes_alarms_never(
    stream: str, load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told(stream)
    for key in list(story.at_vendor)[:20]:
        del story.at_vendor[key]
    story.run(FIRST_RUN + A_DAY, days(START, FIRST_RUN), start_date=START)
    assert texts.ask("missing_calls", load(story)) == []


def test_what_falls_short_and_what_was_read_again_is_as_reckoned_by_hand(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    verdicts = set()
    for seed in TANGLES:
        stories = [tangled(stream, START, seed) for stream in READ_BY]
        schema = load(*stories)
        short = texts.ask("missing_calls", schema)
        for story in stories:
            kind = "run" if story.moves else "window"
            found = {
                tuple(
                    row[name] for name in ("window_start", "read_at", "wanted", "found", "verdict")
                )
                for row in short
                if row["stream"] == story.stream and row["kind"] == kind
            }
            assert found == (short_runs(story) if story.moves else short_windows(story))
            verdicts |= {(kind, row[-1]) for row in found}
        texts.warehouse.execute(f"drop schema {schema} cascade")
    assert len(verdicts) == 4


def test_a_full_refresh_that_removes_what_the_vendor_deleted_warns_only(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told()
    gone = dict(list(story.at_vendor.items())[:20])
    for key in gone:
        del story.at_vendor[key]
    story.loaded.clear()
    story.run(FIRST_RUN + A_DAY, days(START, FIRST_RUN), start_date=START)
    schema = load(story)
    short = texts.ask("missing_calls", schema)
    assert {row["verdict"] for row in short} == {"warning"}
    assert sum(row["wanted"] - row["found"] for row in short) == len(gone)
    (covered,) = [row for row in texts.ask("coverage", schema) if row["stream"] == UTEL]
    assert covered["state"] == "whole"


def test_a_ledger_loaded_before_its_calls_alarms_until_they_come(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told()
    today = [(FIRST_RUN, FIRST_RUN + A_DAY)]
    story.calls_happen(*today[0], 30, seed=2)
    killed: dict[str, Any] = {"start_date": START, "continues_from": FIRST_RUN}
    story.run(FIRST_RUN + A_DAY, today, **killed, load=False)
    schema = load(story)
    (short,) = texts.errors(schema)
    assert (short["window_start"], short["wanted"], short["found"]) == (FIRST_RUN, 30, 0)
    story.run(FIRST_RUN + A_DAY + AN_HOUR, today, **killed)
    enter(texts.warehouse, schema, story.ledger[-1:])
    calls = [call for call in story.loaded.values() if call.created_at >= FIRST_RUN]
    insert_calls(texts.warehouse, schema, story, calls)
    assert texts.ask("missing_calls", schema) == []


def test_rows_of_the_ledger_that_are_loaded_twice_hide_nothing(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told()
    key, call = story.loaded.popitem()
    story.ledger *= 2
    schema = load(story)
    (short,) = texts.errors(schema)
    assert short["window_start"] <= call.created_at < short["window_end"], key


def test_calls_that_the_loader_marks_as_deleted_are_not_there(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told()
    schema = load(story)
    texts.warehouse.execute(f"""
        update {schema}.{UTEL} set _sdc_deleted_at = '2026-03-02' where id = '1-7'
    """)  # noqa: S608 - our own words
    assert len(texts.errors(schema)) == 1


def test_months_left_out_are_gaps_with_their_dates(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = Story(UTEL)
    shards = months(START, 8)
    story.calls_happen(START, shards[-1][1], 300)
    for shard in (*shards[:2], shards[4], *shards[6:]):
        story.run(shards[-1][1] + A_DAY, days(*shard), start_date=shard[0])
    schema = load(story)
    assert texts.gaps(schema) == [
        (UTEL, "never read", shards[2][0], shards[3][1]),
        (UTEL, "never read", *shards[5]),
    ]
    (covered,) = [row for row in texts.ask("coverage", schema) if row["stream"] == UTEL]
    assert (covered["state"], covered["gaps"]) == ("gaps", 2)
    assert (covered["whole_from"], covered["whole_until"]) == (START, shards[2][0])
    assert covered["read_until"] == shards[-1][1]


def test_a_lowered_start_date_is_a_gap_until_it_is_read(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told()
    earlier = START - 31 * A_DAY
    today = [(FIRST_RUN, FIRST_RUN + A_DAY)]
    story.run(FIRST_RUN + A_DAY, today, start_date=earlier, continues_from=FIRST_RUN)
    schema = load(story)
    assert texts.gaps(schema) == [(UTEL, "never read", earlier, START)]
    (covered,) = [row for row in texts.ask("coverage", schema) if row["stream"] == UTEL]
    assert (covered["whole_from"], covered["whole_until"]) == (START, FIRST_RUN + A_DAY)


def test_what_was_read_without_a_ledger_is_said_so(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    upgraded = Story(UTEL)
    upgraded.calls_happen(START, FIRST_RUN + A_DAY, 100)
    upgraded.loaded |= upgraded.at_vendor
    today = [(FIRST_RUN - AN_HOUR, FIRST_RUN + A_DAY)]
    upgraded.run(FIRST_RUN + A_DAY, today, start_date=START, continues_from=FIRST_RUN)
    deselected = told(TWIN)
    back = FIRST_RUN + 30 * A_DAY
    deselected.run(
        back + A_DAY, [(back - AN_HOUR, back + A_DAY)], start_date=START, continues_from=back
    )
    schema = load(upgraded, deselected)
    assert texts.gaps(schema) == [
        (TWIN, "not in the ledger", FIRST_RUN, back - AN_HOUR),
        (UTEL, "not in the ledger", START, FIRST_RUN - AN_HOUR),
    ]
    covered = {row["stream"]: row for row in texts.ask("coverage", schema)}
    assert covered[UTEL]["whole_from"] == FIRST_RUN - AN_HOUR
    assert covered[UTEL]["ledger_since"] == upgraded.ledger[0]["read_at"]


def test_calls_without_a_ledger_are_in_coverage(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told()
    story.ledger.clear()
    covered = {row["stream"]: row for row in texts.ask("coverage", load(story))}
    assert covered.keys() == READ_BY.keys()
    assert covered[UTEL]["state"] == "no ledger"
    assert covered[UTEL]["calls"] == len(story.loaded)
    assert covered[UTEL]["first_call_at"] == min(c.created_at for c in story.loaded.values())
    assert covered[UTEL]["ledger_since"] is None


def test_an_incomplete_window_is_a_gap_until_it_is_read_whole(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told()
    window = (START + 3 * A_DAY, START + 4 * A_DAY)
    for row in story.ledger:
        row["complete"] = row["window_start"] != window[0]
    schema = load(story)
    assert texts.gaps(schema) == [(UTEL, "incomplete", *window)]
    story.run(FIRST_RUN + A_DAY, [], revisits=[window], start_date=START)
    enter(texts.warehouse, schema, story.ledger[-1:])
    assert texts.gaps(schema) == []


def test_another_zone_or_filter_is_another_scope_and_no_alarm(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told()
    later = timedelta(hours=3, minutes=30)
    story.at_vendor = {
        key: type(call)(key, call.created_at + later, call.updated_at + later)
        for key, call in story.at_vendor.items()
    }
    half = START + 30 * A_DAY
    moved: dict[str, Any] = {"scope": "zone", "timezone": "Asia/Tehran"}
    story.run(FIRST_RUN + A_DAY, days(half, FIRST_RUN), start_date=START, **moved)
    schema = load(story)
    assert texts.ask("missing_calls", schema) == []
    assert texts.gaps(schema) == [(UTEL, "other scope", START, half)]


def test_rows_of_unknown_streams_and_accounts_are_left_out(
    load: Callable[..., str], texts: LedgerTexts
) -> None:
    story = told()
    for row in story.ledger:
        row["account"] = "ours"
    other = story.copy()
    other.facts = {"account": "theirs"}
    other.run(FIRST_RUN + A_DAY, [(FIRST_RUN, FIRST_RUN + A_DAY)], start_date=START)
    wrong: Sequence[dict[str, Any]] = [
        {**row, "calls_written": 99, "account": "theirs"} for row in other.ledger[-1:]
    ] + [{**row, "calls_written": 99, "stream": "fax_calls"} for row in story.ledger[:1]]
    schema = load(story)
    enter(texts.warehouse, schema, wrong)
    assert texts.ask("missing_calls", schema) == []
    assert texts.gaps(schema) == []
    assert {row["stream"] for row in texts.ask("coverage", schema)} == READ_BY.keys()


def test_history_can_be_wanted_from_before_the_first_shard_and_kept_from_after_it(
    database: Warehouse, load: Callable[..., str]
) -> None:
    story = told()
    for key in sorted(story.loaded)[:10]:
        del story.loaded[key]
    schema = load(story)
    wanted_from, kept_from = START - 31 * A_DAY, FIRST_RUN - A_DAY
    wanting = LedgerTexts.compiled(database, history_from=f"{wanted_from}")
    assert wanting.gaps(schema) == [(UTEL, "never read", wanted_from, START)]
    assert wanting.errors(schema)
    keeping = LedgerTexts.compiled(
        database, history_from=f"{wanted_from}", keep_from=f"{kept_from}"
    )
    assert keeping.gaps(schema) == []
    assert keeping.errors(schema) == []


@pytest.mark.parametrize("stream", [UTEL, TWIN])
def test_calls_that_were_erased_one_by_one_do_not_alarm_and_hide_none(
    stream: str, database: Warehouse, load: Callable[..., str]
) -> None:
    story = told(stream)
    erased = [story.loaded.pop(key) for key in sorted(story.loaded)[:5]]
    _, lost = story.loaded.popitem()
    schema = load(story)
    values = ", ".join(
        f"('{schema}', '{stream}', '{call.key}', timestamp '{call.created_at}')" for call in erased
    )
    database.execute(f"""
        create table {schema}.erased as
        select * from (values {values}) as e (account, stream, id, call_at)
    """)  # noqa: S608 - our own words
    texts = LedgerTexts.compiled(database, erased_calls="callhistory.erased")
    errors = [row for row in texts.errors(schema) if row["kind"] == "run" or stream == UTEL]
    assert [row["wanted"] - row["found"] for row in errors] == [1]
    assert errors[0]["window_start"] <= lost.created_at < errors[0]["window_end"]
    insert_calls(database, schema, story, erased)
    again = [row for row in texts.errors(schema) if row["kind"] == "run" or stream == UTEL]
    assert again == errors
