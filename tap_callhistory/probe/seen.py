"""A call as an answer showed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tap_callhistory.clocks import Clock
    from tap_callhistory.vendors.base import Endpoint

CREATED = "created"
FINISHED = "finished"
UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call as it came.

    Attributes:
        key: Its id, as text.
        stamps: Its timestamps by their role (created, started, finished, updated), read by the
            configured clock; those that are empty are left out.
        record: All that came.
        unfinished: Whether it is in progress or its recording pending, as far as the vendor shows.
    """

    key: str
    stamps: Mapping[str, datetime]
    record: Mapping[str, Any]
    unfinished: bool

    @classmethod
    def of(cls, record: dict[str, Any], endpoint: Endpoint) -> SeenCall:
        """Read a vendor's record."""
        stamps = {
            role: instant
            for role, name in endpoint.stamps.items()
            if (instant := _instant(endpoint.clock, record.get(name))) is not None
        }
        return cls(str(record.get("id")), stamps, record, endpoint.is_unfinished(record))

    @property
    def created(self) -> datetime | None:
        """When the call was placed."""
        return self.stamps.get(CREATED)


def _instant(clock: Clock, stamp: Any) -> datetime | None:
    if not isinstance(stamp, str) or not stamp:
        return None
    try:
        return clock.instant(stamp)
    except ValueError:
        return None
