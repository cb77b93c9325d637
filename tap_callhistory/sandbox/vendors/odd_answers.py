"""Answers that a vendor's hardship turns into other ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from tap_callhistory.sandbox.http import ApiAnswer, json_answer

if TYPE_CHECKING:
    from tap_callhistory.sandbox.http import ApiRequest
    from tap_callhistory.sandbox.world.hardship import Hardship

GATE = "sandbox-gate=open"
NO_CALLS = {"errors": ["No calls found for the period."]}


def gated(request: ApiRequest, hardship: Hardship) -> ApiAnswer | None:
    """Return what comes before the vendor looks at a request; None if nothing does."""
    if hardship.cookie_gate and GATE not in request.headers.get("cookie", ""):
        headers = {"Location": request.target or request.path, "Set-Cookie": f"{GATE}; Path=/"}
        return ApiAnswer(302, headers, b"")
    if hardship.two_factor and request.path.endswith("/auth/login"):
        return json_answer(200, {"two_factor": True})
    return None


def without_calls(answer: ApiAnswer, name: str, hardship: Hardship) -> ApiAnswer:
    """Say that there are no calls, in the vendor's way.

    Args:
        answer: An empty page.
        name: The key of its list.
        hardship: Which way.
    """
    if hardship.nothing == "204":
        return ApiAnswer(204, {}, b"")
    if hardship.nothing in {"400", "404"}:
        return json_answer(int(hardship.nothing), NO_CALLS)
    if hardship.nothing == "list":
        return json_answer(200, [])
    body: dict[str, Any] = msgspec.json.decode(answer.body)
    if hardship.nothing == "null":
        return json_answer(200, {**body, name: None})
    if hardship.nothing == "missing":
        return json_answer(200, {key: value for key, value in body.items() if key != name})
    return answer


def numbered(answer: ApiAnswer, name: str) -> ApiAnswer:
    """Write a page's list as an object whose keys are numbers with a gap."""
    body: dict[str, Any] = msgspec.json.decode(answer.body)
    rows = {str(place + 3): row for place, row in enumerate(body[name])}
    return json_answer(answer.status, {**body, name: rows})


def encoded(answer: ApiAnswer, request: ApiRequest, hardship: Hardship) -> ApiAnswer:
    """Write an answer's body in the vendor's charset, and let its headers lie where they do."""
    headers, body = dict(answer.headers), answer.body
    if hardship.charset and body:
        text = body.decode().encode(hardship.charset, "backslashreplace")
        body, headers["Content-Type"] = text, f"application/json; charset={hardship.charset}"
    if hardship.false_gzip and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    return replace(answer, headers=headers, body=body)
