"""CINNOX on loopback: `GET /cinnox/v1/api/apps/{app_id}/data/call-detail`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_callhistory.sandbox.http import (
    ApiAnswer,
    ApiRequest,
    Refusal,
    json_answer,
    require_bearer,
    wrapped,
)
from tap_callhistory.sandbox.vendors.base import SandboxVendor
from tap_callhistory.sandbox.vendors.parameters import Parameters
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.call import Call, Place, as_of, scatter
from tap_callhistory.sandbox.world.query import Query
from tap_callhistory.sandbox.world.stamps import fixed_width, milliseconds_utc, truncated

if TYPE_CHECKING:
    from datetime import datetime

    from tap_callhistory.sandbox.world.behaviour import Resolution

APP_ID = "sandbox-app"
APP_TOKEN = "sandbox-cinnox-token"
PATH = f"/cinnox/v1/api/apps/{APP_ID}/data/call-detail"
PARAMETERS = frozenset({"callType", "status", "startAt", "endAt", "offset", "limit"})
CALL_TYPES = frozenset({"", "onnet", "offnet", "smartcall"})

BAD_PARAMETER = 6451000
BAD_SERVICE = 6451001
TOO_MANY_REQUESTS = 6451010
NO_METHOD = 6450001
FIRST_SERVER_ERROR = 500
CODES = {400: BAD_PARAMETER, 404: NO_METHOD, 429: TOO_MANY_REQUESTS}

ENDED = ("Call Ended", "200", "Normal")
ABANDONED = ("Abandoned", "200", "Abandoned")
STATUSES = {
    "answered": (ENDED, ENDED),
    "missed": (("Not Answered", "480", "NoAnswer"), ("Not Answered", "480", "NoAnswer")),
    "busy": (("Busy", "486", "Busy"), ("Declined", "603", "Declined")),
    "failed": (("Call Failed", "503", "Failed"), ("Unreachable", "404", "Unreachable")),
    "cancelled": (("Cancelled", "487", "Cancelled"), ("Cancelled", "487", "Cancelled")),
}
"""The eight documented statuses: for each outcome those of even calls, and those of odd ones."""

CALLS_PER_VIDEO = 9
VIDEO_FILE, AUDIO_FILE = 2, 3
BYTES_PER_SECOND = 2_000
DEPARTMENTS = ("Sales", "Support", "Billing")
ROLES = ("AGENT", "AGENT", "AGENT", "SUPERVISOR", "ADMIN")
FIRST_NAMES = ("Ka Ming", "Wing Yan", "Chi Keung", "Mei Ling", "Siu Fong")
LAST_NAMES = ("Chan", "Wong", "Lee", "Cheung", "Lau", "Ng")


class Cinnox(SandboxVendor):
    """Offsets without a total; stamps in UTC; errors that may come in an HTTP 200."""

    name: ClassVar[str] = "cinnox"
    list_name: ClassVar[str] = "result"
    stream: ClassVar[str] = "cinnox_call_details"
    place: ClassVar[Place] = Place(
        zone="Asia/Hong_Kong",
        country_code="852",
        mobile_prefixes=("541", "612", "645", "913", "966"),
        line_prefix="31",
        national_digits=8,
        abandons=True,
    )
    usual: ClassVar[Behaviour] = Behaviour(
        parameter_resolution="millisecond",
        zone="UTC",
        largest_page=500,
        default_page=100,
        order="newest",
        total="none",
    )
    stored_resolution: ClassVar[Resolution] = "millisecond"
    too_large: ClassVar[str] = "exceed maximum limit"

    @override
    def settings(self, base_url: str) -> dict[str, Any]:
        return {"api_url": f"{base_url}/cinnox", "app_id": APP_ID, "app_token": APP_TOKEN}

    @override
    def error(self, status: int, message: str, code: str | int | None = None) -> ApiAnswer:
        own = code or (CODES.get(status, BAD_SERVICE if status >= FIRST_SERVER_ERROR else status))
        return json_answer(status, {"code": own, "message": message})

    @override
    def route(self, request: ApiRequest) -> ApiAnswer:
        if (request.method, request.path) != ("GET", PATH):
            raise Refusal(404, "method not found")
        require_bearer(request, APP_TOKEN, 401, "invalid app token")
        given = Parameters(request.query, PARAMETERS)
        for name in ("offset", "limit"):
            if (given.text(name) or "").startswith("-"):
                raise Refusal(400, f"negative {name}")
        query = self._query(given)
        size = self.page_size(given.integer("limit", 1))
        offset = given.integer("offset", 0) or 0
        calls = self.cut(self.reachable(self.world.find(query)), offset, size)
        return wrapped(self.records(calls, self.world.now()), "result", code=200)

    def _query(self, given: Parameters) -> Query:
        since, until = given.aware("startAt"), given.aware("endAt")
        if (since is None) != (until is None):
            raise Refusal(400, "missing one of startAt, endAt")
        if since is not None and until is not None and until < since:
            raise Refusal(400, "endAt is prior to startAt")
        self.check_span(since, until)
        now = self.world.now()
        conditions = {}
        call_type = given.text("callType") or ""
        if call_type not in CALL_TYPES:
            raise given.malformed("callType")
        if call_type:
            conditions["callType", call_type] = lambda call: _call_type(call) == call_type
        status = given.text("status") or ""
        if status:
            conditions["status", status] = lambda call: _status(call, now)[0] == status
        return Query(
            date=self.behaviour.filter_field,
            since=None if since is None else self.parameter(since),
            until=None if until is None else self.parameter(until),
            order=self.usual_order(),
            conditions=conditions,
            moment=now if status else None,
        )

    @override
    def call_id(self, call: Call) -> str:
        return _id(call)

    @override
    def number(self, party: str) -> str:
        return party

    @override
    def record(self, call: Call, now: datetime) -> dict[str, Any]:
        ended = as_of(call.ended_at, now)
        status, code, reason = _status(call, now)
        caller, callee = _party(call.caller), _party(call.callee)
        record: dict[str, Any] = {
            "id": _id(call),
            "hid": f"his-{_id(call)}",
            "svcID": "sandbox-service",
            "date": f"{call.created_at:%Y%m%d}",
            "roomID": _room(call),
            "seq": call.sequence,
            "type": "call",
            "fromEID": caller["eid"],
            "toEID": callee["eid"],
            "fromSvcID": "sandbox-service",
            "toSvcID": "sandbox-service",
            "fromRegion": "HK",
            "callSeq": 1,
            "callID": call.uuid,
            "callDirection": "Inbound" if call.direction == "inbound" else "Outbound",
            "callType": _call_type(call),
            "fromIP": "192.0.2.1",
            "callPrepareFromNum": call.line or "",
            "caller": call.caller,
            "callee": call.callee,
            "callDate": milliseconds_utc(call.created_at),
        }
        if ended:
            record["callEndTime"] = milliseconds_utc(ended)
        return record | {
            "status": status,
            "lastResponseCode": code,
            "byeReason": reason,
            "releaseParty": _release_party(call) if ended else "",
            "mediaType": "video" if _is_video(call) else "audio",
            "isRecording": call.recording_ready_at is not None,
            "hasAudioFile": _has_audio(call, now),
            "recordingEventList": _recordings(call, now),
            "recordType": "call",
            "fromRole": caller["role"],
            "toRole": callee["role"],
            "fromRoleName": caller["role"].title(),
            "toRoleName": callee["role"].title(),
            "fromDepartment": caller["department"],
            "toDepartment": callee["department"],
            "fromDisplayName": caller["name"],
            "toDisplayName": callee["name"],
            "lastHandledParty": _eid(call.extension) if ended else "",
            "fromDepartmentID": caller["department_id"],
            "toDepartmentID": callee["department_id"],
            "callerFirstName": caller["first"],
            "callerLastName": caller["last"],
            "calleeFirstName": callee["first"],
            "calleeLastName": callee["last"],
        }

    @override
    def row(self, call: Call, now: datetime) -> dict[str, Any]:
        ended = as_of(call.ended_at, now)
        status, code, reason = _status(call, now)
        caller, callee = _party(call.caller), _party(call.callee)
        return {
            "id": _id(call),
            "hid": f"his-{_id(call)}",
            "svc_id": "sandbox-service",
            "date": f"{call.created_at:%Y%m%d}",
            "room_id": _room(call),
            "seq": call.sequence,
            "type": "call",
            "from_eid": caller["eid"],
            "to_eid": callee["eid"],
            "from_svc_id": "sandbox-service",
            "to_svc_id": "sandbox-service",
            "from_region": "HK",
            "call_seq": 1,
            "call_id": call.uuid,
            "call_direction": "Inbound" if call.direction == "inbound" else "Outbound",
            "call_type": _call_type(call),
            "from_ip": "192.0.2.1",
            "call_prepare_from_num": call.line or "",
            "caller": call.caller,
            "callee": call.callee,
            "call_date": _utc(call.created_at),
            "call_end_time": None if ended is None else _utc(ended),
            "status": status,
            "last_response_code": code,
            "bye_reason": reason,
            "release_party": _release_party(call) if ended else "",
            "media_type": "video" if _is_video(call) else "audio",
            "is_recording": call.recording_ready_at is not None,
            "has_audio_file": _has_audio(call, now),
            "recording_event_list": _held_recordings(call, now),
            "record_type": "call",
            "from_role": caller["role"],
            "to_role": callee["role"],
            "from_role_name": caller["role"].title(),
            "to_role_name": callee["role"].title(),
            "from_department": caller["department"],
            "to_department": callee["department"],
            "from_display_name": caller["name"],
            "to_display_name": callee["name"],
            "last_handled_party": _eid(call.extension) if ended else "",
            "from_department_id": caller["department_id"],
            "to_department_id": callee["department_id"],
            "caller_first_name": caller["first"],
            "caller_last_name": caller["last"],
            "callee_first_name": callee["first"],
            "callee_last_name": callee["last"],
        }


def _id(call: Call) -> str:
    return f"cdr-{call.sequence}"


def _room(call: Call) -> str:
    return f"room-{scatter(call.sequence) % 10**12:012d}"


def _eid(extension: str) -> str:
    return f"eid-{extension}"


def _call_type(call: Call) -> str:
    if call.direction == "internal":
        return "onnet"
    return "smartcall" if call.direction == "inbound" and call.sequence % 10 == 0 else "offnet"


def _status(call: Call, now: datetime) -> tuple[str, str, str]:
    """Return the status, the last response code and the reason for the end.

    No documented status fits a call that lasts; that it has none is assumed.
    """
    if call.in_progress(now):
        return "", "", ""
    return ABANDONED if call.abandoned else STATUSES[call.outcome][call.sequence % 2]


def _is_video(call: Call) -> bool:
    return call.sequence % CALLS_PER_VIDEO == 0


def _has_audio(call: Call, now: datetime) -> bool:
    return as_of(call.recording_ready_at, now) is not None and not _is_video(call)


def _release_party(call: Call) -> str:
    return {"caller": call.caller, "callee": call.callee, "system": "system"}[call.ended_by]


def _party(party: str) -> dict[str, str]:
    """Return what CINNOX knows of a caller or callee; of customers only the number."""
    if party.startswith("+"):
        keys = ("eid", "role", "department", "department_id", "name", "first", "last")
        return dict.fromkeys(keys, "")
    index = int(party)
    department = index % len(DEPARTMENTS)
    first, last = FIRST_NAMES[index % len(FIRST_NAMES)], LAST_NAMES[index % len(LAST_NAMES)]
    return {
        "eid": _eid(party),
        "role": ROLES[index % len(ROLES)],
        "department": DEPARTMENTS[department],
        "department_id": f"department-{department + 1}",
        "name": f"{first} {last}",
        "first": first,
        "last": last,
    }


def _recordings(call: Call, now: datetime) -> list[dict[str, Any]]:
    if call.answered_at is None or as_of(call.recording_ready_at, now) is None:
        return []
    return [
        {
            "recorderEID": _eid(call.extension),
            "startAt": milliseconds_utc(call.answered_at),
            "endAt": milliseconds_utc(call.ended_at),
            "files": [
                {
                    "id": f"file-{call.sequence}",
                    "name": f"{call.uuid}.mp4",
                    "downloadUrl": f"https://files.cinnox.invalid/{call.uuid}.mp4",
                    "duration": int(call.talk_seconds * 1000),
                    "mimeType": "mp4",
                    "size": int(call.talk_seconds * BYTES_PER_SECOND),
                    "type": VIDEO_FILE if _is_video(call) else AUDIO_FILE,
                    "isPrivate": True,
                }
            ],
            "code": 0,
        }
    ]


def _held_recordings(call: Call, now: datetime) -> list[dict[str, Any]]:
    if call.answered_at is None or as_of(call.recording_ready_at, now) is None:
        return []
    return [
        {
            "recorder_eid": _eid(call.extension),
            "start_at": _utc(call.answered_at),
            "end_at": _utc(call.ended_at),
            "files": [
                {
                    "id": f"file-{call.sequence}",
                    "name": f"{call.uuid}.mp4",
                    "download_url": f"https://files.cinnox.invalid/{call.uuid}.mp4",
                    "duration": int(call.talk_seconds * 1000),
                    "mime_type": "mp4",
                    "size": int(call.talk_seconds * BYTES_PER_SECOND),
                    "type": str(VIDEO_FILE if _is_video(call) else AUDIO_FILE),
                    "is_private": True,
                }
            ],
            "code": 0,
        }
    ]


def _utc(instant: datetime) -> str:
    return fixed_width(truncated(instant, "millisecond"))
