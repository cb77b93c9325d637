"""No secret leaves: searched over all that the session's tests saw, at its end."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from tests.support.faults import remembered
from tests.support.faults.remembered import PLANTED, SECRETS, WATCH, Watch


@pytest.mark.parametrize("secret", SECRETS)
def test_search_finds_a_secret(secret: str) -> None:
    watch = Watch()
    watch.remember(f"... token={secret}-7 ...", "a log")
    assert [leak[:2] for leak in watch.leaks] == [(secret, "a log")]


def test_search_covers_logs_and_the_outputs_of_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr(remembered, "remember", watch.remember)
    logging.getLogger("tap-callhistory.some_stream").warning("it is %s", PLANTED + "-1")
    program = "import sys; print(sys.argv[1]); print(sys.argv[1], file=sys.stderr)"
    named_like_the_tap = [sys.executable, "-c", program, PLANTED + "-2", "tap-callhistory"]
    subprocess.run(named_like_the_tap, capture_output=True, check=True)  # noqa: S603
    assert len(watch.leaks) == 3


def test_nothing_that_this_session_put_out_holds_a_secret() -> None:
    assert WATCH.characters > 0
    assert WATCH.leaks == []
