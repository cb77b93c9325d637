"""Every documented sample through its stream, over real HTTP, compared field by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import Command
from tests.support.sample_vendor import sample, sample_vendor

if TYPE_CHECKING:
    from tests.support.command import Run

CALLER = {
    "id": 175,
    "application_id": 1,
    "username": "09120822930",
    "display_name": None,
    "mobile_number": None,
    "created_at": "2018-09-16T10:03:42.000000Z",
    "updated_at": "2018-09-16T10:03:42.000000Z",
    "platform": "android",
    "status": "offline",
}
RECEPTOR = {
    "id": 176,
    "application_id": 1,
    "username": "09307269676",
    "display_name": None,
    "mobile_number": None,
    "created_at": "2018-09-16T10:03:50.000000Z",
    "updated_at": "2018-09-16T10:03:50.000000Z",
    "platform": "ios",
    "status": "offline",
}


def read(
    run_tap: Command, stream: str, body: dict[str, Any], since: str, until: str, **access: Any
) -> Run:
    vendor = stream.partition("_")[0]
    with sample_vendor(stream, body) as url:
        run = run_tap({
            "start_date": f"{since}T00:00:00Z",
            "end_date": f"{until}T00:00:00Z",
            vendor: {**access, "api_url": url},
        })
    assert run.code == 0, run.log
    return run


def test_what_kavenegar_tells_of_a_party_elsewhere_is_kept_and_its_credentials_are_not(
    run_tap: Command,
) -> None:
    body = sample("kavenegar_calls")
    body["result"] = body["result"][:1]
    body["page"]["total"] = 1
    (call,) = body["result"]
    call["apiToken"] = "fake-api-token-1"
    call["caller"] |= {
        "displayName": "Sara",
        "mobileNumber": "09120822931",
        "apiToken": "fake-api-token-2",
    }
    hashed = {"phone_numbers": "hash", "hash_key": "k" * 16}
    with sample_vendor("kavenegar_calls", body) as url:
        run = run_tap({
            "start_date": "2018-11-20T00:00:00Z",
            "end_date": "2018-11-21T00:00:00Z",
            "kavenegar": {"api_token": "t", "api_url": url},
            **hashed,
        })
    assert run.code == 0, run.log
    (row,) = run.records("kavenegar_calls")
    assert row["caller"]["display_name"] == "Sara"
    assert len(row["caller"]["mobile_number"]) > len("09120822931")
    assert row["receptor"]["mobile_number"] is None
    assert row["_extra"] is None
    for hidden in ("fake-api-token", "09120822931", call["caller"]["accessToken"]):
        assert hidden not in json.dumps(row) + run.log


def kavenegar_call(
    call_id: str, created: str, started: str | None, finished: str, duration: int
) -> dict[str, Any]:
    return {
        "id": call_id,
        "application_id": 1,
        "created_at": f"2018-11-20T{created}000Z",
        "started_at": started and f"2018-11-20T{started}000Z",
        "finished_at": f"2018-11-20T{finished}000Z",
        "duration": duration,
        "caller": CALLER,
        "receptor": RECEPTOR,
        "finish_reason": "hangup",
        "recording": None,
        "_extra": None,
    }


def recording(number: int, call_id: str) -> dict[str, Any]:
    url = f"https://static.kavenegar.io/recordings/{call_id}/final.mp3"
    return {"id": number, "name": call_id, "url": url, "status": "done"}


@pytest.fixture(scope="module")
def kavenegar_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    command = Command(tmp_path_factory.mktemp("kavenegar"))
    body = sample("kavenegar_calls")
    return read(
        command, "kavenegar_calls", body, "2018-11-20", "2018-11-21", api_token="fake-token-1"
    )


def test_kavenegars_sample(kavenegar_run: Run) -> None:
    # Tehran had no daylight saving on 20 November 2018: UTC+3:30.
    expected = [
        kavenegar_call(
            "4ac7a233-593f-4c8c-a89b-b75c5c99c1aa",
            "10:43:08.898",
            "10:43:19.032",
            "10:43:22.613",
            3580,
        ),
        kavenegar_call(
            "f6a22b54-3085-4159-9bcf-08d2f7a119d1",
            "10:47:00.736",
            "10:47:09.630",
            "10:47:13.340",
            3709,
        ),
        kavenegar_call(
            "7fbc01d9-3a5c-422a-8582-934d8155731f", "10:52:37.162", None, "10:52:58.240", 0
        ),
        kavenegar_call(
            "ad611d2d-82e7-4637-9f12-72b3d43bc43c",
            "10:54:29.726",
            "10:54:32.888",
            "10:54:35.691",
            2803,
        ),
        kavenegar_call(
            "b80b0aa3-51e0-481a-a9df-3341e2778f09",
            "10:54:46.206",
            "10:54:49.520",
            "10:54:52.871",
            3351,
        ),
    ]
    for number, place in ((2178, 0), (2179, 1), (2183, 4)):
        expected[place]["recording"] = recording(number, expected[place]["id"])
    assert kavenegar_run.records("kavenegar_calls") == expected


def test_kavenegars_access_tokens_are_nowhere(kavenegar_run: Run) -> None:
    call = sample("kavenegar_calls")["result"][0]
    secrets = (call["caller"]["accessToken"], call["receptor"]["accessToken"], "fake-token-1")
    for secret in secrets:
        assert secret not in kavenegar_run.output + kavenegar_run.log
    assert "token" not in json.dumps(kavenegar_run.of("RECORD")).lower()


def etelecom_log(call_id: str, word: str, stamp: str, number: int) -> dict[str, Any]:
    return {
        "id": call_id,
        "created_at": stamp,
        "updated_at": stamp,
        "started_at": stamp,
        "ended_at": stamp,
        "duration": number,
        "direction": "unknown",
        "call_state": "unknown",
        "call_status": "Z",
        "caller": word,
        "callee": word,
        "extension_id": word,
        "user_id": word,
        "contact_id": word,
        "external_id": word,
        "external_session_id": word,
        "note": word,
        "recording_urls": [word],
        "call_targets": [
            {
                "target_number": word,
                "trunk_name": word,
                "status": word,
                "add_time": stamp,
                "ring_time": stamp,
                "answered_time": stamp,
                "ended_time": stamp,
                "ring_duration": number,
                "end_reason": word,
                "fail_code": number,
            }
        ],
        "_extra": None,
    }


def test_etelecoms_samples(run_tap: Command) -> None:
    body = sample("etelecom_call_logs")
    run = read(
        run_tap, "etelecom_call_logs", body, "2019-08-01", "2025-10-01", api_key="fake-token-2"
    )
    assert run.records("etelecom_call_logs") == [
        etelecom_log("string", "string", "2019-08-24T14:15:22.000000Z", 0),
        etelecom_log("text", "text", "2025-09-12T20:57:35.746000Z", 1),
    ]


def test_etelecoms_zero_dates_and_zero_ids_are_null(run_tap: Command) -> None:
    body = sample("etelecom_call_logs")
    log = body["call_logs"][1]
    log |= {"ended_at": "0001-01-01T00:00:00Z", "user_id": "0", "contact_id": "0", "note": "0"}
    log["call_targets"][0]["answered_time"] = "0001-01-01T00:00:00Z"
    run = read(
        run_tap, "etelecom_call_logs", body, "2019-08-24", "2019-08-25", api_key="fake-token-2"
    )
    expected = etelecom_log("string", "string", "2019-08-24T14:15:22.000000Z", 0)
    expected |= {"ended_at": None, "user_id": None, "contact_id": None, "note": "0"}
    expected["call_targets"][0]["answered_time"] = None
    assert run.records("etelecom_call_logs") == [expected]


def test_twins_sample(run_tap: Command) -> None:
    body = sample("twin_call_sessions")
    run = read(
        run_tap, "twin_call_sessions", body, "2018-05-27", "2018-05-28", token="fake-token-3"
    )
    [record] = run.records("twin_call_sessions")
    structures = {
        name: json.loads(record.pop(name))
        for name in ("messages", "additional", "dialog_results", "markers")
    }
    assert structures == {
        "messages": [{"from": "bot", "text": "Hello"}],
        "additional": {"city": "Example"},
        "dialog_results": [{"name": "agreed", "value": "yes"}],
        "markers": ["callback"],
    }
    assert record == {
        "id": "00000000-0000-4000-8000-000000000001",
        "phone": "79000000001",
        "duration": 42,
        "task_id": "00000000-0000-4000-8000-000000000002",
        "task_name": "Reminder",
        "bot_id": "00000000-0000-4000-8000-000000000003",
        "bot_name": "Secretary",
        "region_id": "77",
        "timezone": "Europe/Moscow",
        "status": "ANSWERED",
        "short_number": "79000000002",
        "transferred_to_operator": False,
        "link_to_log": "https://example.com/log/1",
        "created_at": "2018-05-27T21:30:54.000000Z",
        "updated_at": "2018-05-27T21:35:54.000000Z",
        "started_at": "2018-05-27T21:31:00.000000Z",
        "price": 1.5,
        "messages_as_string": "bot: Hello",
        "external_id": "order-1",
        "responder": "bot",
        "nps": 9,
        "is_finished": True,
        "record_path": "https://example.com/records/1.mp3",
        "operator_duration": 0,
        "bot_duration": 42,
        "_extra": None,
    }


def test_cinnoxs_sample(run_tap: Command) -> None:
    body = sample("cinnox_call_details")
    run = read(
        run_tap,
        "cinnox_call_details",
        body,
        "2022-11-07",
        "2022-11-08",
        app_id="app",
        app_token="fake-token-4",
    )
    words = (
        "hid svc_id room_id from_eid to_eid from_svc_id to_svc_id from_region call_id status "
        "last_response_code bye_reason release_party from_role_name to_role_name from_department "
        "to_department from_display_name to_display_name last_handled_party from_department_id "
        "to_department_id caller_first_name caller_last_name callee_first_name callee_last_name"
    )
    assert run.records("cinnox_call_details") == [
        dict.fromkeys(words.split(), "string")
        | {
            "id": "call-1",
            "date": "20230704",
            "seq": 1,
            "type": "call",
            "call_seq": 1,
            "call_direction": "Inbound",
            "call_type": "offnet",
            "from_ip": "192.0.2.1",
            "call_prepare_from_num": "+85200000001",
            "caller": "+85200000002",
            "callee": "+85200000003",
            "call_date": "2022-11-07T00:00:00.000000Z",
            "call_end_time": "2022-11-08T00:00:00.000000Z",
            "media_type": "audio",
            "is_recording": True,
            "has_audio_file": True,
            "recording_event_list": [
                {
                    "recorder_eid": "string",
                    "start_at": "2022-11-07T00:00:00.000000Z",
                    "end_at": "2022-11-07T00:00:00.000000Z",
                    "files": [
                        {
                            "id": "string",
                            "name": "string",
                            "download_url": "string",
                            "duration": 1000,
                            "mime_type": "mp4",
                            "size": 2048,
                            "type": "3",
                            "is_private": True,
                        }
                    ],
                    "code": 0,
                }
            ],
            "record_type": "call",
            "from_role": "AGENT",
            "to_role": "SUPERVISOR",
            "_extra": None,
        }
    ]


def test_utels_sample(run_tap: Command) -> None:
    body = sample("utel_call_history")
    run = read(run_tap, "utel_call_history", body, "2026-01-13", "2026-01-14", token="fake-token-5")
    storage = "https://api.dev.utel.uz/storage/monitor/2026/01/13/"
    assert run.records("utel_call_history") == [
        {
            "id": 746,
            "call_id": "5fc4b6a0-7c83-430e-a2a8-304788efd376",
            "date_time": "2026-01-13T12:33:12.000000Z",
            "src": "100",
            "dst": "101",
            "external_number": None,
            "duration": 2,
            "conversation": 0,
            "type": {"number": 3, "name": "Internal"},
            "status": {"number": 2, "name": "Not answered"},
            "recorded_file_url": f"{storage}1768307591.0.wav",
            "integration": [],
            "_extra": None,
        },
        {
            "id": 747,
            "call_id": "9b03293e-a0ea-4212-92d1-5848a41d4987",
            # 1768308876, the epoch in the recording's name, is 12:54:36 in UTC.
            "date_time": "2026-01-13T12:54:36.000000Z",
            "src": "100",
            "dst": "999995998",
            "external_number": "781130590",
            "duration": 23,
            "conversation": 8,
            "type": {"number": 2, "name": "Outgoing"},
            "status": {"number": 1, "name": "Answered"},
            "recorded_file_url": f"{storage}1768308876.2.wav",
            "integration": [
                {
                    "id": 16,
                    "call_history_id": 747,
                    "integration_type": "amocrm",
                    "status": "synced",
                    "error_message": None,
                    "created_at": "2026-01-13T12:55:02.000000Z",
                    "updated_at": "2026-01-13T12:55:02.000000Z",
                }
            ],
            "_extra": None,
        },
    ]
