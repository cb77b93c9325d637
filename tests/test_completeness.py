"""Whatever happens between a vendor, the world and the tap: nothing that is promised is lost.

A minute or two of examples in the usual run. For ten thousand and more:

    CALLHISTORY_EXAMPLES=10000 pytest tests/test_completeness.py -k any_story
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.call_stories import Story, stories, tell

EXAMPLES = int(os.environ.get("CALLHISTORY_EXAMPLES", "500"))


@pytest.fixture(autouse=True)
def _no_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@given(stories())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    **({"phases": [__import__("hypothesis").Phase.generate], "database": None} if os.environ.get("NOSHRINK") else {}),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_nothing_promised_is_lost_in_any_story(story: Story) -> None:
    tell(story)
