"""What the probe finds out about one assumption, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(Enum):
    """How an assumption stands against what the vendor did."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    CANNOT_TELL = "cannot tell"


class Sureness(Enum):
    """How sure an outcome is.

    `CERTAIN` is what no other reading of the vendor's answers explains; `LIKELY` would need a
    coincidence to be wrong.
    """

    CERTAIN = "certain"
    LIKELY = "likely"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One assumption, tested.

    Attributes:
        assumption: Its name; one of `assumptions.ASSUMPTIONS`.
        assumed: What the tap assumes.
        seen: What the vendor did; nothing personal.
        outcome: Whether the two agree.
        sureness: How sure that is.
        reading: What the vendor was found to do, as a value; None where that cannot be told.
        needed: What would be needed to tell more.
        advice: What to do where they differ.
        settings: The settings to change, by their dotted names.
    """

    assumption: str
    assumed: str
    seen: str
    outcome: Outcome
    sureness: Sureness = Sureness.NONE
    reading: Any = None
    needed: str = ""
    advice: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def as_assumed(
    assumption: str, assumed: str, seen: str, reading: Any, sureness: Sureness = Sureness.CERTAIN
) -> Finding:
    """Confirm an assumption."""
    return Finding(
        assumption=assumption,
        assumed=assumed,
        seen=seen,
        outcome=Outcome.AS_ASSUMED,
        sureness=sureness,
        reading=reading,
    )


def cannot_tell(assumption: str, assumed: str, seen: str, needed: str) -> Finding:
    """Leave an assumption open."""
    return Finding(
        assumption=assumption,
        assumed=assumed,
        seen=seen,
        outcome=Outcome.CANNOT_TELL,
        needed=needed,
    )


def judged(
    assumption: str,
    assumed: str,
    seen: str,
    *,
    reading: Any,
    agrees: bool,
    sureness: Sureness = Sureness.CERTAIN,
    advice: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Finding:
    """Say whether what was found agrees with what is assumed; advice is kept where it does not."""
    return Finding(
        assumption=assumption,
        assumed=assumed,
        seen=seen,
        outcome=Outcome.AS_ASSUMED if agrees else Outcome.DIFFERS,
        sureness=sureness,
        reading=reading,
        advice="" if agrees else advice,
        settings={} if agrees else dict(settings or {}),
    )
