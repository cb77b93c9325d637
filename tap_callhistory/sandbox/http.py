"""Requests and answers of the sandbox, free of any web framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, its header names in lower case; `target` is its path and query as they came."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    target: str = ""


class Silence(Exception):  # noqa: N818 - it is no answer, not a fault of the sandbox
    """The vendor never answers this request."""


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of the sandbox
    """The vendor's refusal of a request.

    Args:
        status: The HTTP status.
        message: What is wrong.
        code: The vendor's own code, where it has several for one status.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.headers = headers or {}
        self.status = status
        self.message = message
        self.code = code


def json_answer(status: int, body: Any) -> ApiAnswer:
    """Answer with a value as JSON."""
    return ApiAnswer(status, JSON_HEADERS, msgspec.json.encode(body))


def wrapped(records: bytes, name: str, **beside: Any) -> ApiAnswer:
    """Answer with written records under `name`, and other values beside them."""
    rest = msgspec.json.encode(beside)[1:]
    comma = b"" if rest == b"}" else b","
    return ApiAnswer(200, JSON_HEADERS, b'{"' + name.encode() + b'":' + records + comma + rest)


def require_bearer(request: ApiRequest, token: str, status: int, message: str) -> None:
    """Refuse a request without the right bearer token."""
    if request.headers.get("authorization") != f"Bearer {token}":
        raise Refusal(status, message)
