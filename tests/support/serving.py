"""A sandbox whose clock stands still, and the tap's settings for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_callhistory.sandbox.server import Sandbox


NOW = datetime(2025, 6, 20, 10, 0, tzinfo=UTC)
"""Where the sandbox's clock stands: a Friday, in business hours."""


@dataclass(frozen=True)
class Served:
    """A sandbox, where it is served."""

    sandbox: Sandbox
    url: str

    def config(self, *vendors: str, **settings: Any) -> dict[str, Any]:
        """The tap's settings for some vendors (all, if none is named)."""
        known = self.sandbox.settings(self.url)
        now = self.sandbox.now()
        return {
            "start_date": (now - timedelta(days=30)).isoformat(),
            "end_date": now.isoformat(),
            **{name: known[name] for name in vendors or known},
            **settings,
        }

    def truth(self, stream: str) -> dict[Any, dict[str, Any]]:
        return {row["id"]: row for name, row in self.sandbox.truth() if name == stream}


Serve = Callable[..., Served]
