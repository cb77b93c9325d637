"""HTTP without a network: a sandbox vendor is called where a connection would carry the bytes.

Redirects, cookies, encodings and broken bodies are left to the tap's own sender.
"""

from __future__ import annotations

import io
from functools import partial
from http.client import HTTPMessage
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import requests
from typing_extensions import override
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from tap_callhistory.sandbox.faults import spoiled
from tap_callhistory.sandbox.http import ApiRequest, Silence
from tap_callhistory.transport.http import HttpSender
from tap_callhistory.transport.sessions import Session, Sessions
from tests.support.waiting import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_callhistory.sandbox.faults import FaultSource
    from tap_callhistory.sandbox.http import ApiAnswer
    from tap_callhistory.sandbox.world.world import World
    from tap_callhistory.transport.sessions import Sent


def sender_to(
    world: World,
    before: Callable[[], None],
    faults: FaultSource | None = None,
    patience: Patience | None = None,
) -> Callable[..., HttpSender]:
    """What makes the tap's senders, connected to a world.

    Args:
        world: The vendor's world.
        before: Called before the vendor sees a request that is none of a login.
        faults: What goes wrong on the way.
        patience: Counts the seconds of silence.
    """
    session = _Session(world, before, faults, patience or Patience())
    return partial(HttpSender, sessions=_Sessions(session))


class _Sessions(Sessions):
    """One session for all, since nothing is sent from several threads."""

    def __init__(self, session: _Session) -> None:
        super().__init__()
        self._session = session

    @override
    def mine(self) -> Session:
        return self._session


class _Session(Session):
    def __init__(
        self,
        world: World,
        before: Callable[[], None],
        faults: FaultSource | None,
        patience: Patience,
    ) -> None:
        super().__init__()
        self._patience = patience
        self._world = world
        self._before = before
        self._faults = faults

    @override
    def send_prepared(self, sent: Sent, timeouts: tuple[float, float]) -> HTTPResponse:
        target = urlsplit(sent.url)
        if "/auth/" not in target.path:
            self._before()
        fault = self._faults.draw() if self._faults else None
        if fault == "reset":
            raise requests.ConnectionError(ProtocolError("aborted", ConnectionResetError()))
        try:
            answer = None if fault == "timeout" else self._world.api.answer(_asked(sent))
        except Silence:
            answer = None
        if answer is None:
            self._patience.wait(timeouts[1])
            raise requests.ReadTimeout
        if fault is None or self._faults is None:
            return _response(sent, answer, io.BytesIO(answer.body))
        answer = spoiled(fault, answer, self._world.api, self._faults.faults)
        if fault not in {"stall", "truncated"}:
            return _response(sent, answer, io.BytesIO(answer.body))
        half = answer.body[: len(answer.body) // 2]
        return _response(sent, answer, _Stalling(half) if fault == "stall" else io.BytesIO(half))


class _Stalling(io.BytesIO):
    """A body of which nothing more comes after its beginning."""

    @override
    def read1(self, size: int | None = -1, /) -> bytes:
        return self._or_silence(super().read1(size))

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        return self._or_silence(super().read(size))

    def _or_silence(self, piece: bytes) -> bytes:
        if not piece:
            raise TimeoutError
        return piece


class _Head:
    """The headers as the HTTP library reads cookies from them."""

    def __init__(self, answer: ApiAnswer) -> None:
        self.msg = HTTPMessage()
        for name, value in answer.headers.items():
            self.msg[name] = value

    def close(self) -> None:
        pass

    def isclosed(self) -> bool:
        return False


def _asked(sent: Sent) -> ApiRequest:
    target = urlsplit(sent.url)
    query = sent.query or target.query
    return ApiRequest(
        method=sent.method,
        path=target.path,
        query=parse_qsl(query, keep_blank_values=True),
        headers={name.lower(): value for name, value in sent.headers.items()},
        body=sent.body or b"",
        target=f"{target.path}?{query}" if query else target.path,
    )


def _response(sent: Sent, answer: ApiAnswer, body: io.BytesIO) -> HTTPResponse:
    length = {} if answer.status == 204 else {"Content-Length": str(len(answer.body))}
    return HTTPResponse(
        body=body,
        headers={**answer.headers, **length},
        status=answer.status,
        preload_content=False,
        original_response=_Head(answer),  # type: ignore[arg-type]
        request_method=sent.method,
    )
