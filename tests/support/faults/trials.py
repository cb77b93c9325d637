"""Trials of the tap: something goes wrong, it is run again if need be, and what is lost counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tap_callhistory.sandbox.faults import Faults
from tap_callhistory.sandbox.server import Sandbox
from tap_callhistory.vendors import VENDORS
from tests.support.faults.proxy import HARMLESS, proxy
from tests.support.faults.runs import Ending, Hurried, Interrupted, is_monotone, tables
from tests.support.serving import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command import Run

STREAMS: Final = {each.vendor: each.name for each in VENDORS}
PAGE_SIZE: Final = 10
CALLS: Final = 200
DAYS: Final = 20
#: Together they spoil a quarter of all requests.
PROXY_SHARE: Final = 1 / 7
SANDBOX_SHARE: Final = 1 / 8
SANDBOX_FAULTS: Final = Faults(fail_share=SANDBOX_SHARE, stall_seconds=2, retry_after_seconds=0.3)
FAILING_SETTINGS: Final = {"request_timeout": 0.7, "max_retries": 8}


@dataclass
class Outcome:
    """What came of a trial.

    Attributes:
        injected: How often each fault was.
        requests: How many requests the vendors' addresses got.
        lost: Rows of the tables that are missing, too many, or not what the vendor holds true.
        monotone: Whether no bookmark ever moved backwards.
    """

    injected: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    lost: int = 0
    monotone: bool = True

    @property
    def failing(self) -> int:
        """How many requests were answered badly or not at all."""
        return sum(times for kind, times in self.injected.items() if kind not in HARMLESS)


def differing(sandbox: Sandbox, made: dict[str, dict[Any, dict[str, Any]]]) -> int:
    """How many rows of the tables are not what the vendors hold to be true, or are missing."""
    truth: dict[str, dict[Any, dict[str, Any]]] = {}
    for stream, row in sandbox.truth():
        truth.setdefault(stream, {})[row["id"]] = row
    return sum(
        truth.get(stream, {}).get(key) != made.get(stream, {}).get(key)
        for stream in truth.keys() | made.keys()
        for key in truth.get(stream, {}).keys() | made.get(stream, {}).keys()
    )


def settings_for(sandbox: Sandbox, url: str, **settings: Any) -> dict[str, Any]:
    """The tap's settings for all vendors of a sandbox, with small pages."""
    vendors = {name: {**own, "page_size": PAGE_SIZE} for name, own in sandbox.settings(url).items()}
    return {
        "start_date": (NOW - timedelta(days=DAYS + 5)).isoformat(),
        "end_date": NOW.isoformat(),
        **vendors,
        **settings,
    }


def quarter_failing(folder: Path, seed: int, calls: int = CALLS) -> tuple[Outcome, Run]:
    """One run in which a quarter of all requests fails, in all the ways that there are."""
    sandbox = Sandbox(seed=seed, calls=calls, days=DAYS, now=NOW)
    sandbox.set_faults({name: replace(SANDBOX_FAULTS, seed=seed) for name in sandbox.vendors})
    with sandbox.serve() as address, proxy(address, PROXY_SHARE, seed) as between:
        config = settings_for(sandbox, between.url, **FAILING_SETTINGS)
        run = Hurried(folder).to_the_end(config)
    outcome = Outcome(between.counts, between.requests)
    for source in sandbox.sources.values():
        outcome.injected.update({f"answered: {kind}": n for kind, n in source.injected.items()})
    outcome.lost = differing(sandbox, tables(run.messages))
    outcome.monotone = is_monotone(run.messages)
    return outcome, run


def ended_and_run_again(
    folder: Path, sandbox: Sandbox, url: str, ending: Ending
) -> tuple[Outcome, Interrupted, Run]:
    """A run that is ended, and the next one from the last state that came out."""
    config = settings_for(sandbox, url)
    ended = Hurried(folder).ended(config, ending)
    again = Hurried(folder).to_the_end(config, state=ended.state)
    outcome = Outcome(Counter([ending.name]))
    made = tables(ended.kept(), again.messages)
    outcome.lost = differing(sandbox, made)
    everything_kept = tables(ended.messages, again.messages)
    outcome.lost += differing(sandbox, everything_kept)
    outcome.monotone = is_monotone([*ended.messages, *again.messages])
    return outcome, ended, again
