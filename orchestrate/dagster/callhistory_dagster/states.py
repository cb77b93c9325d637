"""The states of shards in PostgreSQL: only what has come out of a loader, whichever machine."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callhistory_dagster.accounts import Source
    from callhistory_dagster.shards import Shard

#: Its own schema, so that no account's name can meet it.
_TABLE = """
create schema if not exists callhistory_states;
create table if not exists callhistory_states.shards (
    id text primary key,
    account text not null,
    stream text not null,
    start_at timestamptz not null,
    end_at timestamptz,
    state jsonb not null,
    saved_at timestamptz not null default now()
)
"""
_SAVE = """
insert into callhistory_states.shards (id, account, stream, start_at, end_at, state)
values (%s, %s, %s, %s, %s, %s)
on conflict (id) do update set state = excluded.state, saved_at = now()
"""


class Saved(NamedTuple):
    """A shard of history, and the last state that came out of its loader."""

    id: str
    start: datetime
    end: datetime
    state: dict[str, Any]

    def is_whole(self, stream: str) -> bool:
        """Whether its bookmark has reached its end."""
        value = self.state.get("bookmarks", {}).get(stream, {}).get("replication_key_value")
        return isinstance(value, str) and datetime.fromisoformat(value) >= self.end


class States:
    """The table of states.

    Args:
        uri: Where PostgreSQL is.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self._uri, options="-c client_min_messages=warning") as connection:
            # Two first runs at once would both create the schema, and one would fail.
            connection.execute("select pg_advisory_xact_lock(7216340912)")
            connection.execute(_TABLE)
            connection.commit()
            yield connection

    def last(self, shard_id: str) -> dict[str, Any] | None:
        """The last state of a shard; None where it has none."""
        with self._connection() as connection:
            row = connection.execute(
                "select state from callhistory_states.shards where id = %s", [shard_id]
            ).fetchone()
        return row[0] if row else None

    def save(self, shard: Shard, state: dict[str, Any], *, name: str = "") -> None:
        """Keep a shard's state, under its own id or another name."""
        source = shard.source
        given = [name or shard.id, source.account, source.stream, shard.start, shard.end]
        with self._connection() as connection:
            connection.execute(_SAVE, [*given, Jsonb(state)])

    def of_history(self, source: Source) -> list[Saved]:
        """The shards of a source's history, in order of time.

        A half-read one is left out where others have read all of it: another run has taken its
        months together in another way.
        """
        with self._connection() as connection:
            rows = connection.execute(
                "select id, start_at, end_at, state from callhistory_states.shards "
                "where account = %s and stream = %s and end_at is not null and id <> %s "
                "order by start_at, end_at",
                [source.account, source.stream, merged_name(source)],
            ).fetchall()
        found = [Saved(*row) for row in rows]
        whole = [each for each in found if each.is_whole(source.stream)]
        return [each for each in found if each in whole or not _covered(each, whole)]


def merged_name(source: Source) -> str:
    """Under what name the merged state of a source's history is kept."""
    return f"{source.account}-{source.stream}-history"


def _covered(one: Saved, others: list[Saved]) -> bool:
    reached = one.start
    for each in others:
        if each.start <= reached:
            reached = max(reached, each.end)
    return reached >= one.end
