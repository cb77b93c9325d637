"""The request budget that all workers of a stream share.

    rate   ──────╮                ╭───── the ceiling (requests_per_second, or none)
                 ╰╮           ╭───╯
                  ╰───────────╯
               429s        good answers

It paces requests evenly, and makes all workers wait while the vendor asked for a pause. Where a
vendor refuses without saying when to come back, it finds the rate that the vendor accepts.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from time import monotonic

from tap_callhistory.errors import StoppedError

LOWEST_REQUESTS_PER_SECOND = 0.5
RECOVERED_PER_SECOND = 1.0
RECOVERED_SHARE_PER_SECOND = 0.1
"""A lowered rate grows by the larger of the two, for every second that brings good answers."""
DEEPEST_FALL = 0.5
REMEMBERED_ANSWERS = 32
REMEMBERED_REQUESTS = 1024
OBSERVATION_SECONDS = 5.0
PRESUMED_REQUESTS_PER_SECOND = 10.0
"""Where an unlimited rate falls from if too few requests went out to tell."""


class Budget:
    """When the next request may go out; thread-safe.

    Args:
        requests_per_second: The ceiling; None for no limit of ours.
        stop: Ends every wait when set.
        settling_seconds: Refusals this soon after the rate fell are echoes of the same burst.
    """

    def __init__(
        self,
        requests_per_second: float | None,
        *,
        stop: threading.Event,
        settling_seconds: float = 1.0,
    ) -> None:
        self._ceiling = math.inf if requests_per_second is None else requests_per_second
        self._rate = self._ceiling
        self._stop = stop
        self._settling_seconds = settling_seconds
        self._lock = threading.Lock()
        self._next_slot = 0.0
        self._paused_until = 0.0
        self._adjusted_at = 0.0
        self._fell_at = -math.inf
        self._granted_at: deque[float] = deque(maxlen=REMEMBERED_REQUESTS)
        self._answers: deque[bool] = deque(maxlen=REMEMBERED_ANSWERS)

    @property
    def rate(self) -> float:
        """Requests per second at the moment; infinite when nothing limits them."""
        return self._rate

    def acquire(self) -> None:
        """Wait until a request may go out.

        Raises:
            StoppedError: The run is being stopped.
        """
        while (seconds := self._take_slot()) > 0:
            if self._stop.wait(seconds):
                break
        if self._stop.is_set():
            raise StoppedError("stopped before a request")

    def pause(self, seconds: float) -> None:
        """Let no request of any worker go out for so long."""
        with self._lock:
            self._paused_until = max(self._paused_until, monotonic() + seconds)

    def accepted(self) -> None:
        """Tell of a good answer: a lowered rate recovers."""
        with self._lock:
            self._answers.append(True)
            if self._rate < self._ceiling:
                now = monotonic()
                growth = max(RECOVERED_PER_SECOND, RECOVERED_SHARE_PER_SECOND * self._rate)
                growth *= min(now - self._adjusted_at, 1.0)
                self._rate = min(self._ceiling, self._rate + growth)
                self._adjusted_at = now

    def slow_down(self) -> None:
        """Tell of a refusal for too many requests: the rate falls to what was let through."""
        with self._lock:
            self._answers.append(False)
            now = monotonic()
            if now - self._fell_at < self._settling_seconds:
                return
            fall = max(DEEPEST_FALL, sum(self._answers) / len(self._answers))
            rate = min(self._rate, self._observed_rate(now)) * fall
            self._rate = min(self._ceiling, max(LOWEST_REQUESTS_PER_SECOND, rate))
            self._fell_at = self._adjusted_at = now

    def _take_slot(self) -> float:
        """Take the next slot if it has come; otherwise how many seconds to wait and try again."""
        with self._lock:
            now = monotonic()
            due = max(self._next_slot, self._paused_until)
            if due > now:
                return due - now
            self._next_slot = now + 1 / self._rate
            self._granted_at.append(now)
            return 0.0

    def _observed_rate(self, now: float) -> float:
        recent = [instant for instant in self._granted_at if now - instant < OBSERVATION_SECONDS]
        seconds = max(1.0, now - recent[0]) if recent else 1.0
        return max(PRESUMED_REQUESTS_PER_SECOND, len(recent) / seconds)
