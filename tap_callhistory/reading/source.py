"""What the reader has to know of a vendor's endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import timedelta

    from tap_callhistory.reading.knowledge import Knowledge
    from tap_callhistory.reading.pages import Limits
    from tap_callhistory.reading.passes import Pass


class Source(Protocol):
    """What has to be known of a vendor's stream."""

    @property
    def resolution(self) -> timedelta:
        """The smallest step of the vendor's date parameters."""

    @property
    def limits(self) -> Limits:
        """Page size and known cap."""

    def new_pass(self, limits: Limits, knowledge: Knowledge) -> Pass:
        """A fresh pass over one window."""
