"""The sandbox's vendors served over HTTP on loopback, by aiohttp (extra `sandbox`)."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import threading
import time
from collections import Counter, deque
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web

from tap_callhistory.sandbox.faults import Faults, FaultSource, spoiled
from tap_callhistory.sandbox.http import ApiAnswer, ApiRequest, Silence
from tap_callhistory.sandbox.vendors.registry import VENDORS, make_calls, make_world
from tap_callhistory.sandbox.world.making import STANDING_CALLS_PER_DAY, USUAL_SPAN_DAYS
from tap_callhistory.sandbox.world.world import real_clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tap_callhistory.sandbox.world.behaviour import Behaviour
    from tap_callhistory.sandbox.world.world import Api

LIVE_AHEAD = timedelta(days=2)
REMEMBERED_REQUESTS = 10_000
LARGEST_REQUEST_BYTES = 1 << 20
WORTH_COMPRESSING_BYTES = 1024
FASTEST_GZIP = 1
START_SECONDS = 30


class Sandbox:
    """Five vendors with made-up calls.

    Args:
        seed: Which of many possible histories.
        calls: How many calls each vendor has.
        vendors: The names of those to serve; all by default.
        now: Where their clock stands until it is set; None lets it run with the real one.
        behaviour: How vendors read their documentation, by name.
        faults: What goes wrong, for all vendors or by name.
        days: The span that the calls fill, roughly.
        ahead: How far beyond `now` calls are made, to show as the clock moves on; two days if it
            runs, else none.
        standing: How many lines a day are held open for hours, so that at any moment a call is in
            progress. They make the mean talk time what no telephone company has.

    Attributes:
        worlds: Each vendor's world, by name.
        vendors: Each vendor's API, by name.
        requests: How many requests each vendor got.
        log: Each vendor's last requests, (path, query string).
        sources: Each vendor's faults, with their counters.
    """

    def __init__(  # noqa: PLR0913 - a world has many sides
        self,
        *,
        seed: int = 1,
        calls: int = 5000,
        vendors: Iterable[str] | None = None,
        now: datetime | None = None,
        behaviour: Mapping[str, Behaviour] | None = None,
        faults: Faults | Mapping[str, Faults] | None = None,
        days: float = USUAL_SPAN_DAYS,
        ahead: timedelta | None = None,
        standing: int = STANDING_CALLS_PER_DAY,
    ) -> None:
        names = tuple(VENDORS if vendors is None else vendors)
        behaviour = behaviour or {}
        if ahead is None:
            ahead = LIVE_AHEAD if now is None else timedelta(0)
        self._now = now
        present = self.now()
        self.worlds = {
            name: make_world(
                name,
                make_calls(name, seed, calls, present, days=days, ahead=ahead, standing=standing),
                self.now,
                behaviour.get(name),
            )
            for name in names
        }
        self.vendors: dict[str, Api] = {name: world.api for name, world in self.worlds.items()}
        self.requests: Counter[str] = Counter()
        self.log: dict[str, deque[tuple[str, str]]] = {
            name: deque(maxlen=REMEMBERED_REQUESTS) for name in names
        }
        self.sources: dict[str, FaultSource] = {}
        self.set_faults(faults or Faults())

    def now(self) -> datetime:
        """Return the vendors' present instant."""
        return self._now or real_clock()

    def set_now(self, now: datetime | None) -> None:
        """Set the vendors' clock; None lets it run with the real one."""
        self._now = now

    def set_faults(self, faults: Faults | Mapping[str, Faults]) -> None:
        """Change what goes wrong from now on, for all vendors or by name; counters start anew."""
        for name in self.vendors:
            own = faults if isinstance(faults, Faults) else faults.get(name, Faults())
            self.sources[name] = FaultSource(own, name, time.monotonic)

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the tap's settings for all vendors, served under `base_url`."""
        return {name: vendor.settings(base_url) for name, vendor in self.vendors.items()}

    def truth(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give all rows that the warehouse should hold now, each with its stream."""
        for name, world in self.worlds.items():
            for row in world.truth():
                yield self.vendors[name].stream, row

    @contextlib.contextmanager
    def serve(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
        """Serve in a thread of its own while the context lasts.

        Args:
            port: Where to listen; 0 takes a free one.
            host: On which address.

        Yields:
            The base URL.

        Raises:
            OSError: It cannot listen there.
        """
        service = _Service(self, host, port)
        service.start()
        try:
            yield f"http://{host}:{service.port}"
        finally:
            service.stop()

    def vendor_of(self, path: str) -> str | None:
        """Return the name of the vendor that a path belongs to."""
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        name = first.split("-", 1)[0]
        return name if name in self.vendors else None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request."""
        name = self.vendor_of(request.path)
        if name is None:
            return web.Response(status=404, text="no such vendor")
        self.requests[name] += 1
        self.log[name].append((request.path, request.query_string))
        source, vendor = self.sources[name], self.vendors[name]
        if (latency := source.latency()) > 0:
            await asyncio.sleep(latency)
        fault = source.draw()
        cut = fault == "reset" or (fault == "down" and source.faults.down == "refused")
        if cut:
            return _cut(request)
        answer = None if fault == "timeout" else _answer(vendor, await _read(request))
        if answer is None:
            await asyncio.sleep(source.faults.stall_seconds)
            return _cut(request)
        if fault is None:
            return _respond(request, self._dated(name, answer))
        if fault in {"stall", "truncated"}:
            pause = source.faults.stall_seconds if fault == "stall" else 0
            return await _half(request, answer, pause)
        spoilt = spoiled(fault, answer, vendor, source.faults)
        return _respond(request, self._dated(name, spoilt))

    def _dated(self, name: str, answer: ApiAnswer) -> ApiAnswer:
        """Let an answer say what the vendor's clock shows, or its skewed Date header."""
        skew = self.vendors[name].behaviour.date_skew
        moment = None if skew is None else self.now() + timedelta(seconds=skew)
        date = "" if moment is None else format_datetime(moment, usegmt=True)
        return replace(answer, headers={**answer.headers, "Date": date})


def _answer(vendor: Api, request: ApiRequest) -> ApiAnswer | None:
    """Return a vendor's answer; None where it stays silent."""
    try:
        return vendor.answer(request)
    except Silence:
        return None


async def _read(request: web.Request) -> ApiRequest:
    return ApiRequest(
        method=request.method,
        path=request.path,
        query=parse_qsl(request.query_string, keep_blank_values=True),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        target=request.path_qs,
    )


def _respond(request: web.Request, answer: ApiAnswer) -> web.Response:
    headers, body = dict(answer.headers), answer.body
    wants = "gzip" in request.headers.get("Accept-Encoding", "")
    if wants and "Content-Encoding" not in headers and len(body) >= WORTH_COMPRESSING_BYTES:
        body = gzip.compress(body, FASTEST_GZIP)
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=answer.status, headers=headers, body=body)


def _cut(request: web.Request) -> web.Response:
    """Cut the connection; the response returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _half(request: web.Request, answer: ApiAnswer, pause: float) -> web.StreamResponse:
    """Send half of an answer, wait, and cut the connection."""
    response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    await asyncio.sleep(pause)
    _cut(request)
    return response


class _Service:
    """A server in a daemon thread with a loop of its own."""

    def __init__(self, sandbox: Sandbox, host: str, port: int) -> None:
        self.port = port
        self._sandbox = sandbox
        self._host = host
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="callhistory-sandbox", daemon=True)

    def start(self) -> None:
        """Start and wait until it listens."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise OSError(f"the sandbox does not start within {START_SECONDS} seconds")
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Stop and wait until all is closed."""
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as failure:  # noqa: BLE001 - handed to the thread that started this one
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=LARGEST_REQUEST_BYTES)
        app.router.add_route("*", "/{path:.*}", self._sandbox.handle)
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=0.1, keepalive_timeout=60
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self.port)
            await site.start()
            self.port = runner.addresses[0][1]
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            await self._stopping.wait()
        finally:
            await runner.cleanup()
