"""What can go wrong between a vendor and its reader, drawn from a seed."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

from tap_callhistory.sandbox.http import JSON_HEADERS, ApiAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_callhistory.sandbox.world.world import Api

FaultKind = Literal[
    "429",
    "500",
    "502",
    "503",
    "timeout",
    "stall",
    "reset",
    "truncated",
    "html",
    "empty",
    "not_json",
    "vendor_error",
    "invalid_utf8",
]
ALL_KINDS: tuple[FaultKind, ...] = (
    *("429", "500", "502", "503", "timeout", "stall", "reset", "truncated"),
    *("html", "empty", "not_json", "vendor_error", "invalid_utf8"),
)
HTML = b"<!doctype html><html><body><h1>Under maintenance</h1></body></html>"
HTML_HEADERS = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, how often.

    Attributes:
        latency_seconds: How long every answer takes.
        jitter_seconds: Up to how much longer, at random.
        requests_per_second: More are answered with 429; None is no limit.
        retry_after: How a 429 says when to come back: in seconds, as a date, or not at all.
        retry_after_seconds: When that is.
        fail_share: The share of requests, from 0 to 1, that go wrong.
        kinds: The ways in which they do, equally often.
        stall_seconds: How long a timeout or a stalled body lasts before the connection is cut.
        down: Nothing is answered: with a 503, or by cutting the connection.
        seed: Which requests go wrong, and how.
    """

    latency_seconds: float = 0
    jitter_seconds: float = 0
    requests_per_second: float | None = None
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    retry_after_seconds: float = 1
    fail_share: float = 0
    kinds: tuple[FaultKind, ...] = ALL_KINDS
    stall_seconds: float = 30
    down: Literal["", "503", "refused"] = ""
    seed: int = 1


class FaultSource:
    """Draws one vendor's faults, request by request, and counts them.

    Args:
        faults: What goes wrong.
        vendor: The vendor's name.
        elapsed: Gives seconds that run steadily.

    Attributes:
        injected: How often each fault came.
    """

    def __init__(self, faults: Faults, vendor: str, elapsed: Callable[[], float]) -> None:
        self.faults = faults
        self.injected: Counter[str] = Counter()
        self._random = random.Random(f"{faults.seed}/{vendor}")
        self._elapsed = elapsed
        self._allowance = faults.requests_per_second or 0.0
        self._counted_at = elapsed()
        self._lock = threading.Lock()

    def latency(self) -> float:
        """Return how many seconds the next answer takes."""
        with self._lock:
            return self.faults.latency_seconds + self._random.random() * self.faults.jitter_seconds

    def draw(self) -> str | None:
        """Return what goes wrong with the next request: a kind, `down`, `rate_limit` or None."""
        with self._lock:
            drawn = self._draw()
            if drawn is not None:
                self.injected[drawn] += 1
            return drawn

    def _draw(self) -> str | None:
        if self.faults.down:
            return "down"
        if not self._within_rate():
            return "rate_limit"
        if self.faults.fail_share and self._random.random() < self.faults.fail_share:
            return self._random.choice(self.faults.kinds)
        return None

    def _within_rate(self) -> bool:
        """Take one from an allowance that fills up steadily, one second's worth at most."""
        rate = self.faults.requests_per_second
        if rate is None:
            return True
        now = self._elapsed()
        most = max(1.0, rate)
        self._allowance = min(most, self._allowance + (now - self._counted_at) * rate)
        self._counted_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def spoiled(kind: str, good: ApiAnswer, vendor: Api, faults: Faults) -> ApiAnswer:
    """Return the answer that comes instead of a good one.

    Kinds that spoil the connection and not the answer (timeout, stall, reset, truncated) leave it
    as it is.
    """
    if kind in {"429", "rate_limit"}:
        return with_retry_after(vendor.error(429, "Too many requests"), faults)
    if kind in {"500", "502", "503", "down"}:
        status = 503 if kind == "down" else int(kind)
        return vendor.error(status, "The service has a fault")
    if kind == "vendor_error":
        return replace(vendor.error(429, "Too many requests"), status=200)
    bodies = {
        "html": ApiAnswer(200, HTML_HEADERS, HTML),
        "empty": ApiAnswer(200, JSON_HEADERS, b""),
        "not_json": ApiAnswer(200, JSON_HEADERS, b"{'not': json,"),
        "invalid_utf8": ApiAnswer(200, JSON_HEADERS, b'{"\xff\xfe": "\xc3\x28"}'),
    }
    return bodies.get(kind, good)


def with_retry_after(answer: ApiAnswer, faults: Faults) -> ApiAnswer:
    """Say in the answer when to come back, if the vendor does."""
    if faults.retry_after == "none":
        return answer
    text = f"{faults.retry_after_seconds:g}"
    if faults.retry_after == "date":
        moment = datetime.now(UTC) + timedelta(seconds=faults.retry_after_seconds)
        text = format_datetime(moment, usegmt=True)
    return replace(answer, headers={**answer.headers, "Retry-After": text})
