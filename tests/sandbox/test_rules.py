"""What is each vendor's own."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.sandbox.http import ApiAnswer, ApiRequest
from tap_callhistory.sandbox.vendors.etelecom_terms import hotline_id
from tap_callhistory.sandbox.vendors.twin import Twin
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.sandbox.asking import NOW, a_call, answered, ask, made_world, read

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.world import World


def posted(world: World, path: str, body: Any, **headers: str) -> ApiAnswer:
    return world.api.answer(ApiRequest("POST", path, [], headers, json.dumps(body).encode()))


@pytest.mark.parametrize("since", ["2026-11-01T00:00:00Z", "2026-11-01", "yesterday", "", "1"])
def test_kavenegar_takes_naive_date_times_only(since: str) -> None:
    answer = ask(made_world("kavenegar", 5), ("since", since))
    assert answer.status == 400
    assert json.loads(answer.body) == {
        "status": "bad_request",
        "reasons": ["invalid_input_parameter"],
    }


@pytest.mark.parametrize("text", ["T00:00", "T00:00:00", "T00:00:00.123"])
def test_kavenegar_takes_minutes_seconds_and_milliseconds(text: str) -> None:
    assert ask(made_world("kavenegar", 5), ("since", f"2026-11-01{text}")).status == 200


def test_kavenegars_clock_is_tehrans_unless_read_otherwise() -> None:
    call = a_call("kavenegar", 7)
    stamps = []
    for behaviour in (None, Behaviour(zone="UTC")):
        world = made_world("kavenegar", 1, behaviour)
        world.add(call)
        stamps.append(read(world)[0]["createdAt"])
    assert stamps == ["2026-11-20T12:30:00.000", "2026-11-20T09:00:00.000"]


def test_kavenegar_filters_by_endpoint() -> None:
    world = made_world("kavenegar")
    user = read(world)[0]["caller"]["id"]
    found = read(world, ("endpointId", user), ("size", 300))
    assert found
    assert all(user in {call["caller"]["id"], call["receptor"]["id"]} for call in found)


def test_kavenegar_leaves_out_what_there_is_not() -> None:
    world = made_world("kavenegar", 1)
    world.add(
        a_call(
            world.vendor,
            7,
            answered_at=None,
            recording_ready_at=None,
            ended_at=NOW + timedelta(hours=1),
        )
    )
    record = next(call for call in read(world) if "finishedAt" not in call)
    assert record.keys().isdisjoint({"startedAt", "recording", "finishReason"})
    assert record["duration"] == 0


def test_etelecom_writes_none_as_year_one_and_zero() -> None:
    world = made_world("etelecom", 1)
    world.add(a_call(world.vendor, 7, answered_at=None, ended_at=NOW + timedelta(hours=1)))
    record = next(log for log in read(world) if log["call_state"] == "unknown")
    assert record["ended_at"] == "0001-01-01T00:00:00Z"
    assert record["call_targets"][0]["answered_time"] == "0001-01-01T00:00:00Z"
    assert any(log["contact_id"] == "0" for log in read(made_world("etelecom", 100)))
    row = next(row for row in world.truth() if row["id"] == record["id"])
    assert row["ended_at"] is None


@pytest.mark.parametrize(
    "filters",
    [
        {"date_from": "2026-11-01T00:00:00Z"},
        {"date_to": "2026-11-01T00:00:00Z"},
        {"date_from": "2026-11-01T00:00:00", "date_to": "2026-11-02T00:00:00"},
        {"date_from": 5, "date_to": 6},
        {"date_from": "2026-11-02T00:00:00Z", "date_to": "2026-11-02T00:00:00Z"},
        {"direction": "sideways"},
        {"extension_ids": "5"},
        {"call_number": 5},
        {"duration": {"comparison": "about", "value": 5}},
    ],
)
def test_etelecom_refuses_filters_that_it_cannot_mean(filters: dict[str, Any]) -> None:
    answer = ask(made_world("etelecom", 5), body={"filter": filters})
    assert answer.status == 400
    assert json.loads(answer.body)["code"] == "invalid_argument"


def test_etelecom_takes_one_of_after_and_before() -> None:
    world = made_world("etelecom", 5)
    assert ask(world, body={"paging": {"before": "."}}).status == 200
    assert ask(world, body={"paging": {"after": ".", "before": "."}}).status == 400


@pytest.mark.parametrize(
    "changed",
    [{"method": "GET"}, {"query": [("limit", "1")]}, {"path": "/etelecom/v1/shop.Etelecom"}],
)
def test_etelecom_answers_posts_at_its_route_only(changed: dict[str, Any]) -> None:
    answer = ask(made_world("etelecom", 5), **changed)
    assert answer.status == 404
    assert json.loads(answer.body)["code"] == "bad_route"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"paging": 5}', b'{"filters": {}}'])
def test_etelecom_refuses_a_malformed_body(body: bytes) -> None:
    sent = ApiRequest(
        "POST",
        "/etelecom/v1/shop.Etelecom/ListCallLogs",
        [],
        {"authorization": "Bearer sandbox-etelecom-key", "content-type": "application/json"},
        body,
    )
    assert made_world("etelecom", 5).api.answer(sent).status == 400


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("extension_ids", "extension_id"),
        ("user_id", "user_id"),
        ("external_id", "external_id"),
        ("call_state", "call_state"),
        ("direction", "direction"),
    ],
)
def test_etelecoms_filters_keep_what_they_name(name: str, field: str) -> None:
    world = made_world("etelecom")
    value = read(world)[3][field]
    body = {"filter": {name: [value] if name.endswith("s") else value}, "paging": {"limit": 1000}}
    everything = read(world, body={"paging": {"limit": 1000}})
    expected = [log for log in everything if log[field] == value]
    assert read(world, body=body) == expected != everything


def test_etelecoms_hotlines_part_the_calls() -> None:
    world = made_world("etelecom")
    lines = {hotline_id(call) for call in world.calls()}
    parts = [
        read(world, body={"filter": {"hotline_ids": [line]}, "paging": {"limit": 1000}})
        for line in lines
    ]
    assert sum(map(len, parts)) == world.count()
    assert all(parts)


@pytest.mark.parametrize(
    "query",
    [
        (("fields", ""),),
        (("fields", "id,secret"),),
        (("offset", 1), ("page", 1)),
        (("from", "2026-11-01T00:00:00 00:00"),),
        (("from", "2026-11-01T00:00:00"),),
        (("sort", " createdAt"),),
        (("sort", "phone"),),
        (("status", "SLEEPING"),),
        (("date_field", "updatedAt"),),
        (("dateField", "deletedAt"),),
    ],
)
def test_twin_refuses_what_it_does_not_take(query: tuple[tuple[str, object], ...]) -> None:
    answer = ask(made_world("twin", 5), *query)
    assert answer.status == 400
    assert json.loads(answer.body).keys() == {"error", "details"}


def test_twin_needs_its_fields() -> None:
    world = made_world("twin", 5)
    assert ask(world, query=[]).status == 400
    assert read(world, ("fields", "id,phone"))[0].keys() == {"id", "phone"}


@pytest.mark.parametrize("name", ["dateField", "filterBy"])
def test_twins_date_field_has_the_name_that_the_vendor_gives_it(name: str) -> None:
    world = made_world("twin", 1, Behaviour(date_field_parameter=name))
    world.add(a_call(world.vendor, 7))
    window = (("from", "2026-11-20T09:01:30+00:00"), ("to", "2026-11-20T09:01:31+00:00"))
    changed = read(world, (name, "updatedAt"), *window)
    assert [call["updatedAt"] for call in changed] == ["2026-11-20T09:01:30+00:00"]
    assert read(world, *window) == read(world, (name, "createdAt"), *window) == []
    other = {"dateField": "filterBy", "filterBy": "dateField"}[name]
    assert ask(world, (other, "updatedAt")).status == 400


@pytest.mark.parametrize("sort", ["-updatedAt", "updatedAt", "+duration", "-startedAt,createdAt"])
def test_twin_sorts_as_asked(sort: str) -> None:
    first = sort.partition(",")[0]
    stamps = [
        call[first.strip("+-")] for call in read(made_world("twin"), ("sort", sort), ("limit", 300))
    ]
    if first.endswith("duration"):
        assert stamps[0] == 0
    else:
        assert stamps == sorted(stamps, reverse=first.startswith("-"))


def test_twin_serves_no_more_than_50000_calls_for_a_period() -> None:
    world = made_world("twin", 50_010)
    query = (("fields", "id"), ("limit", 1000), ("sort", "createdAt"))
    assert len(read(world, *query, ("offset", 49_000))) == 1000
    assert read(world, *query, ("offset", 50_000)) == []
    assert answered(ask(world, *query))["count"] == 50_010


def test_twins_login_gives_a_token_for_a_week() -> None:
    world = made_world("twin", 5)
    login = {"email": "sandbox@twin.invalid", "password": "sandbox-twin-password", "ttl": 10**9}
    given = answered(posted(world, "/twin-iam/api/v1/auth/login", login))
    assert given.keys() == {"token", "refreshToken"}
    headers = {"authorization": f"Bearer {given['token']}"}
    assert ask(world, headers=headers).status == 200
    world.clock = lambda: NOW + timedelta(days=7)
    answer = ask(world, headers=headers)
    assert (answer.status, json.loads(answer.body)["details"]) == (401, "Token is expired.")


def test_twins_tokens_can_be_made_to_expire() -> None:
    world = made_world("twin", 5)
    assert isinstance(world.api, Twin)
    old = {"authorization": f"Bearer {world.api.new_token(60)}"}
    world.api.expire_tokens()
    assert b"Token is expired." in ask(world, headers=old).body
    assert ask(world).status == 200


def test_a_forged_twin_token_is_invalid() -> None:
    world = made_world("twin", 5)
    assert isinstance(world.api, Twin)
    prefix, expiry, number, signature = world.api.new_token(60).split(".")
    forged = f"Bearer {prefix}.{int(expiry) + 9}.{number}.{signature}"
    assert b"Token is invalid." in ask(world, headers={"authorization": forged}).body


@pytest.mark.parametrize(
    ("path", "status"), [("/twin-iam/api/v1/auth/login", 401), ("/utel/api/v1/auth/login", 401)]
)
def test_a_wrong_password_is_refused(path: str, status: int) -> None:
    world = made_world(path.split("/")[1].partition("-")[0], 1)
    json_headers = {"accept": "application/json", "content-type": "application/json"}
    body = {"email": "sandbox@twin.invalid", "password": "wrong"}
    assert posted(world, path, body, **json_headers).status == status


@pytest.mark.parametrize(
    ("behaviour", "status"), [(Behaviour(), 400), (Behaviour(errors_in_ok=True), 200)]
)
def test_cinnox_wants_both_dates_or_none(behaviour: Behaviour, status: int) -> None:
    world = made_world("cinnox", 5, behaviour)
    for name in ("startAt", "endAt"):
        answer = ask(world, (name, "2026-11-01T00:00:00Z"))
        assert answer.status == status
        assert json.loads(answer.body) == {
            "code": 6451000,
            "message": "missing one of startAt, endAt",
        }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"startAt": "2026-11-02T00:00:00Z", "endAt": "2026-11-01T00:00:00Z"},
            "endAt is prior to startAt",
        ),
        ({"offset": "-1"}, "negative offset"),
        ({"limit": "-1"}, "negative limit"),
        ({"limit": "501"}, "exceed maximum limit"),
    ],
)
def test_cinnox_says_what_is_wrong_in_its_documented_words(
    given: dict[str, str], message: str
) -> None:
    answer = ask(made_world("cinnox", 5), *given.items())
    assert json.loads(answer.body) == {"code": 6451000, "message": message}


def test_cinnox_numbers_its_errors() -> None:
    world = made_world("cinnox", 5)
    assert json.loads(ask(world, method="DELETE").body)["code"] == 6450001
    assert json.loads(world.api.error(429, "slow down").body)["code"] == 6451010
    assert json.loads(world.api.error(503, "broken").body)["code"] == 6451001


def test_cinnox_shows_no_end_and_no_file_before_they_are_there() -> None:
    world = made_world("cinnox", 1)
    world.add(a_call(world.vendor, 7, recording_ready_at=NOW + timedelta(hours=1)))
    world.add(a_call(world.vendor, 8, ended_at=NOW + timedelta(hours=1)))
    pending, talking = (next(c for c in read(world) if c["seq"] == n) for n in (7, 8))
    assert (pending["isRecording"], pending["hasAudioFile"]) == (True, False)
    assert pending["recordingEventList"] == []
    assert "callEndTime" in pending
    assert "callEndTime" not in talking


def test_cinnox_filters_by_call_type_and_status() -> None:
    world = made_world("cinnox")
    for name, value in (("callType", "onnet"), ("status", "Not Answered")):
        everything = read(world, ("limit", 500))
        expected = [call for call in everything if call[name] == value]
        assert read(world, ("limit", 500), (name, value)) == expected != []
    assert ask(world, ("callType", "telepathy")).status == 400


@pytest.mark.parametrize("missing", ["accept", "content-type"])
def test_utel_needs_both_headers(missing: str) -> None:
    headers = {
        "authorization": "Bearer sandbox-utel-token",
        "accept": "application/json",
        "content-type": "application/json",
    }
    del headers[missing]
    assert ask(made_world("utel", 5), headers=headers).status == 406


@pytest.mark.parametrize(
    "query",
    [
        ("filter[from]", "2026-11-01T00:00:00"),
        ("filter[from]", "2026-11-01"),
        ("filter[to]", "2026-11-01 00:00"),
        ("filter", "x"),
        ("sort", "-phone"),
        ("page", 0),
    ],
)
def test_utel_refuses_what_laravel_cannot_validate(query: tuple[str, object]) -> None:
    answer = ask(made_world("utel", 5), query)
    assert answer.status == 422
    assert json.loads(answer.body).keys() == {"message", "errors"}


def test_utels_login_gives_a_lasting_token() -> None:
    world = made_world("utel", 5)
    headers = {"accept": "application/json", "content-type": "application/json"}
    login = {"email": "sandbox@utel.invalid", "password": "sandbox-utel-password"}
    given = answered(posted(world, "/utel/api/v1/auth/login", login, **headers))
    token = {**headers, "authorization": f"Bearer {given['result']['access_token']}"}
    world.clock = lambda: NOW + timedelta(days=900)
    assert ask(world, headers=token).status == 200


def test_utel_shows_a_call_when_it_is_over() -> None:
    world = made_world("utel", 200)
    for call in world.calls():
        assert call.ended_at <= NOW


def test_utel_sorts_and_filters() -> None:
    world = made_world("utel", 200)
    newest = read(world, ("sort", "-datetime"), ("per_page", 300))
    dates = [datetime.fromisoformat(call["date_time"]) for call in newest]
    assert dates == sorted(dates, reverse=True)
    internal = read(world, ("filter[type]", 3), ("sort", "-datetime"), ("per_page", 300))
    assert internal == [call for call in newest if call["type"]["number"] == 3] != []


def test_utels_integrations_come_late_and_in_utc() -> None:
    world = made_world("utel", 1)
    moment = NOW - timedelta(minutes=30)
    world.add(a_call(world.vendor, 7, synced_at=moment, direction="inbound"))
    record = next(call for call in read(world) if call["id"] == 7)
    assert record["integration"][0]["created_at"] == "2026-11-20T09:30:00.000000Z"
    assert record["date_time"] == "2026-11-20 14:00:00"
