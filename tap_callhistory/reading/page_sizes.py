"""How many calls to ask for on a page, where a vendor does not give what is asked for. Pure.

| The first page of a window    | and                                 | then                       |
|-------------------------------|-------------------------------------|----------------------------|
| was refused                   | a page as large has not come yet    | `ReadAgain`, smaller pages |
| came, and is a small one      | such a one was refused before, too  | large ones from now on     |
| says that fewer fit on a page | more are to follow                  | so many from now on        |
| held fewer, and more follow   | the calls did not add up, twice     | so many from now on        |
| failed, as all others did     |                                     | small ones from now on     |
| came, and is a small one      | larger ones failed at first         | larger ones from now on    |
| failed, and is one of these   |                                     | `ReadAgain`, as came last  |

A vendor that names no largest page is asked for a large one; what it says, or refuses, is kept for
the run. One that fails under its own words may find the page too large, as search engines do that
give no more than so many rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tap_callhistory.reading.pages import Page
    from tap_callhistory.reading.windows import Window

#: A vendor that refuses larger pages is asked for so many calls: nobody is known to refuse them.
SMALL: Final = 100
#: And where nothing came of that, either, for so many.
SMALLEST: Final = 25
#: A page so many times as large as one that came is tried then.
LARGER: Final = 4


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
        self._searches = False
        self._too_large: int | None = None
        self._blamed: Window | None = None

    def failed(self, size: int) -> None:
        """Note that nothing came, for any window so far, when so many calls were asked for."""
        self._searches = True
        self.asked = SMALL if size > SMALL else min(size, SMALLEST)

    def is_on_trial(self, size: int) -> bool:
        """Whether only smaller pages have come, after some failed."""
        return self._searches and 0 < self._came < size

    def failed_on_trial(self, window: Window, size: int) -> None:
        """Note that the first page of a window failed that was larger than any that came."""
        self._too_large, self._blamed = size, window
        self.asked = self._came

    def failed_again(self, window: Window) -> None:
        """Note that a window failed: if it did so for smaller pages, too, they are not why."""
        if window == self._blamed and self._too_large is not None:
            self.asked, self._too_large = self._too_large, None

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
        if self._searches and size == self.asked < self._largest:
            larger = min(size * LARGER, self._largest)
            self.asked = larger if self._too_large is None or larger < self._too_large else size
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
