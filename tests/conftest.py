"""What tests of the whole tap share: a sandbox whose clock stands still, and the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tap_callhistory.sandbox.server import Sandbox
from tests.support.sharing import GroupScheduling, place_of, rank_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytest_plugins = ("tests.support.transform.loaded", "tests.support.end_to_end.installed")
"""What tests of several folders share is registered here, and made once for all."""

NOW = datetime(2025, 6, 20, 10, 0, tzinfo=UTC)
"""Where the sandbox's clock stands: a Friday, in business hours."""

COMMAND = Path(sys.executable).parent / "tap-callhistory"
RUN_TIMEOUT_SECONDS = 60
FOREIGN_SETTINGS = ("TAP_CALLHISTORY_", "MELTANO_")

# Where it is set, every program that a test starts compiles all that it imports anew: twice the
# processor time of a start of the tap, of Meltano and of dbt.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Every property is tested under this; a test says only how many examples it wants. The machine may
# be busy, so nothing is decided by time. CALLHISTORY_SHRINK=no leaves shrinking for another day.
# A check before a merge judges the change alone, by the same examples every time: new ones are for
# whoever sits before the machine.
settings.register_profile(
    "callhistory",
    deadline=None,
    derandomize="CI" in os.environ,
    print_blob=True,
    phases=[
        each
        for each in Phase
        if each is not Phase.shrink or os.environ.get("CALLHISTORY_SHRINK") != "no"
    ],
    suppress_health_check=[
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
        HealthCheck.large_base_example,
        HealthCheck.too_slow,
    ],
)
settings.load_profile("callhistory")


TESTS = Path(__file__).parent

SLOW = (
    *("documentation", "end_to_end", "faults", "orchestrate", "report", "transform"),
    *("packaging/test_package", "test_singer_suite", "vendors/test_adding_a_vendor"),
    *("probe/test_allowance", "probe/test_any_readings", "probe/test_date_filter"),
    *("probe/test_named_readings", "probe/test_periods", "probe/test_program"),
    *("reading/test_hardships", "reading/test_page_sizes", "reading/test_properties"),
    *("reading/test_reader", "reading/test_tiring", "reading/test_unlikely", "records/test_lane"),
    *("test_completeness", "test_command_line", "test_contract"),
    *("sandbox/test_calls", "sandbox/test_program", "sandbox/test_proxies", "shards/test_program"),
)
"""What starts programs and databases, or tells many stories, of what others test in a small way."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow; among several workers, begin with what takes longest."""
    for item in items:
        if place_of(item.nodeid).startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Let tests that share a fixture share a worker."""
    return GroupScheduling(config, log)


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


@pytest.fixture
def run_tap(tmp_path: Path) -> Command:
    return Command(tmp_path)


@dataclass(frozen=True)
class Served:
    """A sandbox, where it is served."""

    sandbox: Sandbox
    url: str

    def config(self, *vendors: str, **settings: Any) -> dict[str, Any]:
        """The tap's settings for some vendors (all, if none is named)."""
        known = self.sandbox.settings(self.url)
        now = self.sandbox.now()
        return {
            "start_date": (now - timedelta(days=30)).isoformat(),
            "end_date": now.isoformat(),
            **{name: known[name] for name in vendors or known},
            **settings,
        }

    def truth(self, stream: str) -> dict[Any, dict[str, Any]]:
        return {row["id"]: row for name, row in self.sandbox.truth() if name == stream}


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves sandboxes until the test ends; they stand still at NOW unless told otherwise."""
    with ExitStack() as serving:

        def start(**options: Any) -> Served:
            sandbox = Sandbox(**{"calls": 150, "days": 20, "now": NOW, **options})
            return Served(sandbox, serving.enter_context(sandbox.serve()))

        yield start


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """A sandbox of all five vendors that stands still at NOW; not to be changed."""
    sandbox = Sandbox(calls=150, days=20, now=NOW)
    with sandbox.serve() as url:
        yield Served(sandbox, url)
