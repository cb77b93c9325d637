"""Requests that fail, and vendors that are down: what can be loaded is, and nothing is lost."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.sandbox.faults import Faults
from tests.support.faults.runs import is_monotone, tables
from tests.support.faults.trials import (
    FAILING_SETTINGS,
    STREAMS,
    quarter_failing,
    settings_for,
)
from tests.support.serving import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.faults.runs import Hurried
    from tests.support.serving import Serve

RUNS = int(os.environ.get("CALLHISTORY_FAILING_RUNS", "1"))


@pytest.mark.parametrize("seed", range(1, RUNS + 1))
def test_with_a_quarter_of_all_requests_failing_nothing_is_lost(seed: int, tmp_path: Path) -> None:
    outcome, run = quarter_failing(tmp_path, seed)
    assert run.code == 0, run.log
    assert outcome.lost == 0
    assert outcome.monotone
    assert outcome.failing > outcome.requests / 8
    assert len(outcome.injected) > 8
    assert "Traceback" not in run.log


def test_with_two_of_five_vendors_down_three_are_loaded(serve: Serve, hurried: Hurried) -> None:
    down = {"etelecom": Faults(down="503"), "cinnox": Faults(down="refused")}
    served = serve(calls=60, faults=down)
    settings = settings_for(served.sandbox, served.url, **FAILING_SETTINGS | {"max_retries": 2})
    run = hurried.to_the_end(settings)
    assert run.code == 1
    made = tables(run.messages)
    up = [name for vendor, name in STREAMS.items() if vendor not in down]
    assert set(made) == set(up)
    assert all(made[name] == served.truth(name) for name in up)
    assert set(run.state["bookmarks"]) >= set(up)
    for line, name in zip(run.lines[-2:], sorted(STREAMS[vendor] for vendor in down), strict=True):
        assert line.startswith(f"{name} failed: no good answer in 3 tries")
        assert "Nothing of it is bookmarked" in line
        assert "next run" in line
    assert run.errors == run.lines[-2:]
    assert "Traceback" not in run.log


def test_a_vendor_that_goes_down_on_the_way_is_loaded_to_where_the_last_line_says(
    serve: Serve, hurried: Hurried
) -> None:
    served = serve(calls=600, days=80)
    settings = settings_for(served.sandbox, served.url, concurrency=1, max_retries=1)
    settings["start_date"] = (NOW - timedelta(days=85)).isoformat()
    asked = served.sandbox.vendors["utel"].answer
    count = 0

    def answer(request: object) -> object:
        nonlocal count
        count += 1
        if count > 30:
            served.sandbox.set_faults({"utel": Faults(down="503")})
        return asked(request)  # type: ignore[arg-type]

    served.sandbox.vendors["utel"].answer = answer  # type: ignore[assignment, method-assign]
    config = {key: value for key, value in settings.items() if key not in STREAMS or key == "utel"}
    run = hurried.to_the_end(config)
    assert run.code == 1
    stream = "utel_call_history"
    bookmark = run.state["bookmarks"][stream]["replication_key_value"]
    assert f"It is loaded up to {bookmark}" in run.lines[-1]
    served.sandbox.set_faults(Faults())
    served.sandbox.vendors["utel"].answer = asked  # type: ignore[method-assign]
    again = hurried.to_the_end(config, state=run.state)
    assert again.code == 0
    made = tables(run.messages, again.messages)
    assert made[stream] == served.truth(stream)
    assert 0 < len(run.rows(stream)) < len(made[stream])
    assert is_monotone([*run.messages, *again.messages])
