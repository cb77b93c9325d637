"""A PostgreSQL that speaks TCP: the server itself listens on a socket of the file system only."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Final

from typing_extensions import override

LOOPBACK: Final = "127.0.0.1"
CHUNK_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL server of our own, as the settings name it."""

    host: str
    port: int
    user: str
    name: str

    @property
    def uri(self) -> str:
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.name}"


class Forwarder(ThreadingTCPServer):
    """Hands every connection on to a socket of the file system."""

    daemon_threads = True
    address: str

    @classmethod
    def to(cls, address: str) -> _Serving:
        server = cls((LOOPBACK, 0), _Connection)
        server.address = address
        return _Serving(server)


class _Serving:
    """The time in which a forwarder serves; gives its port."""

    def __init__(self, server: Forwarder) -> None:
        self._server = server

    def __enter__(self) -> int:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        port: int = self._server.server_address[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Connection(BaseRequestHandler):
    @override
    def handle(self) -> None:
        assert isinstance(self.server, Forwarder)
        with socket.socket(socket.AF_UNIX) as inner:
            inner.connect(self.server.address)
            back = threading.Thread(target=_pump, args=(inner, self.request), daemon=True)
            back.start()
            _pump(self.request, inner)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Copies until the source ends, and tells the sink so."""
    try:
        while data := source.recv(CHUNK_BYTES):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
