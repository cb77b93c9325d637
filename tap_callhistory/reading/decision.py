"""What can be decided about a window. Pure data; `decisions` decides, the reader carries out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_callhistory.errors import (
    KEEP_INCOMPLETE,
    CallHistoryError,
    IncompleteWindow,
    VendorRefusal,
)
from tap_callhistory.reading.windows import Window

if TYPE_CHECKING:
    from datetime import timedelta

    from tap_callhistory.reading.lineage import Lineage
    from tap_callhistory.reading.pages import Position


@dataclass(frozen=True, slots=True)
class GoOn:
    """Wait for the pages that are under way, and ask for those that are due."""


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Read the window once more.

    Attributes:
        reason: Why; "" where the window is read as if for the first time.
        patient: Whether its pages are given all retries of the settings.
        pause: Whether to wait a moment before.
    """

    reason: str
    patient: bool = False
    pause: bool = False


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Ask for pages of the window once more.

    Attributes:
        positions: Which.
        reason: Why.
        pause: Whether to wait a moment before.
        last: Whether all other pages that are due come first.
    """

    positions: list[Position]
    reason: str
    pause: bool = True
    last: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """Read the window's parts instead; those given back are planned anew.

    What the parts leave out of the window is not read in this run. One that takes in the rest of
    history stands for the windows behind it, too.
    """

    parts: list[Window]
    lineage: Lineage
    reason: str
    given_back: Window | None = None
    takes_in_the_rest: bool = False


@dataclass(frozen=True, slots=True)
class LookAtEnds:
    """Look at both ends of the window: one of them lacks calls if a cap has cut it."""

    ends: list[Window]


@dataclass(frozen=True, slots=True)
class Accept:
    """Take the window for whole; provisionally while a part of its doubt is still out."""

    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """Give the window up.

    Attributes:
        error: Why.
        alone: Whether it alone cannot be read: it is as small as it gets, and the vendor answers
            for others.
    """

    error: Exception
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """Ask for another window in place of one, to find out what became of that.

    Attributes:
        window: What to ask for.
        reason: What it is to tell.
    """

    window: Window
    reason: str


Decision = GoOn | AskAgain | ReadAgain | Split | LookAtEnds | Search | Accept | Fail


def in_words(decision: Decision) -> str:  # noqa: PLR0911 - a line for each
    """A decision and its reason, for the log."""
    match decision:
        case AskAgain(positions, reason):
            return f"ask again for {len(positions)} of its pages: {reason}"
        case ReadAgain(reason, patient):
            return f"read again{', with all retries' if patient else ''}: {reason or 'unsplit'}"
        case Split(parts, _, reason):
            return f"split into {', '.join(map(str, parts)) or 'nothing'}: {reason}"
        case LookAtEnds(ends):
            return f"look at its ends {' and '.join(map(str, ends))}: it may have been cut"
        case Search(window, reason):
            return f"ask for {window} in its place: {reason}"
        case Accept(provisional):
            return "accepted, unless a part shows that it was cut" if provisional else "accepted"
        case Fail(error):
            return f"failed: {error}"
    return "go on"


def in_parts(
    window: Window,
    lineage: Lineage,
    parts: int,
    reason: str,
    *,
    resolution: timedelta,
    replan: bool = True,
    cut: list[Window] | None = None,
) -> Split:
    """Ask for a window in parts.

    Args:
        window: The window.
        lineage: What the parts inherit.
        parts: How many.
        reason: Why.
        resolution: The smallest step of the vendor's date parameters.
        replan: Whether all parts but the first are planned anew, if the window was the last one
            and no doubt needs all its parts.
        cut: The parts, if they are not of equal length.
    """
    cut = cut if cut and len(cut) > 1 else window.split(parts, resolution)
    behind = Window(cut[1].start, cut[-1].end) if replan and len(cut) > 1 else None
    return Split(cut, lineage, reason, behind if lineage.doubt is None else None)


def alone(error: Exception) -> Fail:
    """Give up a window that alone cannot be read."""
    if isinstance(error, CallHistoryError):
        error.advice = KEEP_INCOMPLETE
    return Fail(error, alone=True)


def unreadable(window: Window, reason: str) -> Fail:
    """Give up a window that can be neither read whole nor split any further."""
    return alone(
        IncompleteWindow(
            f"the window {window} cannot be read whole: {reason}. "
            "Neither reading it again nor splitting it helped"
        )
    )


def named(error: Exception, window: Window) -> Exception:
    """The error, told for which window; not where no other one would have been read."""
    known = isinstance(error, CallHistoryError) and not isinstance(error, IncompleteWindow)
    if known and (not isinstance(error, VendorRefusal) or error.may_mean_the_window):
        error.window = window  # type: ignore[attr-defined]
    return error
