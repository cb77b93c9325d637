"""What each vendor tells of a true call, how coarsely, and where a row of `calls` is not that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


NEVER_SAID: Final = {
    "kavenegar": {"customer_number", "customer_e164", "line_e164", "extension", "started_at"},
    "etelecom": {"line_e164"},
    "twin": {
        *("from_number", "from_e164", "to_number", "to_e164", "extension"),
        *("answered_at", "ended_at", "ring_seconds", "total_seconds"),
    },
    "cinnox": {"started_at", "answered_at"},
    "utel": {"started_at"},
}
DIRECTION_UNSAID: Final = {"kavenegar", "twin"}
ONLY_ANSWERED_OR_NOT: Final = {"etelecom", "utel"}
RESOLUTION_SECONDS: Final = {
    "kavenegar": 0.0011,
    "etelecom": 1.0,
    "twin": 1.0,
    "cinnox": 0.0011,
    "utel": 2.0,
}
"""How far a vendor's own rounding, of a time and of a length added to it, may lead."""
SETTING_UP_SECONDS: Final = 2.0
"""From being placed to ringing, which ring_seconds includes where ringing is not said."""
AGENTS: Final[dict[str, Callable[[str], str | None]]] = {
    "kavenegar": lambda _: None,
    "etelecom": lambda extension: f"11700000000000{int(extension):05d}",
    "twin": lambda _: None,
    "cinnox": lambda extension: f"eid-{extension}",
    "utel": lambda extension: extension,
}
UNANSWERED: Final = ("missed", "busy", "failed", "cancelled")


def told(truth: dict[str, Any]) -> dict[str, Any]:
    """What a vendor tells of a true call, in the words of `calls`."""
    vendor, status = truth["vendor"], truth["status"]
    customer = {"inbound": "from", "outbound": "to"}.get(truth["direction"])
    full = truth | {
        "customer_number": customer and truth[f"{customer}_number"],
        "customer_e164": customer and truth[f"{customer}_e164"],
    }
    kept = {name: None if name in NEVER_SAID[vendor] else value for name, value in full.items()}
    kept["agent_id"] = AGENTS[vendor](truth["extension"])
    if vendor in DIRECTION_UNSAID:
        kept["direction"] = "unknown"
    if vendor in ONLY_ANSWERED_OR_NOT and status in UNANSWERED:
        kept["status"] = "missed"
    if vendor == "cinnox" and status not in UNANSWERED:
        kept |= {"ring_seconds": None, "talk_seconds": None}
    return kept


def differences(truth: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    """Where a row of `calls` is not what was told."""
    resolution = RESOLUTION_SECONDS[truth["vendor"]]
    ringing = resolution + (SETTING_UP_SECONDS if call["started_at"] is None else 0)
    told_and_found: dict[str, tuple[Any, Any, float]] = {
        **{
            name: (truth[name], call[name], resolution)
            for name in ("created_at", "started_at", "answered_at", "ended_at")
        },
        "ring_seconds": (truth["ring_seconds"], call["ring_seconds"], ringing),
        "talk_seconds": (truth["talk_seconds"], call["talk_seconds"], resolution),
        "total_seconds": (truth["total_seconds"], call["total_seconds"], resolution),
    }
    for name, (expected, found, tolerance) in told_and_found.items():
        if not near(expected, found, tolerance):
            yield f"{name} should be {expected}, is {found}"
    exact = {
        **{name: name for name in ("direction", "status", "from_number", "to_number")},
        **{name: name for name in ("account", "customer_number")},
        "from_e164": "from_number_e164",
        "to_e164": "to_number_e164",
        "customer_e164": "customer_number_e164",
        "line_e164": "external_line_e164",
    }
    if truth["vendor"] != "twin":
        exact["agent_id"] = "agent_id"
    for name, column in exact.items():
        if truth[name] != call[column]:
            yield f"{column} should be {truth[name]}, is {call[column]}"


def near(expected: Any, found: Any, tolerance: float) -> bool:
    """Whether two times (UTC) or lengths are the same but for a vendor's rounding."""
    if expected is None or found is None:
        return expected is found
    if isinstance(expected, datetime):
        apart: timedelta = expected.replace(tzinfo=None) - found
        return abs(apart) <= timedelta(seconds=tolerance)
    return abs(float(expected) - float(found)) <= tolerance
