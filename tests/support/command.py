"""The real command, as a user types it, and what a run of it came to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


COMMAND = Path(sys.executable).parent / "tap-callhistory"
RUN_TIMEOUT_SECONDS = 60
FOREIGN_SETTINGS = ("TAP_CALLHISTORY_", "MELTANO_")


@dataclass(frozen=True)
class Run:
    """What one run of the command came to."""

    code: int
    output: str
    log: str
    seconds: float

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [each["record"] for each in self.of("RECORD") if each["stream"] == stream]

    def rows(self, stream: str) -> dict[Any, dict[str, Any]]:
        """The table that a target would make: the last record of each key."""
        return {record["id"]: record for record in self.records(stream)}

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.of("STATE")[-1]["value"]
        return state

    @property
    def lines(self) -> list[str]:
        """The log's lines, without their heads."""
        return [line.split(" | ")[-1] for line in self.log.splitlines()]

    @property
    def errors(self) -> list[str]:
        heads = [line.split(" | ") for line in self.log.splitlines()]
        return [parts[-1] for parts in heads if len(parts) > 1 and parts[1].strip() == "ERROR"]


@dataclass
class Command:
    """The real command, as a user types it, in a folder of its own."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def written(self, name: str, content: Any) -> str:
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / name).write_text(text)
        return name

    def arguments(
        self, config: Any = None, *arguments: str, state: Any = None, catalog: Any = None
    ) -> list[str]:
        given = {"config": config, "state": state, "catalog": catalog}
        files = [
            part
            for name, content in given.items()
            if content is not None
            for part in (f"--{name}", self.written(f"{name}.json", content))
        ]
        return [str(COMMAND), *files, *arguments]

    def environ(self, extra: Mapping[str, str] | None) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(FOREIGN_SETTINGS)
        }
        return {**kept, "NO_COLOR": "1", "COLUMNS": "200", **self.environment, **(extra or {})}

    def start(
        self, config: Any, *arguments: str, env: Mapping[str, str] | None = None, **given: Any
    ) -> subprocess.Popen[bytes]:
        """Start the command and leave it running."""
        return subprocess.Popen(  # noqa: S603
            self.arguments(config, *arguments, **given),
            cwd=self.folder,
            env=self.environ(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __call__(
        self,
        config: Any = None,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        **given: Any,
    ) -> Run:
        """Run the command to its end."""
        began = time.monotonic()
        done = subprocess.run(  # noqa: S603
            self.arguments(config, *arguments, **given),
            cwd=self.folder,
            env=self.environ(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_SECONDS,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
