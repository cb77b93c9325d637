"""HTTP sessions that cannot hang: one per thread, and a watch that cuts what takes too long.

Socket timeouts end a silence, not a drip: a vendor that sends a byte now and then, in the headers
or in the body, keeps every single read within its timeout. The watch shuts such a connection down
from outside, and all of them when the run stops.
"""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import suppress
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from tap_callhistory.errors import StoppedError

if TYPE_CHECKING:
    from types import TracebackType

    from urllib3.connectionpool import ConnectionPool

# urllib3 warns of broken headers with the whole URL and a traceback, and at DEBUG tells every URL
# with its query; what came of the request is told by the transport.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

WATCH_SECONDS = 0.1
_here = threading.local()


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


class _ShowsItsSocket(HTTPConnection):
    """A connection that shows the exchange of its thread which socket it waits on."""

    @override
    def getresponse(self) -> Any:
        exchange: Exchange | None = getattr(_here, "exchange", None)
        if exchange is not None:
            exchange.socket = self.sock
        return super().getresponse()


class _ShowsItsTlsSocket(_ShowsItsSocket, HTTPSConnection):
    """The same over TLS."""


class _Adapter(HTTPAdapter):
    @override
    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> ConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        if isinstance(pool, HTTPConnectionPool):
            over_tls = pool.scheme == "https"
            pool.ConnectionCls = _ShowsItsTlsSocket if over_tls else _ShowsItsSocket
        return pool


class _Session(requests.Session):
    """A session whose requests carry what they are given, and nothing else.

    No cookies, nothing from ~/.netrc. Proxies and certificates are those of the environment, which
    is asked once per host: it holds for the run, and asking costs more than sending.
    """

    def __init__(self) -> None:
        super().__init__()
        self._environment: dict[tuple[str, str], Any] = {}

    @override
    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        prepared = requests.PreparedRequest()
        prepared.prepare(
            method=request.method,
            url=request.url,
            headers=request.headers,
            data=request.data,
        )
        return prepared

    @override
    def merge_environment_settings(self, url: Any, *given: Any, **named: Any) -> Any:
        scheme, host, *_ = urlsplit(url)
        if (scheme, host) not in self._environment:
            settings = super().merge_environment_settings(url, *given, **named)
            self._environment[scheme, host] = settings
        return self._environment[scheme, host]

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Leave redirects alone; requests would read their bodies, however long."""
        return None


class Sessions:
    """One session for each thread, since a requests session is not made to be shared."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._lock = threading.Lock()
        self._all: list[requests.Session] = []

    def mine(self) -> requests.Session:
        """The session of this thread."""
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = _open_session()
            with self._lock:
                self._all.append(session)
        return session

    def close(self) -> None:
        """Close the sessions of all threads."""
        with self._lock:
            for session in self._all:
                session.close()
            self._all.clear()


def _open_session() -> requests.Session:
    session = _Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_connections=2, pool_maxsize=1))
    return session
