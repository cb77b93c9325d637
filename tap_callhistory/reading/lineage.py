"""What a window inherits from the one that it is a part of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tap_callhistory.reading.doubts import Doubt
    from tap_callhistory.reading.windows import Window


@dataclass(slots=True)
class Dense:
    """A window that held too many calls by the vendor's total, in parts.

    Attributes:
        calls: How many it held.
        in_vain: How many times in a row a part was split that held as many as the whole.
        found: How many its parts hold, as far as they are known.
        counted: The parts that `found` is the sum of.
    """

    calls: int
    in_vain: int = 0
    found: int = 0
    counted: list[Window] = field(default_factory=list)

    def count(self, part: Window, calls: int) -> None:
        """Count what a part holds; a part that is read again, or in parts, is not counted twice."""
        if not any(each.encloses(part) for each in self.counted):
            self.counted.append(part)
            self.found += calls


@dataclass(slots=True)
class Surplus:
    """A window for which the vendor counted more calls than it gave, and its halves.

    Attributes:
        calls: How many more.
        total: How many it counted.
        found_again: How many of its halves lack just as many: then it is the vendor's habit.
        counted_again: How many of its halves have just that total: then it is not of the window.
    """

    calls: int
    total: int
    found_again: int = 0
    counted_again: int = 0

    def note(self, surplus: int, total: int) -> None:
        """Note how many calls one of the halves lacks, and how many the vendor counted for it."""
        self.found_again += surplus == self.calls
        self.counted_again += total == self.total


class Lineage(NamedTuple):
    """What a window inherits from the one that it is a part of.

    Attributes:
        doubt: That one's results may have been cut.
        dense: That one held too many calls.
        halvings: How often it was halved because its pages did not prove themselves.
        surplus: That one had more calls by the vendor's total than came.
        trims: How often its end was moved back, because the vendor refused it.
        unanswered: Nothing came for that one, nor for any other meanwhile.
    """

    doubt: Doubt | None = None
    dense: Dense | None = None
    halvings: int = 0
    surplus: Surplus | None = None
    trims: int = 0
    unanswered: bool = False


NO_LINEAGE = Lineage()
