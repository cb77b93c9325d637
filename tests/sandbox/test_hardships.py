"""What vendors refuse, cannot carry, or answer oddly: every switch, for every vendor."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.reading.pages import Position
from tap_callhistory.reading.windows import Window
from tap_callhistory.sandbox.http import ApiAnswer, ApiRequest, Silence
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship, Nothing
from tap_callhistory.vendors import VENDORS as ENDPOINTS
from tests.support.in_process import ADDRESS
from tests.support.sandbox.asking import NOW, RECORDS, VENDORS, ask, made_world

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.world import World

DAY = timedelta(days=1)
JSON = {"content-type": "application/json"}
LOGINS = {"twin": "/twin-iam/api/v1/auth/login", "utel": "/utel/api/v1/auth/login"}


def hard(vendor: str, **switches: Any) -> World:
    return made_world(vendor, 300, Behaviour(hardship=Hardship(**switches)))


def asked(world: World, since: timedelta, until: timedelta = timedelta(0)) -> ApiAnswer:
    """Ask for the calls of a period before now, as the tap does."""
    endpoint = next(each for each in ENDPOINTS if each.vendor == world.vendor)
    usual = {"page_size": 40, "timezone": world.behaviour.zone, "iam_url": ADDRESS}
    made = endpoint({**usual, **world.api.settings(ADDRESS)})
    first = Position(number=1 if world.vendor == "utel" else 0)
    request = made.page_request(Window(NOW - since, NOW - until), first)
    return ask(world, *request.params, body=request.body)


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_period_that_is_refused_is_refused_alone(vendor: str) -> None:
    ahead = hard(vendor, refuses_future=True, refused_status=422, refused_words="No.")
    assert asked(ahead, DAY).status == 200
    assert asked(ahead, DAY, -timedelta(minutes=1)).status == 422
    old = hard(vendor, retention_days=5)
    assert asked(old, 4 * DAY).status == 200
    assert asked(old, 6 * DAY).status in {400, 422}
    slow = hard(vendor, slow_span_hours=48)
    assert asked(slow, DAY).status == 200
    assert asked(slow, 3 * DAY).status == 504


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_is_too_much_fails(vendor: str) -> None:
    assert asked(hard(vendor, heavy_calls=100), 30 * DAY).status == 500
    assert asked(hard(vendor, deepest_row=39), 30 * DAY).status == 500
    assert asked(hard(vendor, deepest_row=40), 30 * DAY).status == 200
    with pytest.raises(Silence):
        asked(hard(vendor, deepest_row=39, deep_silence=True), 30 * DAY)


@pytest.mark.parametrize("vendor", VENDORS)
def test_pages_are_thin_refused_or_doubled(vendor: str) -> None:
    name = RECORDS[vendor]
    thin = hard(vendor, thin_every=2)
    sizes = [len(json.loads(asked(thin, 30 * DAY).body)[name]) for _ in range(4)]
    assert sizes == [40, 0, 40, 0]
    limited = hard(vendor, limit_every=2)
    assert [asked(limited, 30 * DAY).status for _ in range(2)] == [200, 403]
    call = made_world(vendor).calls()[-1]
    broken = hard(vendor, broken_call=call.sequence)
    assert asked(broken, NOW - call.created_at + timedelta(minutes=1)).status == 500
    twice = asked(hard(vendor, twice=call.sequence), NOW - call.created_at + timedelta(minutes=1))
    ids = [row["id"] for row in json.loads(twice.body)[name]]
    assert len(ids) == len(set(ids)) + 1


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("nothing", ["204", "400", "404", "list", "null", "missing"])
def test_no_calls_are_told_in_each_way(vendor: str, nothing: Nothing) -> None:
    answer = asked(hard(vendor, nothing=nothing), 900 * DAY, 899 * DAY)
    assert answer.status == (int(nothing) if nothing.isdecimal() else 200)
    body = json.loads(answer.body or b"0")
    if nothing == "list":
        assert body == []
    if nothing in {"null", "missing"}:
        assert body.get(RECORDS[vendor]) is None


@pytest.mark.parametrize("vendor", VENDORS)
def test_bodies_may_be_odd(vendor: str) -> None:
    rows = json.loads(asked(hard(vendor, numbered=True), 30 * DAY).body)[RECORDS[vendor]]
    assert next(iter(rows)) == "3"
    cyrillic = asked(hard(vendor, charset="cp1251"), 30 * DAY)
    assert json.loads(cyrillic.body.decode("cp1251"))
    assert "cp1251" in cyrillic.headers["Content-Type"]
    assert asked(hard(vendor, cookie_gate=True), DAY).status == 302


@pytest.mark.parametrize("vendor", ["twin", "utel"])
def test_a_fresh_token_is_refused_for_a_while_and_an_old_one_after_another_login(
    vendor: str,
) -> None:
    path, headers = LOGINS[vendor], {"accept": "application/json", **JSON}

    def logged_in(world: World) -> ApiAnswer:
        own = world.api.settings(ADDRESS)
        body = json.dumps({name: own[name] for name in ("email", "password")}).encode()
        return world.api.answer(ApiRequest("POST", path, [], headers, body))

    def token(world: World) -> str:
        came = json.loads(logged_in(world).body)
        return str(came["result"]["access_token"] if vendor == "utel" else came["token"])

    def page(world: World, given: str) -> int:
        return ask(world, headers={**headers, "authorization": f"Bearer {given}"}).status

    one = hard(vendor, one_login=True)
    old, new = token(one), token(one)
    assert (page(one, old), page(one, new)) == (401, 200)
    fresh = hard(vendor, fresh_token_seconds=2)
    assert page(fresh, token(fresh)) == 401
    assert json.loads(logged_in(hard(vendor, two_factor=True)).body) == {"two_factor": True}
