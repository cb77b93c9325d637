"""Runs of the real command in a hurry: to their end, or to an end that is put to them."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from tap_callhistory.output.ledger import NAME as LEDGER
from tests.support.command import Command, Run
from tests.support.faults.remembered import remember

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping

HURRIED: Final = Path(__file__).with_name("hurried.py")
LONGEST_RUN_SECONDS: Final = 120
READ_BYTES: Final = 1 << 14


@dataclass
class Hurried(Command):
    """The real command with short waits and small windows."""

    @override
    def arguments(self, *given: Any, **named: Any) -> list[str]:
        return [sys.executable, "-P", str(HURRIED), *super().arguments(*given, **named)[1:]]

    def to_the_end(self, config: Mapping[str, Any], state: Any = None) -> Run:
        """Run it, however long the faults make it."""
        began = time.monotonic()
        with self.start(config, state=state) as process:
            output, log = process.communicate(timeout=LONGEST_RUN_SECONDS)
        seconds = time.monotonic() - began
        return Run(process.returncode, output.decode(), log.decode(), seconds)

    def ended(self, config: Mapping[str, Any], ending: Ending, state: Any = None) -> Interrupted:
        """Run it until the ending's moment, and end it so."""
        process = self.start(config, state=state)
        assert process.stdout is not None
        assert process.stderr is not None
        output = _until(process.stdout.fileno(), ending)
        began = time.monotonic()
        if ending.signum is None:
            process.stdout.close()
            log = process.stderr.read()
            process.stderr.close()
        else:
            process.send_signal(ending.signum)
            rest, log = process.communicate(timeout=LONGEST_RUN_SECONDS)
            output += rest
        code = process.wait(LONGEST_RUN_SECONDS)
        remember(output, "the output of an ended run")
        remember(log, "the log of an ended run")
        return Interrupted(code, output, log.decode(), time.monotonic() - began)


@dataclass(frozen=True)
class Ending:
    """How and when a run ends before its time.

    Attributes:
        signum: The signal; None closes its standard output.
        after_bytes: After so many bytes of output; None for any.
        after_seconds: And so long after its first byte.
    """

    signum: signal.Signals | None
    after_bytes: int = 0
    after_seconds: float = 0.0

    @property
    def name(self) -> str:
        return "closed stdout" if self.signum is None else self.signum.name


@dataclass(frozen=True)
class Interrupted:
    """What an ended run left.

    Attributes:
        code: Its exit code; negative for the signal that killed it.
        output: All that came out, half a line at the end included.
        log: What it said.
        seconds: How long it took to end.
    """

    code: int
    output: bytes
    log: str
    seconds: float

    @property
    def half_line(self) -> bytes:
        return self.output.rpartition(b"\n")[2]

    @property
    def messages(self) -> list[dict[str, Any]]:
        whole = self.output.rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def state(self) -> Any:
        """The last state that came out, if any did."""
        states = [each["value"] for each in self.messages if each["type"] == "STATE"]
        return states[-1] if states else None

    def kept(self) -> list[dict[str, Any]]:
        """The messages that every target has kept: those before the last STATE."""
        messages = self.messages
        states = [place for place, each in enumerate(messages) if each["type"] == "STATE"]
        return messages[: states[-1]] if states else []


def _until(pipe: int, ending: Ending) -> bytes:
    """Read a run's output until the ending's moment, or its own end."""
    output = os.read(pipe, 1)
    time.sleep(ending.after_seconds)
    while len(output) < max(ending.after_bytes, 1):
        piece = os.read(pipe, min(READ_BYTES, ending.after_bytes - len(output)))
        if not piece:
            break
        output += piece
    return output


def tables(*parts: list[dict[str, Any]]) -> dict[str, dict[Any, dict[str, Any]]]:
    """The tables that a target makes of messages: the last record of each key, by stream."""
    made: dict[str, dict[Any, dict[str, Any]]] = {}
    for message in (message for part in parts for message in part):
        if message["type"] == "RECORD" and message["stream"] != LEDGER:
            made.setdefault(message["stream"], {})[message["record"]["id"]] = message["record"]
    return made


def is_monotone(messages: list[dict[str, Any]], since: Any = None) -> bool:
    """Whether no stream's bookmark ever moves backwards."""
    reached: dict[str, str] = {}
    states = [each["value"] for each in messages if each["type"] == "STATE"]
    for state in [*([since] if since else []), *states]:
        for stream, bookmark in state["bookmarks"].items():
            value = bookmark.get("replication_key_value", "")
            if value < reached.get(stream, ""):
                return False
            reached[stream] = value
    return True
