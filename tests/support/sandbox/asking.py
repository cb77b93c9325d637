"""Asks a sandbox vendor directly, the way its client would over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_callhistory.sandbox.http import ApiAnswer, ApiRequest
from tap_callhistory.sandbox.vendors.registry import make_calls, make_world
from tap_callhistory.sandbox.vendors.twin import Twin
from tap_callhistory.sandbox.vendors.twin_terms import FIELDS

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.behaviour import Behaviour
    from tap_callhistory.sandbox.world.call import Call
    from tap_callhistory.sandbox.world.world import World

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
VENDORS = ("kavenegar", "etelecom", "twin", "cinnox", "utel")
ALL_FIELDS = ",".join(sorted(FIELDS))

PATHS = {
    "kavenegar": "/kavenegar/user/v1/calls",
    "etelecom": "/etelecom/v1/shop.Etelecom/ListCallLogs",
    "twin": "/twin/api/v1/search/cis/calls",
    "cinnox": "/cinnox/v1/api/apps/sandbox-app/data/call-detail",
    "utel": "/utel/api/v1/call-history",
}
TOKENS = {
    "kavenegar": "sandbox-kavenegar-token",
    "etelecom": "sandbox-etelecom-key",
    "cinnox": "sandbox-cinnox-token",
    "utel": "sandbox-utel-token",
}
RECORDS = {
    "kavenegar": "result",
    "etelecom": "call_logs",
    "twin": "items",
    "cinnox": "result",
    "utel": "data",
}


def made_world(
    vendor: str, count: int = 300, behaviour: Behaviour | None = None, now: datetime = NOW
) -> World:
    return make_world(vendor, make_calls(vendor, 1, count, now, days=20), lambda: now, behaviour)


def token_of(world: World) -> str:
    return world.api.new_token(3600) if isinstance(world.api, Twin) else TOKENS[world.vendor]


def ask(world: World, *query: tuple[str, object], body: Any = None, **changed: Any) -> ApiAnswer:
    """Send a request with all that is right but what `changed` changes."""
    vendor = world.vendor
    headers = {
        "authorization": f"Bearer {token_of(world)}",
        "accept": "application/json",
        "content-type": "application/json",
    }
    pairs = [(name, str(value)) for name, value in query]
    if vendor == "twin" and not any(name == "fields" for name, _ in pairs):
        pairs.append(("fields", ALL_FIELDS))
    sent = {
        "method": "POST" if vendor == "etelecom" else "GET",
        "path": PATHS[vendor],
        "query": pairs,
        "headers": headers,
        "body": json.dumps(body or {}).encode() if vendor == "etelecom" else b"",
    }
    return world.api.answer(ApiRequest(**{**sent, **changed}))


def answered(answer: ApiAnswer) -> Any:
    assert answer.status == 200, answer.body[:300]
    return json.loads(answer.body)


def read(world: World, *query: tuple[str, object], body: Any = None) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = answered(ask(world, *query, body=body))[RECORDS[world.vendor]]
    return records


def a_call(vendor: str, sequence: int, **changes: Any) -> Call:
    """Return an answered call, placed an hour ago and settled by now, unless changed."""
    created = changes.pop("created_at", NOW - timedelta(hours=1))
    made = next(call for call in make_calls(vendor, 1, 50, NOW) if call.outcome == "answered")
    call = replace(
        made,
        sequence=sequence,
        created_at=created,
        started_at=created + timedelta(seconds=1),
        answered_at=created + timedelta(seconds=5),
        ended_at=created + timedelta(seconds=65),
        published_at=created,
        recording_ready_at=created + timedelta(seconds=90),
        rated_at=None,
        synced_at=None,
        inserted_at=None,
        imported_at=None,
        leg="",
        conversation=None,
    )
    return replace(call, **changes)
