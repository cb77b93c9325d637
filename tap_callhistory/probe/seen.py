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
STARTED = "started"
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
        """When the call was placed, or its record made."""
        return self.stamps.get(CREATED)

    @property
    def began(self) -> datetime | None:
        """When the call began: some vendors make its record after its end."""
        known = (self.stamps.get(role) for role in (CREATED, STARTED))
        return min((instant for instant in known if instant is not None), default=None)


def _instant(clock: Clock, stamp: Any) -> datetime | None:
    if not isinstance(stamp, str) or not stamp:
        return None
    try:
        return clock.instant(stamp)
    except ValueError:
        return None
