"""A watch over exchanges, so that none can hang.

Socket timeouts end a silence, not a drip: a vendor that sends a byte now and then, in the headers
or in the body, keeps every single read within its timeout. The watch shuts such a connection down
from outside, and all of them when the run stops.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING, Self

from tap_callhistory.errors import StoppedError

if TYPE_CHECKING:
    from types import TracebackType

WATCH_SECONDS = 0.1
_here = threading.local()


def exchange_of_this_thread() -> Exchange | None:
    """The exchange that this thread has entered, if any."""
    return getattr(_here, "exchange", None)


class Cut(Enum):
    """Why the watch ended an exchange."""

    LATE = "late"
    STOPPED = "stopped"


class Exchange:
    """One request and its answer, within a deadline; to be entered by the thread that makes it."""

    def __init__(self, watch: Watch, seconds: float) -> None:
        self._watch = watch
        self.deadline = monotonic() + seconds
        self.socket: socket.socket | None = None
        self.cut: Cut | None = None

    def __enter__(self) -> Self:
        self._watch.begin(self)
        _here.exchange = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watch.end(self)
        _here.exchange = None

    def end(self, cut: Cut) -> None:
        """Shut the connection down; whoever waits on it wakes up with a broken answer."""
        self.cut = cut
        if self.socket is not None:
            # Not SSLSocket's own shutdown, which takes the TLS layer from under the reader.
            with suppress(OSError):
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class Watch:
    """Ends exchanges that pass their deadline, and every one of them once the run stops.

    Args:
        stop: Set when the run stops.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._running: set[Exchange] = set()
        self._thread: threading.Thread | None = None

    def begin(self, exchange: Exchange) -> None:
        """Watch an exchange from now on.

        Raises:
            StoppedError: The watch is closed: nothing more is to be asked.
        """
        with self._lock:
            if self._closed.is_set():
                raise StoppedError("asked after the end")
            self._running.add(exchange)
            if self._thread is None:
                self._thread = threading.Thread(target=self._patrol, name="watch", daemon=True)
                self._thread.start()

    def end(self, exchange: Exchange) -> None:
        """Leave an exchange alone: its connection may now serve another."""
        with self._lock:
            self._running.discard(exchange)

    def close(self) -> None:
        """End what still runs, and the watch itself."""
        self._closed.set()
        self._cut_overdue()
        if self._thread is not None:
            self._thread.join()

    def _patrol(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            self._cut_overdue()

    def _cut_overdue(self) -> None:
        stopped = self._stop.is_set() or self._closed.is_set()
        now = monotonic()
        with self._lock:
            for exchange in self._running:
                if stopped:
                    exchange.end(Cut.STOPPED)
                elif exchange.deadline < now:
                    exchange.end(Cut.LATE)
