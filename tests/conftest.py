"""What tests of the whole tap share: a sandbox whose clock stands still, and the real command."""

from __future__ import annotations

import gc
import logging
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tap_callhistory.sandbox.server import Sandbox
from tests.support.command import Command
from tests.support.serving import NOW, Serve, Served
from tests.support.sharing import SLOW, GroupScheduling, place_of, rank_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("tests.support.transform.loaded", "tests.support.end_to_end.installed")
"""What tests of several folders share is registered here, and made once for all."""

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


def pytest_collection_finish() -> None:
    """Let the collector of garbage leave alone what lives as long as the session."""
    gc.collect()
    gc.freeze()


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


@pytest.fixture
def no_logs() -> Iterator[None]:
    """Nothing is logged: runs in process say much that no test reads."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def run_tap(tmp_path: Path) -> Command:
    return Command(tmp_path)


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
