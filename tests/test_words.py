from __future__ import annotations

from datetime import timedelta

import pytest

from tap_callhistory.words import counted, in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2232, "37 minutes 12 seconds"),
        (1, "1 second"),
        (0, "0 seconds"),
        (0.25, "0.25 seconds"),
        (59.7, "1 minute"),
        (3600, "1 hour"),
        (3_602, "1 hour 2 seconds"),
        (8 * 86_400 + 3_600, "1 week 1 day 1 hour"),
    ],
)
def test_a_duration_is_told_in_words(seconds: float, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 requests"), (1, "1 request"), (1_200, "1,200 requests")]
)
def test_one_is_told_in_the_singular(number: int, words: str) -> None:
    assert counted(number, "request") == words
