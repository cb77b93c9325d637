"""Which calls a request is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_callhistory.sandbox.world.behaviour import FilterField
    from tap_callhistory.sandbox.world.call import Call


@dataclass(frozen=True, slots=True)
class Query:
    """Which calls a request is about.

    Attributes:
        date: The date that the window is about.
        since: Its beginning in microseconds of the vendor's clock; None is open.
        until: Its end.
        conditions: Further filters; their names say what they keep.
        order: Names of sort keys, each with whether it descends.
        moment: The present instant, where conditions or order depend on it.
    """

    date: FilterField
    since: int | None
    until: int | None
    order: tuple[tuple[str, bool], ...]
    conditions: dict[tuple[str, str], Callable[[Call], bool]] = field(default_factory=dict)
    moment: datetime | None = None

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells one query from another."""
        return (self.date, self.since, self.until, self.order, self.moment, *self.conditions)
