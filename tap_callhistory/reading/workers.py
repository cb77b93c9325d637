"""Workers that fetch pages beside the thread that puts them in order."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Job = TypeVar("Job")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)
#: A finished job: the job, its result or None, and the exception that ended it or None.
Finished = tuple[Job, Result | None, Exception | None]


class Workers(Protocol[Job, Result_co]):
    """Take jobs, give back what came of them in any order."""

    def submit(self, job: Job) -> None:
        """Hand in a job."""

    def finished(self, timeout: float) -> Finished[Job, Result_co] | None:
        """A finished job, or None if none finishes within the timeout, in seconds."""

    def close(self) -> None:
        """Take no more jobs; those under way are left to end by themselves."""


def _perform(job: Job, work: Callable[[Job], Result]) -> Finished[Job, Result]:
    try:
        return job, work(job), None
    except Exception as error:  # noqa: BLE001 - it is raised again where it can be dealt with
        return job, None, error


class Threads(Generic[Job, Result]):
    """Daemon threads: a request that hangs must not keep the process from ending."""

    def __init__(self, work: Callable[[Job], Result], count: int, name: str) -> None:
        self._work = work
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Finished[Job, Result]] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(1, count + 1)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._finished.put(_perform(job, self._work))

    def submit(self, job: Job) -> None:
        """Hand in a job."""
        self._jobs.put(job)

    def finished(self, timeout: float) -> Finished[Job, Result] | None:
        """A finished job, or None if none finishes within the timeout, in seconds."""
        try:
            return self._finished.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Let every thread end after what it is doing."""
        for _ in self._threads:
            self._jobs.put(None)


class InTurn(Generic[Job, Result]):
    """One job after another, in the caller's thread: for the order of things to be repeatable."""

    def __init__(self, work: Callable[[Job], Result]) -> None:
        self._work = work
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Hand in a job."""
        self._jobs.append(job)

    def finished(self, timeout: float) -> Finished[Job, Result] | None:  # noqa: ARG002
        """Do the oldest job now."""
        return _perform(self._jobs.popleft(), self._work) if self._jobs else None

    def close(self) -> None:
        """Forget the jobs that were not begun."""
        self._jobs.clear()
