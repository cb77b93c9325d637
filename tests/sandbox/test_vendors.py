"""What all five vendors enforce."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tap_callhistory.sandbox.vendors.etelecom import PAGING
from tap_callhistory.sandbox.vendors.etelecom_filter import FILTERS
from tap_callhistory.sandbox.world.behaviour import Behaviour, Total
from tests.support.sandbox.asking import PATHS, VENDORS, answered, ask, made_world, read

if TYPE_CHECKING:
    from tap_callhistory.sandbox.http import ApiAnswer

SIZES = {
    "kavenegar": "size",
    "etelecom": "limit",
    "twin": "limit",
    "cinnox": "limit",
    "utel": "per_page",
}
LARGEST = {"kavenegar": 1000, "etelecom": 1000, "twin": 1000, "cinnox": 500, "utel": 300}
USUAL = {"kavenegar": 20, "etelecom": 100, "twin": 10, "cinnox": 100, "utel": 20}
REFUSED = {"kavenegar": 400, "etelecom": 400, "twin": 400, "cinnox": 400, "utel": 422}
UNAUTHENTICATED = {"kavenegar": 403, "etelecom": 401, "twin": 401, "cinnox": 401, "utel": 401}
ERROR_KEYS = {
    "kavenegar": {"status", "reasons"},
    "etelecom": {"code", "msg"},
    "twin": {"error", "details"},
    "cinnox": {"code", "message"},
    "utel": {"message", "errors"},
}
TEHRAN = ZoneInfo("Asia/Tehran")
TASHKENT = ZoneInfo("Asia/Tashkent")
JSON = {"accept": "application/json", "content-type": "application/json"}


def page_of(
    vendor: str, size: object, behaviour: Behaviour | None = None, count: int = 1200
) -> ApiAnswer:
    world = made_world(vendor, count, behaviour)
    if vendor == "etelecom":
        return ask(world, body={"paging": {"limit": size}})
    return ask(world, (SIZES[vendor], size))


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_unknown_parameter_is_refused_in_the_vendors_own_words(vendor: str) -> None:
    world = made_world(vendor, 5)
    if vendor == "etelecom":
        answer = ask(world, body={"filter": {"dateFrom": "2026-01-01T00:00:00Z"}})
    else:
        answer = ask(world, ("sice", 10))
    assert answer.status == REFUSED[vendor]
    assert json.loads(answer.body).keys() == ERROR_KEYS[vendor]


@pytest.mark.parametrize("header", [None, "Bearer wrong", "sandbox"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_wrong_token_is_refused(vendor: str, header: str | None) -> None:
    headers = JSON if header is None else {**JSON, "authorization": header}
    answer = ask(made_world(vendor, 5), headers=headers)
    assert answer.status == UNAUTHENTICATED[vendor]
    assert b"sandbox" not in answer.body


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_unknown_path_is_not_found(vendor: str) -> None:
    assert ask(made_world(vendor, 5), path=PATHS[vendor] + "s").status == 404


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_page_has_the_documented_size(vendor: str) -> None:
    assert len(read(made_world(vendor, 400))) == USUAL[vendor]


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_largest_page_size_is_enforced(vendor: str) -> None:
    assert page_of(vendor, LARGEST[vendor]).status == 200
    assert page_of(vendor, LARGEST[vendor] + 1).status == REFUSED[vendor]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_larger_page_can_be_cut_silently(vendor: str) -> None:
    behaviour = Behaviour(oversize="cut", largest_page=50)
    page = answered(page_of(vendor, 900, behaviour))
    records = page[{"twin": "items", "utel": "data", "etelecom": "call_logs"}.get(vendor, "result")]
    assert len(records) == 50


@pytest.mark.parametrize("size", ["-1", "ten", "1.5", True])
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_malformed_page_size_is_refused(vendor: str, size: object) -> None:
    assert page_of(vendor, size).status == REFUSED[vendor]


@pytest.mark.parametrize("vendor", VENDORS)
def test_answers_stop_at_the_cap(vendor: str) -> None:
    world = made_world(vendor, 60, Behaviour(result_cap=7, default_page=50))
    assert len(read(world)) == 7


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_window_above_the_cap_can_be_refused(vendor: str) -> None:
    assert ask(made_world(vendor, 60, Behaviour(result_cap=7, cap_style="error"))).status == 400


@pytest.mark.parametrize(
    ("total", "expected"),
    [("filtered", 59), ("all", 60), ("capped", 30), ("none", None), ("lie", 66)],
)
@pytest.mark.parametrize("vendor", ["kavenegar", "twin", "utel"])
def test_the_total_counts_what_the_vendor_says(
    vendor: str, total: Total, expected: int | None
) -> None:
    world = made_world(vendor, 70, Behaviour(total=total, result_cap=30))
    calls = world.calls()
    for call in calls[: len(calls) - 60]:
        world.delete(call.sequence)
    second = world.calls()[1].created_at
    query = {
        "kavenegar": ("since", f"{second.astimezone(TEHRAN):%Y-%m-%dT%H:%M:%S.%f}"[:-3]),
        "twin": ("from", f"{second:%Y-%m-%dT%H:%M:%S+00:00}"),
        "utel": ("filter[from]", f"{second.astimezone(TASHKENT):%Y-%m-%d %H:%M:%S}"),
    }[vendor]
    page = answered(ask(world, query))
    given = {"kavenegar": page.get("page", {}), "twin": page, "utel": page.get("meta", {})}[vendor]
    assert given.get("count" if vendor == "twin" else "total") == expected


@pytest.mark.parametrize("vendor", VENDORS)
def test_settings_point_to_the_server(vendor: str) -> None:
    settings = made_world(vendor, 1).api.settings("http://127.0.0.1:1")
    assert str(settings["api_url"]).startswith(f"http://127.0.0.1:1/{vendor}")
    secrets = {key: value for key, value in settings.items() if not key.endswith("_url")}
    assert all(str(value).startswith("sandbox") for value in secrets.values())


JUNK: tuple[Any, ...] = (
    *("", " ", "0", "-1", "9" * 5000, "٣", "1e9", "null", "\x00", "%", "é", "[]", "n:1", "."),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31 23:59:59"),
    *("2026-11-01T24:00:00Z", "WyJuIiwgIngiXQ==", "W10=", "WzFd", "WyJuIiwxXQ=="),
    *(None, True, 0, -5, 2**70, 1.5, [], {}, [[]], {"comparison": []}, {"comparison": "equal"}),
)
NAMES = {
    "kavenegar": ("endpointId", "since", "until", "page", "size"),
    "twin": ("fields", "limit", "offset", "page", "from", "to", "sort", "status", "dateField"),
    "cinnox": ("callType", "status", "startAt", "endAt", "offset", "limit"),
    "utel": ("per_page", "page", "sort", "filter[from]", "filter[to]", "filter[type]"),
}


@pytest.mark.parametrize("vendor", NAMES)
def test_no_parameter_is_answered_by_anything_but_a_page_or_a_refusal(vendor: str) -> None:
    world = made_world(vendor, 5)
    for name in NAMES[vendor]:
        for value in JUNK:
            answer = ask(world, (name, value))
            assert answer.status in {200, REFUSED[vendor]}, (name, value)


@pytest.mark.parametrize("part", ["filter", "paging"])
def test_no_body_is_answered_by_anything_but_a_page_or_a_refusal(part: str) -> None:
    world = made_world("etelecom", 5)
    dates = {"date_from": "2026-11-01T00:00:00Z", "date_to": "2026-11-02T00:00:00Z"}
    for name in sorted(FILTERS if part == "filter" else PAGING):
        for value in JUNK:
            body = {part: {**(dates if name in dates else {}), name: value}}
            assert ask(world, body=body).status in {200, 400}, body
