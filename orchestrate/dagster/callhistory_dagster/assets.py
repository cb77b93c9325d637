"""The assets of one source: its history by months, the proof of it, and the ordinary run.

    months (a partition each, several per run) ── history (green when all of it is proved)
    calls (hourly, from where history ends)    ── no_gap (red when the ledger has a gap)

Two pools per source hold its requests per second over all machines: history gets 0.8 of the budget,
the ordinary run 0.2.
"""

# Dagster looks at the annotations of contexts while it loads: they must be no texts.
import multiprocessing
import os
import resource
import time
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg

from callhistory_dagster.accounts import Source
from callhistory_dagster.processes import die_with
from callhistory_dagster.proof import ledger_faults, prove
from callhistory_dagster.runners import ShardFailed, runner
from callhistory_dagster.shards import Shard
from callhistory_dagster.states import States, merged_name

SHARE_OF_HISTORY: Final = 0.8
SHARE_OF_ORDINARY: Final = 0.2
RETRIES: Final = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)
_SHOWN: Final = ("records", "requests", "windows", "splits", "rereads", "retries", "misfits")


def states() -> States:
    """The states of all machines: in a database of their own, or in the warehouse."""
    place = os.environ.get("CALLHISTORY_STATES")
    return States(place or os.environ["CALLHISTORY_WAREHOUSE"])


def executor_name() -> str:
    """Whether a run's step is in the run's own process, or in another."""
    return os.environ.get("CALLHISTORY_EXECUTOR", "in_process")


def key_of(source: Source, name: str) -> dg.AssetKey:
    """The key of one of a source's assets."""
    return dg.AssetKey(["callhistory", source.account, source.vendor, name])


def pool_of(source: Source, name: str) -> str:
    """The pool that bounds a source's history or its ordinary runs."""
    return f"callhistory_{source.account}_{source.vendor}_{name}"


def assets_of(source: Source) -> list[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The three assets of a source, and the check of the last."""
    tags = {"account": source.account, "vendor": source.vendor}

    @dg.asset(
        key=key_of(source, "months"),
        description=f"{source.vendor}'s calls of {source.account}, by month.",
        partitions_def=dg.MonthlyPartitionsDefinition(
            start_date=source.history_from, end_date=source.history_until
        ),
        backfill_policy=dg.BackfillPolicy.multi_run(source.months_per_run),
        pool=pool_of(source, "history"),
        retry_policy=RETRIES,
        tags=tags,
        kinds={"postgres"},
        group_name=source.account,
    )
    def months(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        window = context.partition_time_window
        shard = Shard(source, window.start.astimezone(UTC), window.end.astimezone(UTC))
        return _read(context, shard, pool_of(source, "history"), SHARE_OF_HISTORY)

    @dg.asset(
        key=key_of(source, "history"),
        description="Green only when the states of all shards and the ledger say it is whole.",
        deps=[months],
        tags=tags,
        group_name=source.account,
    )
    def history(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        proof = prove(source, states(), os.environ["CALLHISTORY_WAREHOUSE"])
        if proof.faults or proof.state is None:
            for line in proof.faults:
                context.log.error(line)
            raise dg.Failure(
                description="\n".join(proof.faults),
                metadata={"missing": dg.MetadataValue.md(_listed(proof.faults))},
                allow_retries=False,
            )
        whole = Shard(source, source.history_from, source.history_until)
        states().save(whole, proof.state, name=merged_name(source))
        return dg.MaterializeResult(
            metadata={"shards": proof.shards, "state": dg.MetadataValue.json(proof.state)}
        )

    @dg.asset(
        key=key_of(source, "calls"),
        description="The ordinary run: from where history ends, up to now.",
        pool=pool_of(source, "hourly"),
        retry_policy=RETRIES,
        tags=tags,
        kinds={"postgres"},
        group_name=source.account,
    )
    def calls(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        shard = Shard(source, source.history_until, None)
        return _read(context, shard, pool_of(source, "hourly"), SHARE_OF_ORDINARY)

    @dg.asset_check(
        asset=calls,
        name="no_gap",
        description="Whether the ledger in the warehouse holds all windows up to the bookmark.",
    )
    def no_gap() -> dg.AssetCheckResult:
        faults = _gaps(source)
        return dg.AssetCheckResult(
            passed=not faults, metadata={"missing": dg.MetadataValue.md(_listed(faults))}
        )

    return [months, history, calls, no_gap]


def _read(
    context: dg.AssetExecutionContext, shard: Shard, pool: str, share: float
) -> dg.MaterializeResult[Any]:
    """Read a shard within its share of the source's budget."""
    _die_with_the_run()
    rate = shard.source.requests_per_second
    if rate is not None:
        rate = rate * share / _slots(context.instance, pool)
    try:
        tags = runner(states()).run(shard, rate)
    except ShardFailed as failed:
        raise dg.Failure(description=str(failed)) from None
    metadata: dict[str, Any] = {name: tags[name] for name in _SHOWN if name in tags}
    metadata |= {
        "shard": shard.id,
        "dagster/partition_row_count": tags.get("records", 0),
        "processor_seconds": round(_processor_seconds(), 1),
    }
    return dg.MaterializeResult(metadata=metadata)


def _die_with_the_run() -> None:
    """A step in a process of its own would go on reading beside the retry of a run that died."""
    run = multiprocessing.parent_process()
    if run is not None and run.pid is not None and executor_name() == "multiprocess":
        die_with(run.pid)


def _processor_seconds() -> float:
    """What this run's process, the tap and the loader have used so far."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _slots(instance: dg.DagsterInstance, pool: str) -> int:
    """How many runs may hold a pool at once: each gets its part of the budget.

    Raises:
        dg.Failure: The pool has no limit, so that no budget would hold.
    """
    limits = {each.name: each.limit for each in instance.event_log_storage.get_pool_limits()}
    slots = limits.get(pool) or instance.global_op_concurrency_default_limit
    if not slots:
        raise dg.Failure(
            f"The pool {pool} has no limit, and requests_per_second cannot hold over several "
            "machines without one: set concurrency.pools.default_limit in dagster.yaml.",
            allow_retries=False,
        )
    return slots


def _gaps(source: Source) -> list[str]:
    """What the ledger lacks up to the ordinary run's bookmark; of history, once it was proved."""
    kept = states()
    ordinary = kept.last(Shard(source, source.history_until, None).id) or {}
    bookmark = ordinary.get("bookmarks", {}).get(source.stream, {}).get("replication_key_value")
    if not isinstance(bookmark, str):
        return [f"{source.account} {source.stream}: the ordinary run has no bookmark yet"]
    proved = kept.last(merged_name(source)) is not None
    return ledger_faults(
        source,
        source.history_from if proved else source.history_until,
        datetime.fromisoformat(bookmark),
        os.environ["CALLHISTORY_WAREHOUSE"],
    )


def _listed(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "nothing"
