"""Runs in Dagster's environment: a history in shards, one killed, one missing; then all of it.

Materializes in this process, into the instance of DAGSTER_HOME, and writes what it saw as JSON.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import dagster as dg

from callhistory_dagster.accounts import read_accounts
from callhistory_dagster.assets import assets_of, key_of

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def main() -> None:
    (source,) = read_accounts(Path(os.environ["CALLHISTORY_ACCOUNTS"]))
    assets = assets_of(source)
    instance = dg.DagsterInstance.get()

    def run(name: str, *months: str) -> Any:
        tags = dict(zip(RANGE, months, strict=False)) if months else {}
        selection = dg.AssetSelection.assets(key_of(source, name))
        return dg.materialize(
            assets, instance=instance, selection=selection, tags=tags, raise_on_error=False
        )

    def failure(result: Any) -> str:
        (failed,) = [each for each in result.all_events if each.event_type_value == "STEP_FAILURE"]
        return failed.step_failure_data.user_failure_data.description

    def retries(result: Any) -> int:
        events = [each.dagster_event for each in instance.all_logs(result.run_id)]
        return sum(each.event_type_value == "STEP_RESTARTED" for each in events if each)

    def metadata(result: Any, name: str) -> dict[str, Any]:
        # A run of several months tells of each.
        made = result.asset_materializations_for_node("__".join(key_of(source, name).path))[0]
        return {key: value.value for key, value in made.metadata.items()}

    first, second, third, fourth = dg.MonthlyPartitionsDefinition(
        start_date=source.history_from, end_date=source.history_until
    ).get_partition_keys()
    seen: dict[str, Any] = {}

    killed = run("months", first, second)
    seen["killed"] = {
        **metadata(killed, "months"),
        "success": killed.success,
        "retries": retries(killed),
    }
    seen["third"] = run("months", third, third).success
    seen["missing"] = failure(run("history"))
    seen["fourth"] = run("months", fourth, fourth).success

    history = run("history")
    seen["history"] = metadata(history, "history") if history.success else failure(history)
    ordinary = run("calls")
    seen["calls"] = {
        "success": ordinary.success,
        "checks": [each.passed for each in ordinary.get_asset_check_evaluations()],
    }
    json.dump(seen, sys.stdout)


main()
