"""How many calls to ask for on a page, where a vendor does not give what is asked for. Pure.

| The first page of a window    | and                                 | then                       |
|-------------------------------|-------------------------------------|----------------------------|
| was refused                   | a page as large has not come yet    | `ReadAgain`, smaller pages |
| came, and is a small one      | such a one was refused before, too  | large ones from now on     |
| says that fewer fit on a page | more are to follow                  | so many from now on        |
| held fewer, and more follow   | the calls did not add up, twice     | so many from now on        |

A vendor that names no largest page is asked for a large one; what it says, or refuses, is kept for
the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tap_callhistory.reading.pages import Page

#: A vendor that refuses larger pages is asked for so many calls: nobody is known to refuse them.
SMALL: Final = 100


class PageSizes:
    """Learns how many calls a vendor gives on a page.

    Args:
        largest: The page size of the settings.

    Attributes:
        asked: How many calls a new pass asks for per page.
    """

    def __init__(self, largest: int) -> None:
        self.asked = largest
        self._largest = largest
        self._came = 0
        self._small_was_refused = False
        self._short = 0

    def refused(self, size: int) -> bool:
        """Note that the first page of a window was refused; whether smaller pages may not be.

        Args:
            size: How many calls were asked for.
        """
        if size <= SMALL or size <= self._came:
            self._small_was_refused |= size < self._largest
            return False
        self.asked = SMALL
        return True

    def came(self, size: int, page: Page) -> None:
        """Note that the first page of a window came, when so many calls were asked for."""
        self._came = max(self._came, size)
        if self._small_was_refused and size < self._largest:
            # The refusals were about the windows.
            self.asked, self._small_was_refused = self._largest, False
        total = page.total or 0
        if page.size and len(page.calls) == page.size < min(size, total):
            self.asked = page.size

    def ended_short(self, size: int, held: int) -> None:
        """Note that the calls of a pass did not add up, and how many its first page held.

        A vendor may cut pages short, and yet count from which call on one begins by what was asked.
        """
        if 0 < held < size and held == self._short:
            self.asked = held
        self._short = held
