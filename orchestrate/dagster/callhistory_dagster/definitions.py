"""What Dagster loads: the assets of every account, and the hourly schedule."""

# Dagster looks at the annotations of contexts while it loads: they must be no texts.
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dagster as dg

from callhistory_dagster.accounts import Source, read_accounts
from callhistory_dagster.assets import assets_of, executor_name, key_of

SOURCE_TAG: Final = "callhistory/source"
#: New calls come before history in the queue.
PRIORITY_TAG: Final = "dagster/priority"
#: A source whose last ordinary run is in one of these gets no other.
UNDER_WAY: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
EXECUTORS: Final = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}


def definitions(sources: list[Source]) -> dg.Definitions:
    """The assets, checks, job and schedule of all sources."""
    parts = [part for source in sources for part in assets_of(source)]
    ordinary = dg.define_asset_job(
        "ordinary_runs",
        selection=dg.AssetSelection.assets(*(key_of(source, "calls") for source in sources)),
        description="Reads what is new of every source, each in a run of its own.",
    )

    @dg.schedule(
        job=ordinary,
        cron_schedule="7 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def hourly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        for source in sources:
            tags = {SOURCE_TAG: f"{source.account}/{source.vendor}", PRIORITY_TAG: "1"}
            under_way = dg.RunsFilter(job_name=ordinary.name, tags=tags, statuses=UNDER_WAY)
            if not context.instance.get_runs(under_way, limit=1):
                key = f"{source.account}-{source.vendor}-{context.scheduled_execution_time}"
                yield dg.RunRequest(
                    run_key=key, asset_selection=[key_of(source, "calls")], tags=tags
                )

    return dg.Definitions(
        assets=[part for part in parts if not isinstance(part, dg.AssetChecksDefinition)],
        asset_checks=[part for part in parts if isinstance(part, dg.AssetChecksDefinition)],
        jobs=[ordinary],
        schedules=[hourly],
        # A run is one shard: a process per step would cost seconds more.
        executor=EXECUTORS[executor_name()],
    )


defs = definitions(read_accounts(Path(os.environ["CALLHISTORY_ACCOUNTS"])))
