"""A vendor's own words: found wherever they lie, quoted masked, with advice that fits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_callhistory.errors import VendorRefusal, VendorUnavailable
from tap_callhistory.transport.words import words_in
from tests.support.misbehaving_vendor import answer, vendor
from tests.support.transport.connecting import EMPTY, LOGINS, connected
from tests.support.vendor_settings import SETTINGS

NAMES = tuple(EMPTY)
SAID = "Hotline 9 is asleep"


def refused(name: str, body: Any, status: int = 400, **headers: str) -> Any:
    """The error that an answer ends a request with."""
    given = {"email": "", "password": "", "token": "fake-token"} if name in LOGINS else {}
    with vendor(answer(body, status, **headers)) as serving:
        transport, request = connected(name, serving.url, **given)
        try:
            with pytest.raises((VendorRefusal, VendorUnavailable)) as raised:
                transport.fetch(request)
        finally:
            transport.close()
    return raised.value


PLACES: list[Any] = [
    {"message": SAID},
    {"error": SAID},
    {"errors": [SAID]},
    {"errors": {"filter.to": [SAID]}},
    {"errors": [{"field": "to", "message": SAID}]},
    {"detail": SAID},
    {"detail": [{"loc": ["query", "to"], "msg": SAID}]},
    {"msg": SAID},
    {"Message": SAID},
    {"reasons": [SAID]},
    {"status": "error", "reason": SAID},
    {"error": {"code": 7, "message": SAID}},
    {"error": {"errors": [{"reason": SAID}]}},
    {"error_description": SAID, "error": "invalid_request"},
    {"meta": {}, "title": SAID},
    [SAID],
]


@pytest.mark.parametrize("status", [400, 403, 422, 500, 503])
@pytest.mark.parametrize("body", PLACES)
@pytest.mark.parametrize("name", NAMES)
def test_a_vendors_words_are_quoted_wherever_they_lie(name: str, body: Any, status: int) -> None:
    assert SAID in str(refused(name, body, status))


@pytest.mark.parametrize("key", ["message", "error", "errors", "detail", "msg", "reasons"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_quoted_is_masked(name: str, key: str) -> None:
    token = "fake-token" if name in LOGINS else next(iter(reversed(SETTINGS[name].values())))
    said = f"no calls for +998 90 123-45-67 with Bearer {token} and '{token}'\nthank you"
    told = str(refused(name, {key: said}, 403))
    assert "calls for" in told
    assert "\n" not in told
    for hidden in ("123-45", "1234567", token):
        assert hidden not in told


@pytest.mark.parametrize("body", [None, 7, "x", [], {}, {"message": None}, {"error": True}, [[]]])
def test_where_nothing_is_said_nothing_is_found(body: Any) -> None:
    assert words_in(body).message is None


def test_words_that_come_twice_are_quoted_once() -> None:
    body = {"message": SAID, "errors": {"to": [SAID]}, "error": SAID.removesuffix("asleep")}
    assert words_in(body).message == SAID


FITTING: list[tuple[int, Any, str]] = [
    (429, {}, "requests_per_second"),
    (403, {"message": "API quota exceeded"}, "requests_per_second"),
    (400, {"error": "Вы отправляете слишком много запросов"}, "requests_per_second"),
    (422, {"message": "The per page must not be greater than 100."}, "page_size"),
    (400, {"errors": {"limit": ["limit must be at most 50"]}}, "page_size"),
    (413, {"message": "Payload too large"}, "page_size"),
    (422, {"message": "Data older than 90 days is not available"}, "start_date"),
    (400, {"detail": "Only the last 30 days can be asked for."}, "start_date"),
    (422, {"errors": {"from": ["Записи хранятся 180 дней, срок хранения истёк"]}}, "start_date"),
    (402, {"message": "x"}, "account"),
]


@pytest.mark.parametrize(("status", "body", "named"), FITTING)
@pytest.mark.parametrize("name", NAMES)
def test_the_advice_fits_the_fault(name: str, status: int, body: Any, named: str) -> None:
    assert named in str(refused(name, body, status).advice)


@pytest.mark.parametrize("name", NAMES)
def test_a_vendor_that_fails_is_not_blamed_on_a_setting(name: str) -> None:
    advice = str(refused(name, {"message": "Server Error"}, 500).advice)
    assert advice == "The vendor fails; run again later."


@pytest.mark.parametrize("name", NAMES)
def test_a_credential_in_a_text_that_is_json_itself_is_not_quoted(name: str) -> None:
    inner = json.dumps({"detail": [{"accessToken": "sandbox-fake-token"}], "user": "sandbox"})
    error = refused(name, {"message": inner}, 422)
    assert "sandbox-fake-token" not in str(error)
    assert '"accessToken": "***"' in str(error)


ENDS = (
    "The filter.to field must be a date before or equal to now.",
    "end must not be in the future",
    "Дата окончания в будущем",
    "endAt must be earlier than the current time",
)
BEGINNINGS = (
    "from is older than 90 days",
    "Only the last 30 days are kept",
    "The from must be a date after or equal to 2026-01-01",
    "Данные доступны за последние 30 дней",
)


@pytest.mark.parametrize("said", ENDS)
@pytest.mark.parametrize("name", NAMES)
def test_words_about_the_end_of_a_period_are_known(name: str, said: str) -> None:
    error = refused(name, {"message": said}, 422)
    assert error.speaks_of_the_end
    assert not error.speaks_of_the_beginning


@pytest.mark.parametrize("said", BEGINNINGS)
@pytest.mark.parametrize("name", NAMES)
def test_words_about_the_beginning_of_a_period_are_known(name: str, said: str) -> None:
    error = refused(name, {"errors": [said]}, 422)
    assert error.speaks_of_the_beginning
    assert not error.speaks_of_the_end


NOTHING = (
    "No calls found for the period.",
    "No call logs",
    "no data for this period",
    "Records were not found",
    "Данные не найдены",
    "нет записей",
    "Không tìm thấy cuộc gọi nào",
    "Không có dữ liệu",
    "Qo'ng'iroqlar topilmadi",
    "تماسی یافت نشد",
)
SOMETHING = (
    "No more than 200 records for one period.",
    "no more than 50 calls can be had",
    "Calls older than 90 days are not available",
    "Data are no longer available",
    "You have no access to call history",
    "No permission to read records",
    "Bạn không có quyền",
    "Foydalanuvchi topilmadi",
    "کاربر یافت نشد",
)


@pytest.mark.parametrize("said", NOTHING)
def test_words_that_there_are_no_calls_are_known(said: str) -> None:
    assert words_in({"message": said}).speak_of_nothing
    assert refused("utel", {"message": said}, 422).may_mean_nothing


@pytest.mark.parametrize("said", SOMETHING)
def test_a_refusal_is_not_taken_for_a_period_without_calls(said: str) -> None:
    assert not words_in({"message": said}).speak_of_nothing
    assert not refused("utel", {"message": said}, 422).may_mean_nothing
