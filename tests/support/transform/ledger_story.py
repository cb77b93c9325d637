"""Ledger rows and raw tables as the tap and a loader leave them, made without either.

A `Story` is one stream of one account: what its vendor has, what is loaded, and the ledger. It
reads windows as the tap does, so that every row of the ledger says what is true of its reading.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.support.warehouses import Warehouse

READ_BY: Final = {
    "kavenegar_calls": "created_at",
    "etelecom_call_logs": "created_at",
    "twin_call_sessions": "updated_at",
    "cinnox_call_details": "call_date",
    "utel_call_history": "date_time",
}
"""The columns that windows are read by; TWIN's calls move on when they change."""

LEDGER_COLUMNS: Final = {
    "stream": "varchar",
    "window_start": "timestamp",
    "window_end": "timestamp",
    "read_at": "timestamp",
    "purpose": "varchar",
    "run_id": "varchar",
    "run_began": "timestamp",
    "tap_version": "varchar",
    "start_date": "timestamp",
    "continues_from": "timestamp",
    "read_by": "varchar",
    "moving": "boolean",
    "calls": "bigint",
    "calls_written": "bigint",
    "calls_born": "bigint",
    "calls_elsewhere": "bigint",
    "bad_records": "bigint",
    "vendor_total": "bigint",
    "proof": "varchar",
    "complete": "boolean",
    "reason": "varchar",
    "requests": "bigint",
    "rereads": "bigint",
    "scope": "varchar",
    "timezone": "varchar",
    "account": "varchar",
    "shard": "varchar",
}
RUN_LASTS: Final = timedelta(minutes=2)
AN_HOUR: Final = timedelta(hours=1)

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class StoryCall:
    """A call as far as the ledger cares: when it was created, and when it last changed."""

    key: str
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Story:
    """One stream of one account.

    Attributes:
        stream: Its name.
        at_vendor: What the vendor gives, by key.
        loaded: What the loader has upserted.
        ledger: The rows of the ledger.
        facts: Columns of the ledger that do not depend on the window.
    """

    stream: str
    at_vendor: dict[str, StoryCall] = field(default_factory=dict)
    loaded: dict[str, StoryCall] = field(default_factory=dict)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    runs: int = 0

    @property
    def read_by(self) -> str:
        """The column that windows are read by."""
        return READ_BY.get(self.stream, "created_at")

    @property
    def moves(self) -> bool:
        """Whether calls move on when they change."""
        return self.read_by == "updated_at"

    def moment(self, call: StoryCall) -> datetime:
        """Where a call lies in the stream's history."""
        return call.updated_at if self.moves else call.created_at

    def given(self, at: datetime) -> list[StoryCall]:
        """What the vendor gives at a time: a call that changes later is not changed yet."""
        return [
            call if call.updated_at <= at else replace(call, updated_at=call.created_at)
            for call in self.at_vendor.values()
            if call.created_at <= at
        ]

    def calls_happen(self, since: datetime, until: datetime, calls: int, seed: int = 1) -> None:
        """Calls at random times, of which some change within an hour."""
        chance = random.Random(f"{self.stream}{seed}")
        for number in range(calls):
            created = since + (until - since) * chance.random()
            changed = created + AN_HOUR * chance.random() if chance.random() < 0.5 else created
            call = StoryCall(f"{seed}-{number}", created, changed)
            self.at_vendor[call.key] = call

    def run(
        self,
        at: datetime,
        windows: Iterable[Span],
        *,
        revisits: Iterable[Span] = (),
        start_date: datetime,
        continues_from: datetime | None = None,
        load: bool = True,
        **facts: Any,
    ) -> None:
        """One run of the tap: reads windows, enters them, and loads the calls."""
        self.runs += 1
        told = {
            "run_id": f"{self.stream}-{self.runs}",
            "run_began": at,
            "start_date": start_date,
            "continues_from": continues_from,
            **self.facts,
            **facts,
        }
        plan = [(span, "new") for span in windows] + [(span, "revisit") for span in revisits]
        first = min((start for (start, _), purpose in plan if purpose == "new"), default=None)
        born: set[str] = set()
        given = self.given(at)
        for number, ((start, end), purpose) in enumerate(plan):
            calls = [call for call in given if start <= self.moment(call) < end]
            if load:
                self.loaded |= {call.key: call for call in calls}
            born_now = {call.key for call in calls if first and first <= call.created_at < end}
            self.ledger.append({
                "stream": self.stream,
                "window_start": start,
                "window_end": end,
                "read_at": at + RUN_LASTS * (number + 1) / (len(plan) + 1),
                "purpose": purpose,
                "tap_version": "1.0",
                "read_by": self.read_by,
                "moving": self.moves,
                "calls": len(calls),
                "calls_written": len(calls),
                "calls_born": (len(born_now - born) if self.moves and purpose == "new" else None),
                "calls_elsewhere": 0,
                "bad_records": 0,
                "vendor_total": len(calls),
                "proof": "total",
                "complete": True,
                "requests": 1,
                "rereads": 0,
                "scope": "all",
                **told,
            })
            born |= born_now

    def hourly(self, since: datetime, until: datetime, start_date: datetime) -> None:
        """Runs every hour, each with a lookback of an hour and revisits after a day and a week."""
        at = since
        while at < until:
            at += AN_HOUR
            ages = (timedelta(hours=24), timedelta(hours=168))
            self.run(
                at,
                [(max(start_date, at - 2 * AN_HOUR), at)],
                revisits=[
                    (at - age - AN_HOUR, at - age)
                    for age in ages
                    if at - age - AN_HOUR >= start_date
                ],
                start_date=start_date,
                continues_from=at - AN_HOUR,
            )

    def copy(self) -> Story:
        """The same story, to go on otherwise."""
        return replace(
            self,
            at_vendor=dict(self.at_vendor),
            loaded=dict(self.loaded),
            ledger=[dict(row) for row in self.ledger],
        )


def months(first: datetime, count: int) -> list[Span]:
    """Consecutive calendar months."""
    starts = [
        first.replace(
            year=first.year + (first.month - 1 + n) // 12, month=(first.month - 1 + n) % 12 + 1
        )
        for n in range(count + 1)
    ]
    return list(pairwise(starts))


def days(since: datetime, until: datetime) -> list[Span]:
    """Consecutive days."""
    count = (until - since).days
    return [(since + timedelta(days=n), since + timedelta(days=n + 1)) for n in range(count)]


def make_tables(warehouse: Warehouse, schema: str, stories: Sequence[Story] = ()) -> None:
    """Makes the raw tables of all streams and the ledger in a schema, and fills them."""
    statements = [f"create schema if not exists {schema}"]
    for stream, read_by in READ_BY.items():
        columns = ["id varchar"]
        columns += [f"{name} timestamp" for name in columns_of(stream, read_by)]
        columns.append("_sdc_deleted_at timestamp")
        statements.append(f"create table if not exists {schema}.{stream} ({', '.join(columns)})")
    columns = [f"{name} {kind}" for name, kind in LEDGER_COLUMNS.items()]
    statements.append(
        f"create table if not exists {schema}.callhistory_windows ({', '.join(columns)})"
    )
    warehouse.execute("; ".join(statements))
    for story in stories:
        insert_calls(warehouse, schema, story, story.loaded.values())
        enter(warehouse, schema, story.ledger)


def columns_of(stream: str, read_by: str) -> list[str]:
    """The times of a raw table that matter to the ledger."""
    return ["created_at", "updated_at"] if stream == "twin_call_sessions" else [read_by]


def insert_calls(
    warehouse: Warehouse, schema: str, story: Story, calls: Iterable[StoryCall]
) -> None:
    """Inserts calls into a stream's table."""
    moving = story.stream == "twin_call_sessions"
    rows = [
        (call.key, call.created_at, *((call.updated_at,) if moving else ()), None) for call in calls
    ]
    insert(warehouse, f"{schema}.{story.stream}", rows)


def enter(warehouse: Warehouse, schema: str, rows: Iterable[dict[str, Any]]) -> None:
    """Inserts rows into a schema's ledger."""
    table = f"{schema}.callhistory_windows"
    insert(warehouse, table, [tuple(row.get(name) for name in LEDGER_COLUMNS) for row in rows])


def insert(warehouse: Warehouse, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Inserts rows of text, times, numbers, truths and nulls."""
    if rows:
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        warehouse.execute(f"insert into {table} values {values}")  # noqa: S608 - our own words


def literal(value: object) -> str:
    """Writes a value in SQL."""
    if value is None:
        return "null"
    if isinstance(value, bool | int):
        return str(value).lower()
    return f"'{value}'"
