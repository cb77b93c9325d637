"""What each vendor's module says: requests, pages, verdicts, unfinished calls, logins."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tap_callhistory.errors import TOO_MANY_CALLS, UnreadableAnswer, VendorRefusal
from tap_callhistory.reading.knowledge import Knowledge
from tap_callhistory.reading.pages import Page, Position, ReadCall
from tap_callhistory.reading.passes import TooMany
from tap_callhistory.reading.windows import Window
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.transport.auth import Authenticator, BearerToken, Login
from tap_callhistory.transport.verdicts import Action, judge_by_status
from tap_callhistory.vendors import VENDORS, twin, utel
from tap_callhistory.vendors.base import Session
from tap_callhistory.vendors.etelecom import EtelecomCallLogs
from tests.support.misbehaving_vendor import answer, vendor
from tests.support.transport.connecting import EMPTY
from tests.support.vendor_settings import SETTINGS, WINDOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_callhistory.sandbox.http import ApiAnswer, ApiRequest
    from tap_callhistory.sandbox.vendors.twin import Twin
    from tap_callhistory.vendors.base import Endpoint
    from tests.support.command import Command
    from tests.support.serving import Serve

STREAMS = {each.vendor: each.name for each in VENDORS}
LATER = datetime(2026, 3, 17, tzinfo=UTC)


def endpoint_of(name: str, **settings: Any) -> Any:
    """A vendor's endpoint, ready to be asked."""
    config = {
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-02-01T00:00:00Z",
        name: {**SETTINGS[name], **settings},
        "max_retries": 0,
    }
    run = TapCallHistory(config=config).run
    return next(run.endpoint(each) for each in VENDORS if each.vendor == name)


def fetch_page(endpoint: Endpoint) -> None:
    """Ask for a page over HTTP, with whatever login that takes."""
    config = {"start_date": "2026-01-01T00:00:00Z", "max_retries": 0}
    run = TapCallHistory(config={**config, endpoint.vendor: endpoint.given}).run
    transport = run.connect(endpoint, logging.getLogger("tap-callhistory"))
    try:
        transport.fetch(endpoint.page_request(WINDOW, Position()))
    finally:
        transport.close()


def no_login(*_: Any) -> Any:
    raise AssertionError("logged in, where a token was at hand")


def params(name: str, position: Position = Position(), **settings: Any) -> Mapping[str, str]:  # noqa: B008 - a value
    return dict(endpoint_of(name, **settings).page_request(WINDOW, position).params)


# Requests.


def test_kavenegar_is_asked_in_the_time_of_tehran_with_pages_from_0() -> None:
    request = endpoint_of("kavenegar", endpoint_id=7, page_size=50).page_request(
        WINDOW, Position(number=2)
    )
    assert (request.method, request.url) == ("GET", "https://api.kavenegar.io/user/v1/calls")
    assert dict(request.params) == {
        "since": "2026-01-13T15:30:30.000",
        "until": "2026-01-13T16:30:00.000",
        "page": "2",
        "size": "50",
        "endpointId": "7",
    }
    assert endpoint_of("kavenegar").new_pass(endpoint_of("kavenegar").limits, None).opening() == [
        Position(number=0)
    ]


def test_kavenegars_zone_is_a_setting() -> None:
    assert params("kavenegar", timezone="UTC")["since"] == "2026-01-13T12:00:30.000"


def test_kavenegars_bounds_are_whole_minutes_and_wider_around_a_change_of_its_clock() -> None:
    endpoint = endpoint_of("kavenegar")
    calm = endpoint.bounds(WINDOW, LATER)
    assert (calm.start.minute, calm.start.second) == (59, 0)
    # Tehran's clock went forward at the midnight before 22 March 2022.
    change = datetime(2022, 3, 21, 20, 30, tzinfo=UTC)
    near = endpoint.bounds(Window(change, change + timedelta(hours=1)), LATER)
    assert near.start <= change - timedelta(hours=1)
    assert near.end >= change + timedelta(hours=2)


def test_etelecom_is_asked_by_post_with_both_dates_and_a_cursor() -> None:
    request = endpoint_of("etelecom", hotline_ids=["11"], extension_ids="21,22").page_request(
        WINDOW, Position(cursor="next")
    )
    assert (request.method, request.url, request.params) == (
        "POST",
        "https://api.etelecom.vn/v1/shop.Etelecom/ListCallLogs",
        (),
    )
    assert request.body == {
        "filter": {
            "date_from": "2026-01-13T12:00:30.000Z",
            "date_to": "2026-01-13T13:00:00.000Z",
            "hotline_ids": ["11"],
            "extension_ids": ["21", "22"],
        },
        "paging": {"after": "next", "limit": 1000},
    }


def test_etelecoms_white_label_joins_its_name_with_a_dot() -> None:
    endpoint = endpoint_of("etelecom", api_url="https://api.sencloud.vn/v1/shop.Sencloud")
    url = endpoint.page_request(WINDOW, Position()).url
    assert url == "https://api.sencloud.vn/v1/shop.Sencloud/ListCallLogs"


def test_twin_is_asked_for_all_29_fields_in_order_of_creation() -> None:
    request = endpoint_of("twin", company_id=42).page_request(WINDOW, Position(number=999))
    assert request.url == "https://analyse.twin24.ai/api/v1/search/cis/calls"
    asked = dict(request.params)
    assert len(asked.pop("fields").split(",")) == 29
    assert asked == {
        "limit": "1000",
        "offset": "999",
        "from": "2026-01-13T12:00:30+00:00",
        "to": "2026-01-13T13:00:00+00:00",
        "sort": "createdAt",
        "companyId": "42",
    }


def test_twin_by_updates_starts_a_page_at_the_stamp_where_the_one_before_ended() -> None:
    endpoint = endpoint_of("twin", date_field_parameter="dateField")
    assert endpoint.read_by == "updated_at"
    position = Position(number=3, anchor="2026-01-13T12:30:00.500000Z")
    asked = dict(endpoint.page_request(WINDOW, position).params)
    assert asked["dateField"] == "updatedAt"
    assert asked["sort"] == "updatedAt"
    assert asked["from"] == "2026-01-13T12:29:59+00:00"
    assert asked["to"] == "2026-01-13T13:00:00+00:00"
    assert asked["offset"] == "3"


def test_cinnox_is_asked_in_utc_with_both_dates() -> None:
    request = endpoint_of("cinnox").page_request(WINDOW, Position(number=499))
    assert request.url == "https://cx.example/v1/api/apps/a-1/data/call-detail"
    assert request.headers == {"Content-Type": "application/json"}
    assert dict(request.params) == {
        "startAt": "2026-01-13T12:00:30.000Z",
        "endAt": "2026-01-13T13:00:00.000Z",
        "offset": "499",
        "limit": "500",
    }


def test_utel_is_asked_in_the_time_of_tashkent_with_both_headers() -> None:
    request = endpoint_of("utel").page_request(WINDOW, Position(number=1))
    assert request.url == "https://api.acme.example/api/v1/call-history"
    assert request.headers == {"Accept": "application/json", "Content-Type": "application/json"}
    assert dict(request.params) == {
        "filter[from]": "2026-01-13 17:00:30",
        "filter[to]": "2026-01-13 18:00:00",
        "sort": "id",
        "page": "1",
        "per_page": "300",
    }


# Pages.

ROWS = {
    "kavenegar": "result",
    "etelecom": "call_logs",
    "twin": "items",
    "cinnox": "result",
    "utel": "data",
}
GOOD_PAGES: list[tuple[str, Any, tuple[Any, ...]]] = [
    ("kavenegar", {"page": {"total": 2, "size": 20}, "result": [1]}, ([1], 2, 20, "")),
    ("kavenegar", {"page": {"total": 0}, "result": []}, ([], 0, None, "")),
    ("kavenegar", {"page": {"total": "2"}, "result": [1]}, ([1], 2, None, "")),
    ("kavenegar", {"page": {"total": 10**400}, "result": [1]}, ([1], None, None, "")),
    ("kavenegar", {"page": {"total": True}, "result": [1]}, ([1], None, None, "")),
    ("kavenegar", {"page": {"total": 0}, "result": None}, ((), 0, None, "")),
    ("utel", {"data": [1], "meta": {"total": None, "per_page": "15"}}, ([1], None, 15, "")),
    ("utel", {"meta": {"total": 0}}, ((), 0, None, "")),
    ("twin", {"count": "0", "items": None}, ((), 0, None, "")),
    ("etelecom", {"call_logs": [1], "paging": {"next": "n", "limit": 9}}, ([1], None, 9, "n")),
    ("etelecom", {"call_logs": [1], "paging": {"next": None, "limit": 0}}, ([1], None, None, "")),
    ("etelecom", {"call_logs": None, "paging": {}}, ((), None, None, "")),
    ("etelecom", {"paging": {}}, ((), None, None, "")),
    ("twin", {"count": 7, "items": [1]}, ([1], 7, None, "")),
    ("twin", {"items": [1]}, ([1], None, None, "")),
    ("twin", [1], ([1], None, None, "")),
    ("cinnox", {"code": 200, "result": [1]}, ([1], None, None, "")),
    ("cinnox", {"code": 0, "result": None}, ((), None, None, "")),
    ("cinnox", {"code": 0}, ((), None, None, "")),
    ("utel", {"data": [1], "meta": {"total": 3, "per_page": 15}}, ([1], 3, 15, "")),
    ("kavenegar", {"page": {}, "result": None}, ((), None, None, "")),
    *((name, {rows: None}, ((), None, None, "")) for name, rows in ROWS.items()),
    *((name, {ROWS[name]: []}, ((), None, None, "")) for name in ("kavenegar", "etelecom", "utel")),
    ("utel", {"meta": {}}, ((), None, None, "")),
]


@pytest.mark.parametrize(("name", "body", "read"), GOOD_PAGES)
def test_a_documented_page_is_understood(name: str, body: Any, read: tuple[Any, ...]) -> None:
    assert tuple(endpoint_of(name).read_page(body)) == read


@pytest.mark.parametrize(
    ("name", "about", "rows"),
    [
        ("kavenegar", "page", "result"),
        ("etelecom", "paging", "call_logs"),
        ("utel", "meta", "data"),
    ],
)
def test_an_empty_object_about_the_page_is_no_list_but_numbered_keys_are_one(
    name: str, about: str, rows: str
) -> None:
    read = endpoint_of(name).page_of({about: {}, rows: {"10": {"id": "b"}, "9": {"id": "a"}}})
    assert list(read.records) == [{"id": "a"}, {"id": "b"}]
    assert read.total is None


BROKEN_PAGES: list[tuple[str, Any]] = [
    *((vendor.vendor, broken) for vendor in VENDORS for broken in ({}, {"error": "x"}, None, "x")),
    *((vendor.vendor, []) for vendor in VENDORS if vendor.vendor != "twin"),
    ("kavenegar", {"result": [1]}),
    ("kavenegar", {"page": {"total": 1}, "result": {}}),
    ("etelecom", {"call_logs": [1]}),
    ("etelecom", {"call_logs": {}, "paging": {}}),
    ("twin", {"total": 1}),
    ("cinnox", {"code": 200, "result": {}}),
    ("cinnox", {"code": 6451000, "message": "no"}),
    ("utel", {"data": [1]}),
    ("utel", {"data": {"3": 1, "x": 2}, "meta": {"total": 2}}),
]


@pytest.mark.parametrize(("name", "body"), BROKEN_PAGES)
def test_a_page_of_another_shape_is_unreadable(name: str, body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        endpoint_of(name).read_page(body)


# Verdicts.

VERDICTS: list[tuple[str, int, Any, Action, str]] = [
    ("kavenegar", 400, {"status": "bad_request", "reasons": ["r"]}, Action.STOP, "page_size"),
    ("kavenegar", 422, {"status": "unprocessable_entity"}, Action.STOP, "endpoint_id"),
    ("kavenegar", 401, {"status": "unauthorized"}, Action.LOG_IN, "kavenegar.api_token"),
    ("kavenegar", 403, {"status": "forbidden"}, Action.STOP, "kavenegar.api_token"),
    ("kavenegar", 503, {"status": "service_unavailable"}, Action.RETRY, ""),
    ("kavenegar", 500, {"status": "internal_server_error"}, Action.RETRY, ""),
    ("kavenegar", 429, {"status": "too_many_requests"}, Action.SLOW_DOWN, ""),
    ("kavenegar", 404, {"status": "not_found"}, Action.STOP, "api_url"),
    ("etelecom", 400, {"code": "invalid_argument", "msg": "m"}, Action.STOP, "etelecom.page_size"),
    ("etelecom", 401, {"code": "unauthenticated"}, Action.LOG_IN, "etelecom.api_key"),
    ("etelecom", 404, {"code": "bad_route"}, Action.STOP, "etelecom.api_url"),
    ("etelecom", 500, {"code": "internal", "msg": {"odd": 1}}, Action.RETRY, ""),
    ("etelecom", 429, {"code": "resource_exhausted"}, Action.SLOW_DOWN, ""),
    ("twin", 400, {"error": "e"}, Action.STOP, "twin.page_size"),
    ("twin", 401, {"error": "Token is expired."}, Action.LOG_IN, "twin.token"),
    ("twin", 402, {}, Action.STOP, "balance"),
    ("twin", 403, {}, Action.STOP, "twin.company_id"),
    ("twin", 404, {}, Action.STOP, "twin.api_url"),
    ("twin", 405, {}, Action.STOP, "api_url"),
    ("twin", 422, {}, Action.STOP, "twin.date_field_parameter"),
    ("twin", 429, {}, Action.SLOW_DOWN, ""),
    ("twin", 526, {}, Action.RETRY, ""),
    ("cinnox", 200, {"code": 6451000, "message": "m"}, Action.STOP, "cinnox.page_size"),
    ("cinnox", 400, {"code": 6451000, "message": "Bad query"}, Action.STOP, "cinnox.call_type"),
    *(
        ("cinnox", 400, {"code": 6451000, "message": message}, Action.STOP, advice)
        for message, advice in (
            ("missing one of startAt, endAt", "cinnox.api_url"),
            ("endAt is prior to startAt", "start_date and end_date"),
            ("negative offset", "Check cinnox.page_size"),
            ("negative limit", "Lower cinnox.page_size"),
            ("exceed maximum limit", "Lower cinnox.page_size"),
        )
    ),
    ("cinnox", 200, {"code": 6451001, "message": "m"}, Action.RETRY, ""),
    ("cinnox", 200, {"code": 6451010, "message": "m"}, Action.SLOW_DOWN, ""),
    ("cinnox", 400, {"code": 6451010, "message": "m"}, Action.SLOW_DOWN, ""),
    ("cinnox", 400, {"code": 6450001, "message": "m"}, Action.STOP, "cinnox.api_url"),
    ("cinnox", 200, {"code": 999, "message": "m"}, Action.RETRY, ""),
    ("cinnox", 503, {"code": 999, "message": "m"}, Action.RETRY, ""),
    ("cinnox", 429, {"code": 999, "message": "m"}, Action.SLOW_DOWN, ""),
    ("cinnox", 400, {"code": 0, "message": "m"}, Action.STOP, ""),
    ("cinnox", 401, {"code": 1, "message": "m"}, Action.LOG_IN, "cinnox.app_token"),
    ("utel", 401, {"message": "Unauthenticated."}, Action.LOG_IN, "utel.token"),
    ("utel", 403, {"message": "m"}, Action.STOP, "call history"),
    ("utel", 404, {"message": "m"}, Action.STOP, "utel.api_url"),
    ("utel", 422, {"message": "m"}, Action.STOP, "utel.page_size"),
    ("utel", 429, {"message": "m"}, Action.SLOW_DOWN, ""),
    ("utel", 500, {"message": ["odd"]}, Action.RETRY, ""),
]


@pytest.mark.parametrize(("name", "status", "body", "action", "advice"), VERDICTS)
def test_a_documented_error_leads_to_its_action_and_advice(
    name: str, status: int, body: Any, action: Action, advice: str
) -> None:
    verdict = endpoint_of(name).judge(status, body) or judge_by_status(status, body)
    assert verdict is not None
    assert verdict.action is action
    assert advice in (verdict.advice or "")
    message = body.get("message") or body.get("msg") or body.get("error")
    if isinstance(message, str):
        assert verdict.message == message


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("body", [None, [], {}, {"code": "x"}, {"status": 3, "message": 3}])
def test_a_good_status_is_judged_good_and_a_bad_one_bad_whatever_the_body(
    name: str, body: Any
) -> None:
    endpoint = endpoint_of(name)
    assert endpoint.judge(200, body) is None
    bad = endpoint.judge(503, body) or judge_by_status(503, body)
    assert bad is not None
    assert bad.action is Action.RETRY


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(
    ("words", "action"),
    [
        ("OK", None),
        ("No calls in this period", None),
        ("Too many requests", Action.SLOW_DOWN),
        ("Invalid access token", Action.LOG_IN),
    ],
)
def test_words_beside_an_empty_list_count_only_where_they_tell_of_haste_or_a_credential(
    words: str, action: Action | None, name: str
) -> None:
    """Many vendors write a message into every good answer."""
    verdict = endpoint_of(name).judge_page(200, {**EMPTY[name], "message": words})
    assert (verdict and verdict.action) == action


def test_twins_refusal_of_too_many_calls_asks_for_a_shorter_window() -> None:
    body = {"error": "No more than 50 000 records for one period."}
    verdict = endpoint_of("twin").judge(400, body)
    assert verdict is not None
    assert verdict.code == TOO_MANY_CALLS


# Unfinished calls.

UNFINISHED: list[tuple[str, dict[str, Any], bool]] = [
    ("kavenegar", {}, True),
    ("kavenegar", {"finishedAt": "2018-11-20T14:24:52.871"}, False),
    ("kavenegar", {"finishedAt": "x", "recording": {"status": "processing"}}, True),
    ("kavenegar", {"finishedAt": "x", "recording": {"status": "done"}}, False),
    ("kavenegar", {"finishedAt": "x", "recording": None}, False),
    ("etelecom", {}, True),
    ("etelecom", {"ended_at": "0001-01-01T00:00:00Z"}, True),
    ("etelecom", {"ended_at": "2025-09-12T20:57:35.746Z"}, False),
    ("etelecom", {"ended_at": "not a date"}, True),
    ("etelecom", {"ended_at": 12}, True),
    *(("twin", {"status": status}, True) for status in ("DIAL", "INPROGRESS", "SCHEDULED")),
    ("twin", {"status": "ANSWERED", "isFinished": False}, False),
    ("twin", {"status": ["odd"], "isFinished": {}}, False),
    ("cinnox", {}, True),
    ("cinnox", {"callEndTime": "x"}, False),
    ("cinnox", {"callEndTime": "x", "isRecording": True, "hasAudioFile": False}, True),
    ("cinnox", {"callEndTime": "x", "isRecording": "true", "hasAudioFile": "false"}, True),
    ("cinnox", {"callEndTime": "x", "isRecording": True, "hasAudioFile": True}, False),
    (
        "cinnox",
        {
            "callEndTime": "x",
            "isRecording": True,
            "hasAudioFile": False,
            "recordingEventList": [{"files": [{"type": 2}]}],
        },
        False,
    ),
    ("utel", {}, False),
]


@pytest.mark.parametrize(("name", "record", "unfinished"), UNFINISHED)
def test_a_call_in_progress_or_with_a_pending_recording_is_unfinished(
    name: str,
    record: dict[str, Any],
    unfinished: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert endpoint_of(name).is_unfinished(record) is unfinished


@pytest.mark.parametrize("stamp", [None, 5, "not a date", "0000-00-00 00:00:00"])
def test_an_unfinished_call_without_a_usable_beginning_holds_nothing(stamp: object) -> None:
    endpoint = endpoint_of("twin", date_field_parameter="dateField")
    assert endpoint.unfinished_since({"status": "DIAL", "createdAt": stamp}) is None


def test_a_twin_period_at_the_documented_cap_is_split() -> None:
    endpoint = endpoint_of("twin")
    reading = endpoint.new_pass(endpoint.limits, Knowledge())
    calls = [ReadCall("1", "2026-01-13T12:30:00.000000Z", b"{}", 1)]
    with pytest.raises(TooMany) as reason:
        reading.take(Position(), Page(calls, total=50_000))
    assert reason.value.at_cap


# Logins.


@pytest.mark.parametrize(
    ("concurrency", "expiring_requests"),
    [
        (1, {6, 15}),
        # Four workers meet the same refusal, and share the login after it.
        (4, {6}),
    ],
)
def test_twin_logs_in_once_and_again_when_its_token_has_expired(
    concurrency: int,
    expiring_requests: set[int],
    run_tap: Command,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = serve()
    twin = served.sandbox.vendors["twin"]
    answer, asked = twin.answer, count(1)

    def expiring(request: ApiRequest) -> ApiAnswer:
        if next(asked) in expiring_requests:
            cast("Twin", twin).expire_tokens()
        return answer(request)

    monkeypatch.setattr(twin, "answer", expiring)
    config = served.config("twin", concurrency=concurrency)
    config["twin"]["page_size"] = 6
    run = run_tap(config)
    assert run.code == 0, run.log
    assert set(served.truth("twin_call_sessions")) == set(run.rows("twin_call_sessions"))
    logins = [path for path, _ in served.sandbox.log["twin"] if path.endswith("/auth/login")]
    assert len(logins) == 1 + len(expiring_requests)


@pytest.mark.parametrize("name", ["twin", "utel"])
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"token": "fake-token"}, BearerToken),
        ({"token": "fake-token", "email": "a@example.com", "password": "fake"}, Login),
        ({"token": "", "email": "a@example.com", "password": "fake"}, Login),
    ],
)
def test_a_token_alone_is_never_renewed_and_one_beside_a_login_is(
    given: dict[str, str], kind: type[Authenticator], name: str
) -> None:
    session = Session(ask=no_login, conceal=lambda _: None)
    assert type(endpoint_of(name, **given).authenticator(session)) is kind


def test_a_call_of_utels_changed_when_a_system_last_took_it_over() -> None:
    stamps = ("2026-01-13T12:00:00Z", "2026-01-15T12:00:00Z", "2026-01-14T12:00:00Z")
    record = {"integration": [*({"created_at": stamp} for stamp in stamps), "odd", {}]}
    assert endpoint_of("utel").change_stamp(record) == datetime(2026, 1, 15, 12, tzinfo=UTC)
    assert endpoint_of("utel").change_stamp({"integration": None}) is None


def test_a_twin_token_at_hand_is_used_before_a_login() -> None:
    endpoint = endpoint_of("twin", email="a@example.com", password="fake-password")
    headers: dict[str, str] = {}
    endpoint.authenticator(Session(no_login, lambda _: None)).authorize(headers)
    assert headers == {"Authorization": "Bearer fake-token-3"}


def test_utel_logs_in_once(run_tap: Command, serve: Serve) -> None:
    served = serve()
    run = run_tap(served.config("utel"))
    assert run.code == 0, run.log
    logins = [path for path, _ in served.sandbox.log["utel"] if path.endswith("/auth/login")]
    assert len(logins) == 1


@pytest.mark.parametrize(
    ("name", "status", "advice"),
    [
        ("twin", 401, "twin.email and twin.password"),
        ("twin", 404, "twin.iam_url"),
        ("utel", 422, "utel.email and utel.password"),
        ("utel", 404, "utel.api_url"),
    ],
)
def test_a_refused_login_names_what_it_was_made_of(name: str, status: int, advice: str) -> None:
    judge = {"twin": twin.judge_login, "utel": utel.judge_login}[name]
    verdict = judge(status, {"message": "no", "error": "no"})
    assert verdict is not None
    assert advice in (verdict.advice or "")
    assert verdict.message == "no"


@pytest.mark.parametrize("name", ["twin", "utel"])
def test_a_login_without_a_token_is_not_repeated_and_shows_nothing(name: str) -> None:
    with vendor(answer({"result": {}, "password": "fake-password"})) as served:
        urls = {"api_url": served.url} | ({"iam_url": served.url} if name == "twin" else {})
        login = {"email": "a@example.com", "password": "fake-password", "token": ""}
        endpoint = endpoint_of(name, **login, **urls)
        with pytest.raises(VendorRefusal, match="login without a token") as raised:
            fetch_page(endpoint)
    assert "fake-password" not in str(raised.value)
    assert not raised.value.may_mean_the_window
    assert [each.target for each in served.received] == ["/auth/login"]


def test_a_login_that_is_refused_shows_the_vendors_message() -> None:
    with vendor(answer({"message": "These credentials do not match."}, status=422)) as served:
        login = {"email": "a@example.com", "password": "p", "token": ""}
        endpoint = endpoint_of("utel", **login, api_url=served.url)
        with pytest.raises(VendorRefusal, match="These credentials do not match") as raised:
            fetch_page(endpoint)
    assert raised.value.advice == "Check utel.email and utel.password."


def test_every_advice_names_a_setting_that_exists() -> None:
    known = {f"{each.vendor}.{name}" for each in VENDORS for name in each.settings["properties"]}
    for name, status, body, _, _ in VERDICTS:
        verdict = endpoint_of(name).judge(status, body)
        named = re.findall(r"[a-z]+\.[a-z_]+", (verdict and verdict.advice) or "")
        assert set(named) <= known


def test_plus_signs_of_offsets_are_encoded() -> None:
    with vendor(answer({"count": 0, "items": []})) as served:
        endpoint = endpoint_of("twin", api_url=served.url)
        fetch_page(endpoint)
    query = urlsplit(served.received[0].target).query
    assert "from=2026-01-13T12%3A00%3A30%2B00%3A00" in query
    assert parse_qs(query)["from"] == ["2026-01-13T12:00:30+00:00"]
    assert " " not in unquote(query)


def test_every_vendor_has_a_stream_named_after_it() -> None:
    streams: list[type[Endpoint]] = list(VENDORS)
    assert [each.name.split("_")[0] for each in streams] == [each.vendor for each in streams]


@pytest.mark.parametrize(
    ("created", "started", "held"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T09:59:58Z", "2026-03-01T09:59:58.000000Z"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:02Z", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T10:00:00Z", "0001-01-01T00:00:00Z", "2026-03-01T10:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", None, None),
    ],
)
def test_an_unfinished_etelecom_record_holds_the_bookmark_before_both_its_stamps(
    created: str, started: str | None, held: str | None
) -> None:
    endpoint = EtelecomCallLogs({"api_key": "k", "page_size": 10, "api_url": "http://127.0.0.1"})
    record = {"created_at": created, "started_at": started, "ended_at": "0001-01-01T00:00:00Z"}
    assert endpoint.unfinished_since(record) == held
    assert endpoint.unfinished_since({**record, "ended_at": "2026-03-01T10:05:00Z"}) is None
