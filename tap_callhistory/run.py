"""What a run decides once, and every stream of it uses."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tap_callhistory.privacy.logs import Redactor
from tap_callhistory.reading.schedule import USUAL_SIZES
from tap_callhistory.reading.workers import Threads, Workers
from tap_callhistory.transport.budget import Budget
from tap_callhistory.transport.http import HttpSender
from tap_callhistory.transport.transport import FIRST_WAIT_SECONDS, Sender, Transport
from tap_callhistory.vendors.base import Session

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from tap_callhistory.reading.sizes import Sizes
    from tap_callhistory.settings.checking import Settings
    from tap_callhistory.transport.auth import Authenticator
    from tap_callhistory.transport.http import Answer
    from tap_callhistory.transport.verdicts import Judge
    from tap_callhistory.vendors.base import Endpoint

NewWorkers = Callable[[Callable[[Any], Any], int, str], Workers[Any, Any]]
"""From a job's work, a number of workers and a name to the workers."""


@dataclass
class Run:
    """One run of the tap.

    Attributes:
        settings: The user's settings, checked.
        began: When the run began, aware; nothing after it is asked for.
        stop: Set when the run is to end; ends all requests and waits.
        redactor: Knows the secrets that must stay out of logs and records.
        id: Made anew for every run; in the ledger.
        sandbox: The sandbox's addresses and credentials by vendor, where it is read.
        new_workers: Makes the workers that fetch pages.
        new_sender: Makes what sends the requests of one transport.
        first_wait_seconds: Before the first retry of a request.
        sizes: How many calls a window should hold, and how many are held in memory.
        new_budget: Makes the request budget of one transport.
    """

    settings: Settings
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    stop: threading.Event = field(default_factory=threading.Event)
    redactor: Redactor = field(default_factory=lambda: Redactor(mask_numbers=True))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    sandbox: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    new_workers: NewWorkers = Threads
    new_sender: Callable[..., Sender] = HttpSender
    first_wait_seconds: float = FIRST_WAIT_SECONDS
    sizes: Sizes = USUAL_SIZES
    new_budget: Callable[..., Budget] = Budget

    def vendor_settings(self, vendor: str) -> Mapping[str, Any]:
        """A vendor's settings; in the sandbox with its address and credentials."""
        return {**self.settings.vendors[vendor], **self.sandbox.get(vendor, {})}

    def endpoint(self, kind: type[Endpoint]) -> Endpoint:
        """A vendor's endpoint with the settings of this run."""
        return kind(self.vendor_settings(kind.vendor))

    def connect(
        self,
        endpoint: Endpoint,
        logger: logging.Logger,
        *,
        budget: Budget | None = None,
        max_retries: int | None = None,
        on_answer: Callable[[Answer], None] | None = None,
    ) -> Transport:
        """Open a transport to a vendor, with its credential.

        Args:
            endpoint: Whom to ask.
            logger: Gets a line per retry.
            budget: Paces its requests, and those of its logins; by default each has its own.
            max_retries: Tries after the first; by default those of the settings.
            on_answer: Told of every answer before it is judged.
        """
        settings = self.settings

        def opened(judge: Judge, authenticator: Authenticator | None) -> Transport:
            rate = settings.requests_per_second_of(endpoint.vendor)
            return Transport(
                name=endpoint.name,
                sender=self.new_sender(
                    name=endpoint.name, request_timeout=settings.request_timeout, stop=self.stop
                ),
                max_retries=settings.max_retries if max_retries is None else max_retries,
                user_agent=settings.user_agent,
                budget=budget or self.new_budget(rate, stop=self.stop),
                stop=self.stop,
                logger=logger,
                judge=judge,
                authenticator=authenticator,
                first_wait_seconds=self.first_wait_seconds,
                on_answer=on_answer,
            )

        def ask(request: Any, judge: Judge, *, once: bool = False) -> Any:
            transport = opened(judge, None)
            try:
                return transport.fetch(request, retries=0 if once else None)
            finally:
                transport.close()

        session = Session(ask, self.redactor.add)
        return opened(endpoint.judge_page, endpoint.authenticator(session))
