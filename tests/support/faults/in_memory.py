"""The whole tap in this process, fed with answers as they are given: no network, no waits."""

from __future__ import annotations

import io
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import msgspec
from typing_extensions import override

from tap_callhistory import tap
from tap_callhistory.errors import StreamsFailed
from tap_callhistory.reading.workers import InTurn
from tap_callhistory.transport.budget import Budget
from tests.support.faults.hurried import FIRST_WAIT_SECONDS
from tests.support.faults.remembered import PLANTED, remember

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tap_callhistory.errors import CallHistoryError
    from tap_callhistory.reading.sizes import Sizes
    from tap_callhistory.run import Run
    from tap_callhistory.transport.http import Answer, Request

BEGAN: Final = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
NOWHERE: Final = "http://127.0.0.1:9"
HISTORY: Final = timedelta(seconds=10)
"""Short, as a vendor that contradicts itself is asked again down to its smallest window."""
MOST_REQUESTS: Final = 6_000

SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "kavenegar": {"api_token": f"{PLANTED}-kavenegar", "api_url": NOWHERE},
    "etelecom": {"api_key": f"{PLANTED}-etelecom", "api_url": NOWHERE},
    "twin": {
        "email": "a@example.com",
        "password": f"{PLANTED}-twin",
        "api_url": NOWHERE,
        "iam_url": NOWHERE,
    },
    "cinnox": {"app_id": "app", "app_token": f"{PLANTED}-cinnox", "api_url": NOWHERE},
    "utel": {"email": "a@example.com", "password": f"{PLANTED}-utel", "api_url": NOWHERE},
}

GOOD_LOGIN: Final = msgspec.json.encode({
    "token": f"{PLANTED}-login",
    "result": {"access_token": f"{PLANTED}-login"},
})


class NeverEndsError(BaseException):
    """A run asks for more pages than any sane one would."""


@dataclass
class Told:
    """What a run put out.

    Attributes:
        output: All that it wrote.
        log: All that it logged.
        requests: How many requests it made.
        failure: Why a stream failed; None if none did.
        last_lines: What the command would say at its end.
    """

    output: bytes = b""
    log: str = ""
    requests: int = 0
    failure: CallHistoryError | None = None
    last_lines: Sequence[str] = ()

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.lines]

    @property
    def lines(self) -> list[bytes]:
        return self.output.splitlines()


@dataclass
class GivenSender:
    """Brings the answers that a test gives: a function of the request's number."""

    give: Callable[[int, Request], Answer]
    told: Told

    def ask(
        self, request: Request, headers: Mapping[str, str], before_each: Callable[[], None]
    ) -> Answer:
        before_each()
        assert headers
        if request.body is not None:
            msgspec.json.encode(request.body)
        self.told.requests += 1
        if self.told.requests > MOST_REQUESTS:
            raise NeverEndsError(request.url)
        return self.give(self.told.requests, request)

    def close(self) -> None:
        pass


class _Unpaced(Budget):
    """Lets every request go at once."""

    @override
    def acquire(self) -> None:
        pass


@dataclass
class _Capture:
    buffer: io.BytesIO = field(default_factory=io.BytesIO)

    def flush(self) -> None:
        pass


@contextmanager
def _logged() -> Iterator[io.StringIO]:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger("tap-callhistory")
    level, make = logger.level, logging.getLogRecordFactory()
    logger.propagate = False
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = True
        logging.setLogRecordFactory(make)


def run_given(vendor: str, give: Callable[[int, Request], Answer], **settings: Any) -> Told:
    """Run the tap over one vendor whose answers are given."""
    told = Told()
    config = {"max_retries": 1, vendor: SETTINGS[vendor], **settings}

    def connect(made: Run) -> None:
        made.first_wait_seconds = 0
        made.new_sender = lambda **_given: GivenSender(give, told)
        made.new_workers = lambda work, _count, _name: InTurn(work)
        made.new_budget = _Unpaced

    return _run({"start_date": (BEGAN - HISTORY).isoformat(), **config}, told, connect)


def run_over_http(
    config: Mapping[str, Any], sizes: Sizes | None = None, began: datetime = BEGAN
) -> Told:
    """Run the tap in this process over real HTTP, with short waits between its tries."""
    usual = {"start_date": (began - timedelta(hours=1)).isoformat(), "request_timeout": 5}

    def hurry(made: Run) -> None:
        made.first_wait_seconds = FIRST_WAIT_SECONDS
        made.sizes = sizes or made.sizes
        made.began = began

    return _run({**usual, **config}, Told(), hurry)


def _run(config: dict[str, Any], told: Told, prepare: Callable[[Run], None]) -> Told:
    output = _Capture()
    with _logged() as log, patch("sys.stdout", output):
        made = tap.TapCallHistory(config=config, setup_mapper=True)
        made.run.began = BEGAN
        prepare(made.run)
        try:
            made.sync_all()
        except StreamsFailed as failed:
            told.last_lines = failed.lines
    failures = (getattr(each, "failure", None) for each in made.streams.values())
    told.failure = next((each for each in failures if each), None)
    told.output = output.buffer.getvalue()
    told.log = "\n".join([log.getvalue(), *told.last_lines])
    remember(told.output, "the output of a run in this process")
    remember(told.log, "the log of a run in this process")
    return told
