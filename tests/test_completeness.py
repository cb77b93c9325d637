"""Whatever happens between a vendor, the world and the tap: nothing that is promised is lost.

Some seconds of examples in the usual run. For ten thousand and more, and to leave shrinking for
another day:

    CALLHISTORY_EXAMPLES=10000 CALLHISTORY_SHRINK=no pytest tests/test_completeness.py -k any_story
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from hypothesis import given, settings

from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship
from tests.support.call_stories import START, Appear, Delete, Quiet, Story, Sync, stories
from tests.support.in_process import NOON
from tests.support.telling import tell

EXAMPLES = int(os.environ.get("CALLHISTORY_EXAMPLES", "60"))


pytestmark = pytest.mark.usefixtures("no_logs")


@given(stories())
@settings(max_examples=EXAMPLES)
def test_nothing_promised_is_lost_in_any_story(story: Story) -> None:
    tell(story)


# Failures that stories have found, shrunk.


def a_run(page_size: int = 3) -> Sync:
    begin = {"lookback_hours": 1, "concurrency": 1, "start_date": START.isoformat()}
    return Sync({**begin, "revisit_hours": []}, page_size=page_size, seed=0)


def a_story(vendor: str, behaviour: Behaviour, *steps: Appear | Quiet | Sync) -> Story:
    return Story(vendor, behaviour, False, 4, 1, False, steps)  # noqa: FBT003


def test_a_window_refused_in_an_http_200_is_read_in_shorter_ones() -> None:
    habits = Behaviour(largest_span_days=2, errors_in_ok=True)
    tell(a_story("cinnox", habits, Quiet(1), a_run(page_size=2)))


def test_an_unfinished_call_of_the_first_window_does_not_hide_those_of_the_last() -> None:
    """The bookmark stands still from window to window; what comes after it is kept all the same."""
    habits = Behaviour(bounds="(]", largest_page=3, oversize="cut", order="newest")
    tell(
        a_story(
            "etelecom",
            habits,
            Appear(count=12, late=70, apart=0, lasts=240, recording=0),
            Appear(count=5, late=300, apart=17, lasts=500, recording=30),
            Appear(count=1, late=0, apart=1, lasts=80, recording=1),
            a_run(),
        )
    )


def test_a_call_that_starts_as_the_run_begins_is_left_to_the_next_run() -> None:
    habits = Behaviour(bounds="[)", filter_field="started")
    appear = Appear(count=2, late=0, apart=0, lasts=0, recording=None)
    tell(a_story("etelecom", habits, appear, a_run(), Quiet(1), a_run()))


def test_a_window_in_doubt_does_not_wait_for_parts_that_nobody_asks_for() -> None:
    """The queue was full with the window that waited, so its other parts were never begun."""
    late = Appear(count=4, late=50, apart=0, lasts=1, recording=None)
    early = Appear(count=4, late=300, apart=600, lasts=1, recording=None)
    begin = {"lookback_hours": 1, "start_date": START.isoformat(), "revisit_hours": [48]}
    steps = (
        Appear(count=1, late=59, apart=0, lasts=240, recording=None),
        Sync(
            {**begin, "concurrency": 4},
            page_size=40,
            seed=0,
            meanwhile=((12, late), (10, early), (6, Quiet(120))),
        ),
        Appear(count=2, late=0, apart=600, lasts=0, recording=None),
        Sync({**begin, "concurrency": 1}, page_size=2, seed=1),
    )
    habits = Behaviour(filter_field="started", oversize="cut")
    tell(Story("cinnox", habits, False, 4, 1, True, steps))  # noqa: FBT003


def test_the_end_of_a_window_is_not_looked_at_for_ever() -> None:
    """Each look at it, and each second answer, fell together: none of them held any calls."""
    habits = Behaviour(
        bounds="[)",
        largest_page=3,
        oversize="cut",
        order="oldest",
        result_cap=50,
        cap_style="error",
        errors_in_ok=True,
        hardship=Hardship(thin_every=2, thin="empty"),
    )
    steps = (
        Appear(count=1, late=59, apart=1, lasts=80, recording=0),
        Appear(count=2, late=59, apart=1, lasts=80, recording=0),
        Delete(72),
        Appear(count=2, late=59, apart=1, lasts=80, recording=0),
        Sync(
            {
                "lookback_hours": 1,
                "concurrency": 1,
                "revisit_hours": [],
                "start_date": (NOON - timedelta(days=21)).isoformat(),
                "max_retries": 8,
                "on_incomplete_window": "fail",
            },
            page_size=2,
            seed=0,
            meanwhile=((30, Delete(72)),),
        ),
    )
    tell(Story("cinnox", habits, False, 2000, 1, False, steps))  # noqa: FBT003


def test_a_total_that_is_always_wrong_does_not_keep_windows_short() -> None:
    """One was split down to a minute for a call that breaks it, and no longer one came after it."""
    habits = Behaviour(
        bounds="[)",
        filter_field="started",
        largest_page=3,
        oversize="cut",
        total="all",
        cap_style="error",
        hardship=Hardship(deepest_row=5, deep_silence=True, broken_call=2, false_gzip=True),
    )
    steps = (
        Appear(count=4, late=0, apart=17, lasts=0, recording=0),
        Sync(
            {
                "lookback_hours": 30,
                "concurrency": 4,
                "revisit_hours": [48],
                "start_date": (NOON - timedelta(days=21)).isoformat(),
                "max_retries": 8,
                "on_incomplete_window": "continue",
            },
            page_size=40,
            seed=5,
        ),
    )
    told = tell(Story("utel", habits, False, 4, 1440, True, steps))  # noqa: FBT003
    assert max(run.requests for run in told.runs) < 500
