"""Every output and log line that the tests see passes here, and is searched for the secrets.

A text is searched at once and not kept; what leaks is kept, by the name of the secret and where it
was seen. The secrets are those of the sandbox, and those that tests plant.
"""

from __future__ import annotations

import logging
import re
import subprocess
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from tap_callhistory.sandbox.vendors import cinnox, etelecom, kavenegar, twin, utel

if TYPE_CHECKING:
    from collections.abc import Iterable

PLANTED: Final = "pl4nted-s3cret"
"""Tests plant credentials that begin with it, under keys that no log and no output may keep."""

SECRETS: Final = (
    *(cinnox.APP_TOKEN, etelecom.API_KEY, kavenegar.TOKEN, "sandbox-access-token"),
    *(twin.PASSWORD, twin.TOKEN_PREFIX, "sandbox-twin-refresh-token", utel.PASSWORD, utel.TOKEN),
    *("00000000-fake-0000", PLANTED),
)
"""The last but one begins the access tokens in the vendors' documented samples."""

COMMANDS: Final = ("tap-callhistory", "hurried.py", "meltano", "tap_callhistory.tap")
"""What makes a program one whose output is searched."""
QUIET_COMMANDS: Final = ("tap-callhistory-sandbox", "tap-callhistory-probe")
"""The first prints the made-up credentials that a user needs to try it."""


class Watch:
    """Searches texts for secrets.

    Attributes:
        characters: How much was searched.
        leaks: Where secrets were seen: (secret, what held it, the text around it).
    """

    def __init__(self, secrets: Iterable[str] = SECRETS) -> None:
        self._secrets = re.compile("|".join(map(re.escape, secrets)))
        self.characters = 0
        self.leaks: list[tuple[str, str, str]] = []

    def remember(self, text: str | bytes | None, holder: str) -> None:
        """Search a text that came out of the tap; `holder` says where it was seen."""
        text = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
        self.characters += len(text)
        for found in self._secrets.finditer(text):
            around = text[max(0, found.start() - 60) : found.end() + 20]
            self.leaks.append((found[0], holder, around))


WATCH: Final = Watch()
remember = WATCH.remember


class WatchingHandler(logging.Handler):
    """Passes on every line that is logged in the tests' own process by the tap or its libraries."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name.split(".")[0] in {"tap-callhistory", "tap_callhistory", "singer_sdk"}:
            remember(self.format(record), f"the log of {record.name}")


_communicate = subprocess.Popen.communicate


def _remembering_communicate(self: subprocess.Popen[Any], *given: Any, **named: Any) -> Any:
    outputs = _communicate(self, *given, **named)
    command = str(self.args)
    if any(name in command for name in COMMANDS) and not any(
        name in command for name in QUIET_COMMANDS
    ):
        for output in outputs:
            remember(output, command[:200])
    return outputs


def begin() -> None:
    """Search from now on what this process logs and what the programs it runs put out."""
    logging.getLogger().addHandler(WatchingHandler(logging.DEBUG))
    subprocess.Popen.communicate = _remembering_communicate  # type: ignore[method-assign]
