"""A TCP proxy between the tap and a vendor that spoils answers on their way, drawn from a seed."""

from __future__ import annotations

import random
import re
import socket
import struct
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS: Final = (
    *("unanswered", "reset", "cut", "cut in the head"),
    *("stalled", "dripped", "delayed", "corrupted body", "corrupted head"),
)
HARMLESS: Final = frozenset({"delayed"})
"""Kinds that slow an answer down and do not spoil it."""

DELAY_SECONDS = 0.3
DRIP_SECONDS = 0.1
LONGEST_STALL_SECONDS = 20.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Injected:
    """One fault: its kind, the path that was asked for, and the byte of the answer it began at."""

    kind: str
    path: str
    at_byte: int


@dataclass
class _Message:
    head: bytes
    body: bytes
    whole: bool

    @property
    def bytes(self) -> bytes:
        return self.head + self.body


@dataclass
class Proxy:
    """Relays requests to an address, and spoils a share of the answers.

    Attributes:
        share: Of requests, from 0 to 1.
        kinds: In which ways, equally often.
        requests: How many came.
        injected: What was spoiled, in order.
    """

    upstream: str
    share: float
    seed: int = 1
    kinds: tuple[str, ...] = KINDS
    requests: int = 0
    injected: list[Injected] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = urlsplit(self.upstream)
        self._address = (parts.hostname or "", parts.port or 80)
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def counts(self) -> Counter[str]:
        return Counter(each.kind for each in self.injected)

    def close(self) -> None:
        self._closing.set()
        self._listener.close()
        with self._lock:
            for line in self._open:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        """Exchange after exchange on one connection, until either side ends it."""
        with suppress(OSError), socket.create_connection(self._address) as vendor, client:
            with self._lock:
                self._open |= {client, vendor}
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (asked := _read_message(client)) and asked.whole:
                if not self._exchange(client, vendor, asked):
                    break
        with self._lock:
            self._open -= {client}

    def _exchange(self, client: socket.socket, vendor: socket.socket, asked: _Message) -> bool:
        """Relay one request and its answer; returns whether the connection lives on."""
        kind, place = self._draw()
        path = asked.head.split(b" ", 2)[1].decode("latin-1").partition("?")[0]
        if kind == "unanswered":
            self._note(kind, path, 0)
            return False
        vendor.sendall(asked.bytes)
        answer = _read_message(vendor)
        if answer is None:
            return False
        if kind is None or not answer.whole:
            client.sendall(answer.bytes)
            return answer.whole
        return self._spoil(client, answer, kind, place, path)

    def _draw(self) -> tuple[str | None, float]:
        with self._lock:
            self.requests += 1
            spoilt = self._random.random() < self.share
            return self._random.choice(self.kinds) if spoilt else None, self._random.random()

    def _note(self, kind: str, path: str, at_byte: int) -> None:
        with self._lock:
            self.injected.append(Injected(kind, path, at_byte))

    def _spoil(
        self, client: socket.socket, answer: _Message, kind: str, place: float, path: str
    ) -> bool:
        whole, head = answer.bytes, len(answer.head)
        in_head = kind.endswith("head")
        first, last = (0, head) if in_head else (head, len(whole))
        at = min(first + int(place * (last - first)), len(whole) - 1)
        self._note(kind, path, at)
        if kind == "delayed":
            self._closing.wait(DELAY_SECONDS)
            client.sendall(whole)
            return True
        if kind.startswith("corrupted"):
            client.sendall(whole[:at] + b"\xff" + whole[at + 1 :])
            return True
        client.sendall(whole[:at])
        if kind == "stalled":
            self._await_end(client)
        elif kind == "dripped":
            self._drip(client, whole[at:])
        elif kind == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def _await_end(self, client: socket.socket) -> None:
        client.settimeout(LONGEST_STALL_SECONDS)
        client.recv(1)

    def _drip(self, client: socket.socket, rest: bytes) -> None:
        for place in range(len(rest)):
            client.sendall(rest[place : place + 1])
            if self._closing.wait(DRIP_SECONDS):
                return


@contextmanager
def proxy(
    upstream: str, share: float, seed: int = 1, kinds: tuple[str, ...] = KINDS
) -> Iterator[Proxy]:
    relaying = Proxy(upstream, share, seed, kinds)
    try:
        yield relaying
    finally:
        relaying.close()


def _read_message(line: socket.socket) -> _Message | None:
    """A request or an answer with its body; None where the other side has hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = line.recv(65536)
        if not piece:
            return _Message(data, b"", whole=False) if data else None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    missing = int(length[1]) - len(body) if length else 0
    pieces = [body]
    while missing > 0:
        piece = line.recv(65536)
        if not piece:
            break
        pieces.append(piece)
        missing -= len(piece)
    return _Message(head + b"\r\n\r\n", b"".join(pieces), whole=missing <= 0)
