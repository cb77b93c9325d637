"""A vendor on loopback that answers, byte for byte, as a test tells it to."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl


@dataclass
class Received:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


Step = Callable[[socket.socket, Received], None]


class HangUp(Exception):  # noqa: N818
    """Raised by a step to end its connection."""


class Vendor:
    """Plays its steps one per request; the last one is played for ever."""

    def __init__(self, *steps: Step, tls: ssl.SSLContext | None = None) -> None:
        self._steps = list(steps)
        self._tls = tls
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lines: list[socket.socket] = []
        self.received: list[Received] = []
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def connections(self) -> int:
        return len(self._lines)

    def then(self, step: Step) -> None:
        """Add a step, which may name the vendor's own address."""
        self._steps.append(step)

    def close(self) -> None:
        self._listener.close()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._lines.append(line)
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError, HangUp):
            if self._tls is not None:
                line = self._tls.wrap_socket(line, server_side=True)
            reader = line.makefile("rb")
            while request := _read_request(reader):
                with self._lock:
                    self.received.append(request)
                    step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
                step(line, request)
        line.close()


@contextmanager
def vendor(*steps: Step, tls: ssl.SSLContext | None = None) -> Iterator[Vendor]:
    serving = Vendor(*steps, tls=tls)
    try:
        yield serving
    finally:
        serving.close()


def raw(head: bytes, *pieces: bytes, every: float = 0.0, then: str = "keep") -> Step:
    """Send bytes as they are, with a pause before each piece; then keep, close or reset."""

    def step(line: socket.socket, _: Received) -> None:
        line.sendall(head)
        for piece in pieces:
            time.sleep(every)
            line.sendall(piece)
        if then == "reset":
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if then != "keep":
            raise HangUp

    return step


def reply(
    status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None, **how: Any
) -> Step:
    return raw(head(status, {"Content-Length": str(len(body))} | (headers or {})) + body, **how)


def answer(content: Any, status: int = 200, **headers: str) -> Step:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return reply(status, json.dumps(content).encode(), named)


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Told", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def hang(seconds: float = 30.0) -> Step:
    def step(line: socket.socket, _: Received) -> None:
        line.settimeout(seconds)
        line.recv(1)
        raise HangUp

    return step


def _read_request(reader: Any) -> Received | None:
    first = reader.readline()
    if not first.strip():
        return None
    method, target, _ = first.decode("latin-1").split(" ")
    headers: dict[str, str] = {}
    while (row := reader.readline().decode("latin-1").strip()) != "":
        name, _, value = row.partition(":")
        headers[name.lower()] = value.strip()
    return Received(method, target, headers, reader.read(int(headers.get("content-length", 0))))
