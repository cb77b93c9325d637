"""What a window is asked for in place of another, and what is known by it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Purpose(Enum):
    """Why a window is asked for in place of another."""

    BEGINNING = "it is being found out from when on the vendor gives history"
    RECENT = "is it the account, or the window, that is refused?"
    ANY = "nothing was found, and no other window came: does the vendor give calls?"
    STILL = "nothing was found: does the vendor still find what came before?"
    AWAKE = "no calls came: does the vendor give those that must be there?"
    SHORTER = "no calls came: do some come for less of it?"
    BUT_ITS_END = "no calls came: do some come for it without its last hour?"
    BEHIND = "calls that came before are missing: do they come behind it?"
    GAVE = "no calls came: does the vendor still give those that it gave?"
    CONTROL = "nothing came: does the vendor still answer?"


@dataclass(slots=True)
class Searched:
    """What is known from windows that were asked for in place of one.

    Attributes:
        refusal: What the vendor said to the one.
        purpose: What they are to tell.
        refused: Before it, or at it, history was refused.
        given: From it on, history was given; None while none was.
        tries: How many windows have been asked for.
        alive: Whether the vendor said more than that it found nothing.
        rounds: How often the one was asked for once more, since the vendor may have tired.
    """

    refusal: Exception
    purpose: Purpose
    refused: datetime
    given: datetime | None = None
    tries: int = 0
    alive: bool = False
    rounds: int = 0
