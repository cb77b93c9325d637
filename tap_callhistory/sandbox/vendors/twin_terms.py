"""How TWIN names a call session and what its bots made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_callhistory.sandbox.world.call import as_of, scatter, scattered_uuid

if TYPE_CHECKING:
    from datetime import datetime

    from tap_callhistory.sandbox.world.call import Call

FIELDS = frozenset({
    *("id", "phone", "duration", "taskId", "taskName", "botId", "botName", "regionId"),
    *("timezone", "status", "shortNumber", "transferredToOperator", "linkToLog"),
    *("createdAt", "updatedAt", "startedAt", "price", "messages", "messagesAsString"),
    *("additional", "externalId", "dialogResults", "responder", "nps", "isFinished"),
    *("recordPath", "operatorDuration", "botDuration", "markers"),
})
STATUSES = frozenset({
    *("CANCEL", "ANSWERED", "NOANSWER", "BUSY", "CONGESTION", "CHANUNAVAIL", "FAILED"),
    *("BLACKLIST", "DIAL", "INPROGRESS", "FZ230", "INVALID", "UNAVAILABLE", "EMPTY_AON"),
    *("SCHEDULED", "EXPIRED", "REJECTED"),
})
ENDS = {
    "answered": ("ANSWERED",),
    "missed": ("NOANSWER",),
    "busy": ("BUSY",),
    "failed": ("FAILED", "CONGESTION", "CHANUNAVAIL", "INVALID", "UNAVAILABLE"),
    "cancelled": ("CANCEL", "BLACKLIST", "FZ230", "EMPTY_AON", "EXPIRED", "REJECTED"),
}
"""The statuses of calls that are over, by how they went."""

ZONE_SECONDS = 10_800
TASKS = ("Напоминание", "Опрос", "Доставка")
BOTS = ("Секретарь", "Анна")
TASK_IDS = tuple(scattered_uuid(1_000 + task) for task in range(len(TASKS)))
BOT_IDS = tuple(scattered_uuid(2_000 + bot) for bot in range(len(BOTS)))
PRICE_PER_MINUTE = 1.5
SHORT_TALK_SECONDS = 10


def phone(call: Call) -> str:
    """Return the number of the person at the other end of the bot's call."""
    person = call.caller if call.direction == "inbound" else call.callee
    return person.removeprefix("+")


def task_id(call: Call) -> str:
    """Return the id of the task that the call belongs to."""
    return TASK_IDS[call.sequence % len(TASKS)]


def status(call: Call, now: datetime) -> str:
    """Return TWIN's word for how the call stands."""
    if not call.in_progress(now):
        words = ENDS[call.outcome]
        return words[call.sequence % len(words)]
    return "DIAL" if as_of(call.answered_at, now) is None else "INPROGRESS"


def fixed(call: Call) -> dict[str, Any]:
    """Return the fields that never change."""
    task, bot = call.sequence % len(TASKS), call.sequence % len(BOTS)
    return {
        "id": call.uuid,
        "phone": phone(call),
        "taskId": task_id(call),
        "taskName": TASKS[task],
        "botId": BOT_IDS[bot],
        "botName": BOTS[bot],
        "regionId": str(77 + call.sequence % 3),
        "timezone": ZONE_SECONDS if call.sequence % 4 == 0 else "Europe/Moscow",
        "shortNumber": (call.line or "").removeprefix("+"),
        "transferredToOperator": _transferred(call),
        "linkToLog": f"https://logs.twin.invalid/{call.uuid}",
        "externalId": f"order-{scatter(call.sequence) % 10**9}",
        "responder": "operator" if _transferred(call) else "bot",
    }


def duration(call: Call, now: datetime) -> int:
    """Return how many seconds they talked; 0 until the call is over."""
    return 0 if call.in_progress(now) else int(call.talk_seconds)


def operator_duration(call: Call, now: datetime) -> int:
    """Return the operator's share of the talk in seconds."""
    return duration(call, now) // 2 if _transferred(call) else 0


def bot_duration(call: Call, now: datetime) -> int:
    """Return the bot's share of the talk in seconds."""
    return duration(call, now) - operator_duration(call, now)


def price(call: Call, now: datetime) -> float:
    """Return what the call costs, by minutes begun."""
    return -(-duration(call, now) // 60) * PRICE_PER_MINUTE


def messages(call: Call, now: datetime) -> list[dict[str, Any]]:
    """Return what was said, turn by turn; nothing until the call is over."""
    if duration(call, now) == 0:
        return []
    spoken = [{"from": "bot", "text": "Здравствуйте!", "second": 0}]
    if duration(call, now) > SHORT_TALK_SECONDS:
        spoken.append({"from": "client", "text": "Да, слушаю.", "second": 4})
    return spoken


def messages_as_string(call: Call, now: datetime) -> str:
    """Return what was said as one text."""
    return "\n".join(f"{said['from']}: {said['text']}" for said in messages(call, now))


def additional(call: Call) -> dict[str, Any]:
    """Return the contact's own fields."""
    return {"city": "Москва", "orders": call.sequence % 7, "subscribed": call.sequence % 2 == 0}


def dialog_results(call: Call, now: datetime) -> list[dict[str, Any]]:
    """Return what the bot found out; the rating comes late."""
    if duration(call, now) == 0:
        return []
    found: list[dict[str, Any]] = [{"name": "agreed", "value": call.sequence % 3 != 0}]
    if score(call, now) is not None:
        found.append({"name": "rated", "value": score(call, now)})
    return found


def score(call: Call, now: datetime) -> int | None:
    """Return the person's rating, once it has come."""
    if as_of(call.rated_at, now) is None:
        return None
    return 10 - scatter(call.sequence) % 11 // 2


def record_path(call: Call, now: datetime) -> str | None:
    """Return the recording's address, once there is one."""
    if as_of(call.recording_ready_at, now) is None:
        return None
    return f"https://records.twin.invalid/{call.uuid}.mp3"


def is_finished(call: Call, now: datetime) -> bool:
    """Return whether the script came to its end; many who answer hang up before."""
    return not call.in_progress(now) and call.answered_at is not None and call.sequence % 3 > 0


def markers(call: Call, now: datetime) -> list[str]:
    """Return the marks set on the call when it is over."""
    return ["callback"] if not call.in_progress(now) and call.answered_at is None else []


def _transferred(call: Call) -> bool:
    return call.answered_at is not None and call.sequence % 5 == 0
