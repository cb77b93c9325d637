"""How many calls windows should hold, by what was learnt of the vendor. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_callhistory.reading.planner import Planner

#: Where little is known of what a vendor carries, no window is planned for a smaller share of the
#: calls that the ones before were.
GENTLY = 1 / 4


class Aim:
    """The number of calls that windows are planned for.

    Args:
        calls: How many, at first.
        planner: Plans the windows; another one may take its place.

    Attributes:
        calls: How many, now.
    """

    def __init__(self, calls: int, planner: Planner) -> None:
        self.calls = calls
        self.planner = planner
        self._most = calls

    def at(self, calls: int) -> None:
        """Aim at so many from now on."""
        self.calls = calls
        self.planner.aim_at(calls)

    def lower(self, calls: float) -> None:
        """Aim at so many, if these are fewer."""
        if calls < self.calls:
            self.at(max(int(calls), 1))

    def restore(self, calls: float) -> None:
        """Aim at so many, if these are more, but at no more than at first."""
        if calls > self.calls:
            self.at(min(int(calls), self._most))

    def gently(self, calls: float) -> None:
        """Aim at so many, if these are fewer, but not at far fewer in one step."""
        self.lower(max(calls, self.calls * GENTLY))
