"""Probes a sandbox whose vendors read their documentation in a given way."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tap_callhistory.probe.examination import Examination, examine
from tap_callhistory.sandbox.server import Sandbox
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from tap_callhistory.probe.findings import Finding
    from tap_callhistory.sandbox.faults import Faults

#: A Wednesday, in working hours from Moscow to Hong Kong.
NOW = datetime(2026, 1, 14, 7, 42, 13, tzinfo=UTC)


@dataclass(frozen=True)
class Probed:
    """What the probe said, and the world that it said it of."""

    examination: Examination
    sandbox: Sandbox
    vendor: str

    def finding(self, assumption: str) -> Finding:
        return next(f for f in self.examination.findings if f.assumption == assumption)


def probed(
    vendor: str,
    behaviour: Behaviour | None = None,
    *,
    calls: int = 2000,
    days: float = 60,
    now: datetime = NOW,
    settings: dict[str, Any] | None = None,
    common: dict[str, Any] | None = None,
    faults: Faults | None = None,
) -> Probed:
    sandbox = Sandbox(
        vendors=[vendor],
        now=now,
        calls=calls,
        days=days,
        behaviour={vendor: behaviour or Behaviour()},
        faults=faults,
    )
    threads = threading.active_count()
    with sandbox.serve() as url:
        own = {**sandbox.settings(url)[vendor], **(settings or {})}
        tap = TapCallHistory(
            config={"start_date": "2025-01-01T00:00:00Z", **(common or {}), vendor: own}
        )
        tap.run.first_wait_seconds = 0.01
        stream = next(each for each in VENDORS if each.vendor == vendor)
        examination = examine(stream, tap.run, tap.logger, lambda: now)
    assert threading.active_count() - threads < 10
    return Probed(examination, sandbox, vendor)
