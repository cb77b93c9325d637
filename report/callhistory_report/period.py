"""The weeks that the page is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True)
class Period:
    """Some weeks that end with a day, itself included."""

    last: date
    weeks: int

    @property
    def first(self) -> date:
        """The first day."""
        return self.last - timedelta(days=self.weeks * DAYS_PER_WEEK - 1)

    @property
    def before(self) -> Period:
        """As many weeks before this one."""
        return Period(self.first - timedelta(days=1), self.weeks)

    @property
    def days(self) -> list[date]:
        """Every day, in order."""
        return [self.first + timedelta(days=n) for n in range(self.weeks * DAYS_PER_WEEK)]

    @property
    def week_ends(self) -> list[date]:
        """The last day of every week, in order."""
        return self.days[DAYS_PER_WEEK - 1 :: DAYS_PER_WEEK]

    def week_end(self, day: date) -> date:
        """Return the last day of the week that a day belongs to."""
        return self.last - (self.last - day) // timedelta(days=DAYS_PER_WEEK) * timedelta(
            days=DAYS_PER_WEEK
        )

    def holds(self, column: str) -> str:
        """Write the condition that a day is in the period."""
        return f"{column} between date '{self.first}' and date '{self.last}'"
