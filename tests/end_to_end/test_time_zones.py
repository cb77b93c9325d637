"""Times are right in PostgreSQL, whatever clock the database keeps."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import psycopg
import pytest

from tests.support.end_to_end.project import Project
from tests.support.postgres import new_database

if TYPE_CHECKING:
    from pathlib import Path

ANSWERED: Final = datetime(2026, 3, 1, 10, 0, 0, 250_000, tzinfo=UTC)
MESSAGES: Final = (
    {
        "type": "SCHEMA",
        "stream": "utel_call_history",
        "key_properties": ["id"],
        "schema": {
            "type": "object",
            "properties": {
                "id": {"type": ["integer"]},
                "date_time": {"type": ["string", "null"], "format": "date-time"},
            },
        },
    },
    {
        "type": "RECORD",
        "stream": "utel_call_history",
        "record": {"id": 1, "date_time": "2026-03-01T10:00:00.250000Z"},
    },
)
ZONE_OF_THE_SESSION: Final = "    env:\n      PGTZ: UTC\n"


@pytest.fixture(scope="module")
def tehran(postgres: str) -> str:
    """A database in which a session without a zone of its own is in Tehran's."""
    return new_database(postgres, "tehran", "Asia/Tehran")


@pytest.mark.parametrize("with_pgtz", [True, False], ids=["as committed", "without PGTZ"])
def test_an_instant_is_loaded_as_it_was_sent(
    tehran: str, project: Project, tmp_path: Path, *, with_pgtz: bool
) -> None:
    here = Project.copied_to(tmp_path, plugins_of=project)
    definition = tmp_path / "meltano.yml"
    written = definition.read_text(encoding="utf-8")
    assert ZONE_OF_THE_SESSION in written
    if not with_pgtz:
        definition.write_text(written.replace(ZONE_OF_THE_SESSION, ""), encoding="utf-8")
    schema = f"pgtz_{with_pgtz}".lower()
    here.meltano(
        *("invoke", "target-postgres"),
        settings={
            "TARGET_POSTGRES_SQLALCHEMY_URL": tehran.replace(":", "+psycopg:", 1),
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": schema,
        },
        standard_input="".join(json.dumps(message) + "\n" for message in MESSAGES),
    )
    query = psycopg.sql.SQL("select date_time::timestamptz, date_time::text from {}").format(
        psycopg.sql.Identifier(schema, "utel_call_history")
    )
    with closing(psycopg.connect(tehran)) as connection:
        connection.execute("set time zone 'UTC'")
        assert connection.execute(query).fetchall() == [(ANSWERED, "2026-03-01 10:00:00.25")]
