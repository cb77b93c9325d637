"""Snowflake, as far as it can be had without an account at Snowflake.

The real target-snowflake loads, by its own PUT, MERGE, COPY and REMOVE, and dbt-snowflake models
what it has loaded. Both reach fakesnow's server through Snowflake's own connector. What that proves
and what not: docs/snowflake.md.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

import tap_callhistory
from tap_callhistory.output.ledger import NAME as LEDGER
from tests.support.in_process import NAMES, STREAMS
from tests.support.programs import MELTANO_PROJECT, PROJECT, installed_for, run
from tests.support.transform.ledger_texts import TEMPLATE, TO_WRITE, one_text, same_as_the_page
from tests.support.transform.snowflake_story import STOPS, Story, Table
from tests.support.transform.true_calls import differences, told

if TYPE_CHECKING:
    from collections.abc import Iterable

REHEARSAL: Final = Path(__file__).parents[1] / "support" / "transform" / "snowflake_rehearsal.py"
FAKESNOW: Final = "fakesnow[server]==0.12.1"
MODELLED: Final = {
    "two_runs": "second",
    "with_zones": "second",
    "killed": "again",
}
"""The schemas of which models are built, and the last run that was loaded into each."""

SCHEMAS: Final = Path(tap_callhistory.__file__).parent / "schemas"
ALL_STREAMS: Final = sorted(file.stem for file in SCHEMAS.glob("*.json"))
OF_VENDORS: Final = sorted(STREAMS.values())
FIRST: Final = STREAMS[NAMES[0]]
LONGEST_NAME: Final = 255
UNUSABLE_NAMES: Final = frozenset({
    *("ACCOUNT_USAGE", "ALL", "ALTER", "AND", "ANY", "AS", "BETWEEN", "BY", "CASE", "CAST"),
    *("CHECK", "COLUMN", "CONNECT", "CONSTRAINT", "CREATE", "CROSS", "CURRENT", "CURRENT_DATE"),
    *("CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "DELETE", "DISTINCT", "DROP", "ELSE"),
    *("EXISTS", "FALSE", "FOLLOWING", "FOR", "FROM", "FULL", "GRANT", "GROUP", "HAVING", "ILIKE"),
    *("IN", "INCREMENT", "INNER", "INSERT", "INTERSECT", "INTO", "IS", "JOIN", "LATERAL", "LEFT"),
    *("LIKE", "LOCALTIME", "LOCALTIMESTAMP", "MINUS", "NATURAL", "NOT", "NULL", "OF", "ON", "OR"),
    *("ORDER", "QUALIFY", "REGEXP", "REVOKE", "RIGHT", "RLIKE", "ROW", "ROWS", "SAMPLE", "SELECT"),
    *("SET", "SOME", "START", "TABLE", "TABLESAMPLE", "THEN", "TO", "TRIGGER", "TRUE", "TRY_CAST"),
    *("UNION", "UNIQUE", "UPDATE", "USING", "VALUES", "VIEW", "WHEN", "WHENEVER", "WHERE", "WITH"),
})
"""Words that Snowflake refuses as names of columns without quotes."""

PSEUDONYM: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What was told, and what the rehearsal has found of it."""

    story: Story
    found: dict[str, Any]

    def load(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.found["loads"][name]
        return found

    def rows(self, load: str, stream: str) -> list[dict[str, Any]]:
        """A table after a load."""
        return [declared(row, properties_of(stream)) for row in self.load(load)["rows"][stream]]

    def sent(self, stream: str, *runs: str) -> list[dict[str, Any]]:
        """The records of a stream that some runs of the tap have sent, in order."""
        sent = self.story.sent(stream, *runs)
        return [with_instants(row, properties_of(stream)) for row in sent]

    def table(self, stream: str, rows: Iterable[dict[str, Any]]) -> Table:
        """Rows of a stream by their key; the last of equal keys stays."""
        names = self.story.key(stream)
        return {tuple(row[name] for name in names): row for row in rows}


def loader() -> dict[str, Any]:
    """The loader in meltano.yml."""
    loaders = yaml.safe_load(MELTANO_PROJECT.read_text(encoding="utf-8"))["plugins"]["loaders"]
    (found,) = (each for each in loaders if each["name"] == "target-snowflake")
    return dict(found)


def properties_of(stream: str) -> dict[str, Any]:
    properties: dict[str, Any] = json.loads((SCHEMAS / f"{stream}.json").read_text("utf-8"))
    return dict(properties["properties"])


def declared(row: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """A row of a table as the tap declares it; of a VARIANT the connector gives JSON."""
    found = {}
    for name, schema in properties.items():
        value = row[name.upper()]
        if value is not None and {"object", "array"} & set(schema["type"]):
            value = json.loads(value)
        found[name] = value
    return with_instants(found, properties)


def with_instants(row: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """A row with its times, however they are written, as instants; without a zone they are UTC."""
    return {
        name: instant(value)
        if value is not None and properties[name].get("format") == "date-time"
        else value
        for name, value in row.items()
    }


def instant(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=read.tzinfo or UTC)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    folder = tmp_path_factory.mktemp("snowflake")
    story = Story.told(folder)
    asked, answered = folder / "asked.json", folder / "answered.json"
    settings = {"settings": loader()["config"], "project": str(PROJECT)}
    whats_built = {"added_to_after": "first", "built": list(MODELLED), "ledger_of": "two_runs"}
    asked.write_text(json.dumps(settings | whats_built | {"loads": story.loads()}), "utf-8")
    finished = run(
        "python",
        [FAKESNOW, *installed_for("target-snowflake"), *installed_for("dbt-snowflake")],
        [str(REHEARSAL), str(asked), str(answered)],
        {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")},
    )
    assert finished.returncode == 0, finished.stdout[-8000:]
    return Rehearsed(story, json.loads(answered.read_text("utf-8")))


@pytest.mark.parametrize("stream", ALL_STREAMS)
def test_the_loaders_table_has_every_property_in_the_type_that_fits(
    stream: str, rehearsed: Rehearsed
) -> None:
    columns = rehearsed.load("first")["columns"][stream]
    expected = {name.upper(): fitting_type(each) for name, each in properties_of(stream).items()}
    found = {name: kind for name, kind in columns.items() if not name.startswith("_SDC_")}
    assert found == expected
    assert not UNUSABLE_NAMES & columns.keys()
    assert max(map(len, columns)) <= LONGEST_NAME


def fitting_type(schema: dict[str, Any]) -> str:
    """Snowflake's type for a property."""
    if schema.get("format") == "date-time":
        return "TIMESTAMP_NTZ"
    (kind,) = set(schema["type"]) - {"null"}
    return {
        "string": "TEXT",
        "integer": "NUMBER",
        "number": "FLOAT",
        "boolean": "BOOLEAN",
        "object": "VARIANT",
        "array": "VARIANT",
    }[kind]


@pytest.mark.parametrize(
    ("load", "runs"),
    [
        ("first", ("first",)),
        ("second", ("first", "second")),
        ("both with zones", ("first", "second")),  # of equal keys in one batch the last is the row
        ("appended", ("first",)),
        ("hashed", ("hashed",)),
        ("after stops", ("first",)),
        ("again", ("first", "second", "again")),
    ],
)
@pytest.mark.parametrize("stream", ALL_STREAMS)
def test_rows_are_what_the_tap_sent_field_by_field(
    stream: str, load: str, runs: tuple[str, ...], rehearsed: Rehearsed
) -> None:
    assert rehearsed.load(load)["code"] == 0
    sent = rehearsed.table(stream, rehearsed.sent(stream, *runs))
    rows = rehearsed.rows(load, stream)
    found = rehearsed.table(stream, rows)
    assert found.keys() == sent.keys()
    assert [(row, found[key]) for key, row in sent.items() if found[key] != row][:1] == []
    assert len(rows) == len(sent) > 0


@pytest.mark.parametrize("load", ["first", "second", "again"])
@pytest.mark.parametrize("stream", OF_VENDORS)
def test_rows_are_true(stream: str, load: str, rehearsed: Rehearsed) -> None:
    found = {row["id"]: row for row in rehearsed.rows(load, stream)}
    truths = rehearsed.story.truths[load][stream]
    assert found.keys() == truths.keys()
    properties = properties_of(stream)
    true = {key: with_instants(row, properties) for key, row in truths.items()}
    assert [(row, found[key]) for key, row in true.items() if found[key] != row][:1] == []


@pytest.mark.parametrize("stream", OF_VENDORS)
def test_rows_came_and_changed_between_the_runs(stream: str, rehearsed: Rehearsed) -> None:
    first, second = (
        {row["id"]: row for row in rehearsed.rows(load, stream)} for load in ("first", "second")
    )
    assert first.keys() < second.keys()
    assert any(first[key] != second[key] for key in first)


@pytest.mark.parametrize("load", ["first", "second", "both with zones", "appended", "after stops"])
def test_every_batch_goes_through_the_stage_and_leaves_it(load: str, rehearsed: Rehearsed) -> None:
    verbs = Counter(rehearsed.load(load)["statements"])
    taken_by = "COPY" if load == "appended" else "MERGE"
    assert verbs["PUT"] == verbs[taken_by] == verbs["REMOVE"] >= len(ALL_STREAMS)
    assert verbs["MERGE" if load == "appended" else "COPY"] == 0
    if load != "after stops":  # others were killed before it
        assert not rehearsed.load(load)["left_here"]
        assert not rehearsed.load(load)["left_there"]


def test_numbers_are_hashed_and_what_is_undeclared_is_in_extra(rehearsed: Rehearsed) -> None:
    hashed = [
        value
        for stream in OF_VENDORS
        for row in rehearsed.rows("hashed", stream)
        for value in numbers_in(row, properties_of(stream))
        if value
    ]
    assert len(hashed) > 1_000
    assert [value for value in hashed if not PSEUDONYM.fullmatch(value)] == []
    calls = rehearsed.rows("hashed", STREAMS["kavenegar"])
    assert {json.loads(call["_extra"])["recording.loudness"] for call in calls} == {7}


def numbers_in(row: dict[str, Any], properties: dict[str, Any]) -> Iterable[str]:
    """The values of a row that are phone numbers as a whole, those in its structures too."""
    for name, schema in properties.items():
        value = row.get(name)
        if value is not None and schema.get("x-phone-number") is True:
            yield value
        elif isinstance(value, dict):
            yield from numbers_in(value, schema["properties"])


def test_a_stopped_load_gives_no_state_back_and_no_row_that_was_not_sent(
    rehearsed: Rehearsed,
) -> None:
    names = {f"stop {number}": stop["signal"] for number, stop in enumerate(STOPS)}
    names["stopped later"] = "SIGKILL"
    for name, signal in names.items():
        load = rehearsed.load(name)
        assert load["code"] == (-9 if signal == "SIGKILL" else 0)
        assert load["states"] == []
        for stream, rows in load["rows"].items():
            sent = rehearsed.sent(stream, "first", "second")
            found = rehearsed.rows(name, stream)
            assert [row for row in found if row not in sent][:1] == []
            assert len(rehearsed.table(stream, found)) == len(rows)
    assert rehearsed.load("after stops")["states"][-1] == rehearsed.story.states["first"][NAMES[-1]]


def test_the_stops_are_where_they_should_be(rehearsed: Rehearsed) -> None:
    calls = [len(rehearsed.load(f"stop {number}")["rows"][FIRST]) for number in range(len(STOPS))]
    assert calls[:3] == [150, 150, 300]
    assert rehearsed.load("stop 4")["rows"].keys() == set(ALL_STREAMS)


def test_a_killed_loader_leaves_calls_behind_which_no_later_load_removes(
    rehearsed: Rehearsed,
) -> None:
    left_here = [rehearsed.load(f"stop {number}")["left_here"] for number in range(len(STOPS))]
    assert [len(files) for files in left_here[:3]] == [1, 2, 3]
    assert set(rehearsed.load("again")["left_here"]) > set(left_here[2])
    left_there = [rehearsed.load(f"stop {number}")["left_there"] for number in range(len(STOPS))]
    assert [len(files) for files in left_there[:3]] == [0, 1, 2]
    assert set(rehearsed.load("again")["left_there"]) > set(left_there[2])


def test_what_is_left_is_closed_to_others_under_umask_077(rehearsed: Rehearsed) -> None:
    assert rehearsed.load("stop 0")["open_to_others"] == []
    assert rehearsed.load("stop 1")["open_to_others"]


def test_the_loader_knows_every_setting_in_the_type_that_meltano_gives_it(
    rehearsed: Rehearsed,
) -> None:
    kinds = {None: "string", "options": "string", "boolean": "boolean", "integer": "integer"}
    for setting in loader()["settings"]:
        known = rehearsed.found["known"][setting["name"]]
        assert kinds[setting.get("kind")] in known["type"]
        offered = {option["value"] for option in setting.get("options", [])}
        assert offered <= set(known.get("enum", []))


def test_a_database_in_small_letters_is_not_found(rehearsed: Rehearsed) -> None:
    load = rehearsed.load("small letters")
    assert load["code"] == 1
    assert "Database 'rehearsal' does not exist" in load["log"]


def test_a_structure_that_a_vendor_leaves_out_is_a_null_of_json(rehearsed: Rehearsed) -> None:
    found = [row["RECORDING"] for row in rehearsed.load("first")["rows"][STREAMS["kavenegar"]]]
    assert None not in found
    assert 0 < found.count("null") < len(found)


def test_calls_are_as_they_truly_were(rehearsed: Rehearsed) -> None:
    calls = {row["CALL_KEY"]: lowered(row) for row in rehearsed.found["calls"]}
    assert len(calls) == len(rehearsed.found["calls"]) > 4_000
    truths = {
        f"{vendor}/{schema}/{call_id}": truth | {"account": schema}
        for schema, last_run in MODELLED.items()
        for (vendor, call_id), truth in rehearsed.story.calls[last_run].items()
    }
    assert calls.keys() == truths.keys()
    compared = [
        f"{key}: {difference}"
        for key, truth in truths.items()
        for difference in differences(told(truth), calls[key])
    ]
    assert compared[:9] == []


def test_a_later_build_adds_to_calls(rehearsed: Rehearsed) -> None:
    before = len([call for call in rehearsed.story.calls["first"] if call[0] != "etelecom"])
    assert before / 2 < rehearsed.found["kept"] < len(rehearsed.story.calls["first"])


def lowered(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the other databases give it."""
    return {
        name.lower(): datetime.fromisoformat(value) if name.endswith("_AT") and value else value
        for name, value in row.items()
    }


def test_the_ledgers_text_in_the_docs_is_the_models_and_answers(
    rehearsed: Rehearsed, tmp_path: Path
) -> None:
    covered = {row["STREAM"]: row for row in rehearsed.found["covered"]}
    assert covered.keys() >= set(OF_VENDORS) - {LEDGER}
    assert {row["STATE"] for row in covered.values()} == {"whole"}
    file = tmp_path / "ledger.sql"
    tables = re.compile(r'"REHEARSAL"\."TWO_RUNS"\."(\w+)"')
    text = tables.sub(lambda found: f"{TEMPLATE}.{found[1].lower()}", rehearsed.found["ledger"])
    file.write_text(text.replace("two_runs", TEMPLATE), encoding="utf-8")
    assert same_as_the_page("snowflake", one_text(file)), TO_WRITE
