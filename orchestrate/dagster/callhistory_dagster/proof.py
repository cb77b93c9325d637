"""Whether a source's history is whole: by the states of its shards, and by the warehouse.

Green is no proof: an old code server may have run shards elsewhere. So `tap-callhistory-shards
check` looks at the states that came out of the loader, and a query at the ledger in the warehouse.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from callhistory_dagster.shards import Shard, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from callhistory_dagster.accounts import Source
    from callhistory_dagster.states import Saved, States

_GAPS = """
with readings as (
    select window_start, window_end, read_at, scope, complete
    from {table} where stream = %(stream)s
),
-- Windows of another scope (other filters, another zone) are of other calls.
whole as (
    select window_start, window_end from readings
    where complete and scope is not distinct from (
        select scope from readings order by read_at desc limit 1
    )
    union all
    select %(start)s::timestamp, %(start)s::timestamp
    union all
    select %(end)s::timestamp, %(end)s::timestamp
),
swept as (
    select window_start, max(window_end) over (
        order by window_start, window_end rows between unbounded preceding and 1 preceding
    ) as read_until
    from whole
)
select read_until, window_start from swept
where window_start > read_until and window_start > %(start)s and window_start <= %(end)s
order by window_start
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a source's history.

    Attributes:
        faults: A line for everything that is missing.
        state: The merged state of its shards; None where they are not whole.
        shards: How many shards were looked at.
    """

    faults: list[str]
    state: dict[str, Any] | None
    shards: int


def prove(source: Source, states: States, warehouse: str) -> Proof:
    """Look for all that is missing in a source's history, by its states and by the ledger."""
    saved = states.of_history(source)
    faults, state = _by_states(source, saved)
    faults += ledger_faults(source, source.history_from, source.history_until, warehouse)
    return Proof(faults, state, len(saved))


def _by_states(source: Source, saved: list[Saved]) -> tuple[list[str], dict[str, Any] | None]:
    if not saved:
        return [f"{source.account} {source.stream}: no shard has left a state"], None
    with tempfile.TemporaryDirectory(prefix="callhistory-") as name:
        folder = Path(name)
        plan = folder / "plan.json"
        rows = [{**Shard(source, each.start, each.end).row(), "id": each.id} for each in saved]
        plan.write_text(json.dumps({"shards": rows}), encoding="utf-8")
        for each in saved:
            (folder / f"{each.id}.json").write_text(json.dumps(each.state), encoding="utf-8")
        ends = ["--start", stamp(source.history_from), "--end", stamp(source.history_until)]
        given = ["--plan", str(plan), "--states", str(folder), *ends]
        checked = _shards("check", given)
        if checked.returncode:
            return checked.stderr.splitlines(), None
        merged = _shards("merge", given)
    if merged.returncode:
        return merged.stderr.splitlines(), None
    return [], json.loads(merged.stdout)


def _shards(command: str, given: list[str]) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("CALLHISTORY_SHARDS", "tap-callhistory-shards")
    return subprocess.run(  # noqa: S603 - the operator's own command
        [program, command, *given], capture_output=True, text=True, check=False
    )


def ledger_faults(source: Source, start: datetime, end: datetime, warehouse: str) -> list[str]:
    """What of a stretch the ledger in the warehouse does not hold: a line per gap."""
    where = f"{source.account} {source.stream}"
    table = sql.Identifier(source.schema, "callhistory_windows")
    # The loader writes UTC without an offset.
    given = {"stream": source.stream, "start": _naive(start), "end": _naive(end)}
    try:
        with closing(psycopg.connect(warehouse)) as connection:
            gaps = connection.execute(sql.SQL(_GAPS).format(table=table), given).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        reason = str(error).partition("\n")[0]
        return [f"{where}: the warehouse has no ledger of windows ({reason})"]
    return [
        f"{where}: not in the ledger: [{first:%Y-%m-%dT%H:%M:%SZ}, {last:%Y-%m-%dT%H:%M:%SZ})"
        for first, last in gaps
    ]


def _naive(instant: datetime) -> str:
    return stamp(instant).removesuffix("Z")
