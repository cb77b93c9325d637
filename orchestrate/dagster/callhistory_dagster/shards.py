"""A shard: one source and a stretch of its history, or all that comes after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callhistory_dagster.accounts import Source


@dataclass(frozen=True, slots=True)
class Shard:
    """What one run of the tap reads.

    Attributes:
        source: The account and the vendor.
        start: From where on.
        end: To where, excluded; None for the ordinary run, which reads up to its own beginning.
    """

    source: Source
    start: datetime
    end: datetime | None

    @property
    def id(self) -> str:
        """Its name: of its state, its plan row and its log lines."""
        ends = f"{self.start:%Y-%m-%d}_{self.end:%Y-%m-%d}" if self.end else "ordinary"
        return f"{self.source.account}-{self.source.stream}-{ends}"

    def row(self) -> dict[str, Any]:
        """The shard as a plan has it."""
        return {
            "id": self.id,
            "account": self.source.account,
            "vendor": self.source.vendor,
            "stream": self.source.stream,
            "start": stamp(self.start),
            "end": stamp(self.end) if self.end else None,
        }

    def environment(self, requests_per_second: float | None) -> dict[str, str]:
        """The tap's settings, secrets among them, as environment variables."""
        dates = {"START_DATE": stamp(self.start)}
        if self.end:
            dates["END_DATE"] = stamp(self.end)
        rate = {} if requests_per_second is None else {"REQUESTS_PER_SECOND": requests_per_second}
        labels = {"ACCOUNT": self.source.account, "SHARD": self.id}
        common = {**dates, **rate, **labels}
        return {
            **{f"TAP_CALLHISTORY_{name}": str(value) for name, value in common.items()},
            **self.source.environment(),
        }


def stamp(instant: datetime) -> str:
    """An instant as the tap writes it."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
