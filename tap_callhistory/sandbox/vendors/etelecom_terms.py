"""How eTelecom names a call and its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_callhistory.sandbox.world.call import as_of, scatter, scattered_uuid

if TYPE_CHECKING:
    from datetime import datetime

    from tap_callhistory.sandbox.world.call import Call

NO_ID = "0"
DIRECTIONS = {"inbound": "in", "outbound": "out", "internal": "ext"}
LEGS = {"": "ext", "out": "ext_out", "in": "ext_in"}
DEPARTMENTS = 3


def written(party: str) -> str:
    """Write a number nationally, an extension as it is."""
    return "0" + party.removeprefix("+84") if party.startswith("+84") else party


def log_id(call: Call) -> str:
    """Return the id of the call."""
    return str(1_150_000_000_000_000_000 + call.sequence)


def extension_id(call: Call) -> str:
    """Return the id of the agent's extension."""
    return str(1_160_000_000_000_000_000 + int(call.extension))


def user_id(call: Call) -> str:
    """Return the id of the agent."""
    return str(1_170_000_000_000_000_000 + int(call.extension))


def department_id(call: Call) -> str:
    """Return the id of the agent's department."""
    return str(1_200_000_000_000_000_000 + int(call.extension) % DEPARTMENTS)


def direction(call: Call) -> str:
    """Return the direction; of an internal call, the one of this end."""
    return LEGS[call.leg] if call.direction == "internal" else DIRECTIONS[call.direction]


def inserted(call: Call) -> datetime:
    """Return when the call's record was made."""
    return call.inserted_at or call.created_at


def started(call: Call) -> datetime:
    """Return when the exchange says that the call began: when it was placed, or rang before."""
    return min(call.created_at, call.started_at)


def known_until(call: Call, now: datetime) -> datetime:
    """Return up to when a call's course is known: before its import, only that it began."""
    if call.imported_at is None or now >= call.imported_at:
        return now
    return min(now, call.started_at)


def external_id(call: Call) -> str:
    """Return the exchange's id of the call; both ends of an internal call have the same."""
    return scattered_uuid(call.conversation or call.sequence)


def external_session_id(call: Call) -> str:
    """Return the exchange's id of the session; the one of the calling end says so."""
    session = f"session-{scatter(call.conversation or call.sequence):016x}"
    return f"{session}-out" if call.leg == "out" else session


def hotline_id(call: Call) -> str:
    """Return the id of the external line; "0" for internal calls."""
    return NO_ID if call.line is None else str(1_180_000_000_000_000_000 + int(call.line))


def contact_id(call: Call) -> str | None:
    """Return the id of the other party among the contacts, if it is one."""
    outside = [party for party in (call.caller, call.callee) if party.startswith("+")]
    if not outside or int(outside[0]) % 3 == 0:
        return None
    return str(1_190_000_000_000_000_000 + scatter(int(outside[0])) % 10**12)


def state(call: Call, now: datetime) -> str:
    """Say whether the call was answered, once it is over."""
    if call.in_progress(now):
        return "unknown"
    return "not_answered" if call.answered_at is None else "answered"


def status(call: Call, now: datetime) -> str:
    """Return the letters that stand for the state; Z is none yet."""
    return {"unknown": "Z", "answered": "P", "not_answered": "NS"}[state(call, now)]


def seconds(call: Call, now: datetime) -> int:
    """Return how long they talked; 0 until the call is over."""
    return 0 if call.in_progress(now) else int(call.talk_seconds)


def ring_duration(call: Call, now: datetime) -> int:
    """Return how long it rang; 0 while it rings."""
    ringing = call.in_progress(now) and as_of(call.answered_at, now) is None
    return 0 if ringing else int(call.ring_seconds)


def recordings(call: Call, now: datetime) -> list[str]:
    """Return the addresses of the call's recordings."""
    if as_of(call.recording_ready_at, now) is None:
        return []
    return [f"https://recordings.etelecom.invalid/{external_id(call)}.mp3"]


def trunk_name(call: Call) -> str:
    """Return the name of the trunk that carried the call."""
    return "internal" if call.line is None else f"trunk-{call.line[-4:]}"
