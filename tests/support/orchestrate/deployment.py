"""An account on the sandbox as Dagster's package is told of it: its file, and its environment."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tap_callhistory.vendors import VENDORS
from tests.support.end_to_end.warehouses import differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_callhistory.sandbox.server import Sandbox
    from tests.support.end_to_end.warehouses import PostgreSQL

NOW: Final = datetime.now(UTC).replace(microsecond=0)
#: The first of a month, older than every revisit; and four months before it.
T: Final = (NOW - timedelta(days=9)).replace(day=1, hour=0, minute=0, second=0)
FIRSTS: Final = [T]
for _ in range(4):
    FIRSTS.insert(0, (FIRSTS[0] - timedelta(days=1)).replace(day=1))
S: Final = FIRSTS[0]
#: The sandbox's calls begin a little before S.
DAYS: Final = (NOW - S) / timedelta(days=1) + 5
PROGRAMS: Final = Path(sys.executable).parent
INSTANCE: Final = """
concurrency:
  pools: {granularity: run, default_limit: 1}
telemetry: {enabled: false}
"""


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def deployed(
    folder: Path, account: str, vendors: Mapping[str, Mapping[str, object]], warehouse: str
) -> dict[str, str]:
    """Write the account's files; gives the environment of Dagster's processes, or of a test.

    Args:
        folder: DAGSTER_HOME.
        account: Its label.
        vendors: What the tap has to be told of each, as the sandbox says it.
        warehouse: The address of PostgreSQL.
    """
    (folder / "dagster.yaml").write_text(INSTANCE)
    accounts = folder / "accounts.yaml"
    sources = "".join(
        f"    {vendor}: {{requests_per_second: 1000, settings: {{page_size: 50}}}}\n"
        for vendor in vendors
    )
    accounts.write_text(
        f"history_from: {S:%Y-%m-%d}\nhistory_until: {T:%Y-%m-%d}\n"
        f"accounts:\n  {account}:\n{sources}"
    )
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DAGSTER_HOME": str(folder),
        "CALLHISTORY_ACCOUNTS": str(accounts),
        "CALLHISTORY_WAREHOUSE": warehouse,
        "CALLHISTORY_TAP": str(PROGRAMS / "tap-callhistory"),
        "CALLHISTORY_SHARDS": str(PROGRAMS / "tap-callhistory-shards"),
        **{
            f"CALLHISTORY_{account}_{vendor}_{name}".upper(): str(value)
            for vendor, settings in vendors.items()
            for name, value in settings.items()
        },
    }


def wrong_rows(
    sandbox: Sandbox, vendor: str, start: datetime, end: datetime, warehouse: PostgreSQL
) -> list[str]:
    """What of a vendor's calls of a stretch is not in the warehouse, and what there is no call."""
    (kind,) = [kind for kind in VENDORS if kind.vendor == vendor]
    truth = {row["id"]: row for row in sandbox.worlds[vendor].truth()}
    wanted = {
        key: row for key, row in truth.items() if stamp(start) <= row[kind.read_by] < stamp(end)
    }
    assert wanted
    rows = warehouse.rows(kind.name)
    made_up = [f"{key}: there is no such call" for key in rows.keys() - truth.keys()]
    return [*differences(wanted, rows), *made_up]
