"""What `missing_calls` should say of a story, reckoned call by call and claim by claim."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.support.transform.ledger_story import AN_HOUR, Story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

Row = dict[str, Any]
Claims = set[tuple[Any, ...]]


def tangled(stream: str, since: datetime, seed: int, *, runs: int = 12) -> Story:
    """Runs at one time that read windows of all lengths over each other; a tenth of the calls lost.

    Some windows were not read whole, and some runs' windows end where others begin.
    """
    chance = random.Random(f"{stream}{seed}")
    story = Story(stream)
    story.calls_happen(since, since + 60 * AN_HOUR, 150, seed)
    for _ in range(runs):
        start = since + chance.randrange(40) * AN_HOUR
        windows = []
        for _ in range(chance.randrange(1, 6)):
            end = start + chance.choice([1, 1, 2, 3, 20]) * AN_HOUR
            windows.append((start, end))
            start = end
        aside = since + chance.randrange(50) * AN_HOUR / 2
        story.run(
            since + 80 * AN_HOUR, windows, revisits=[(aside, aside + AN_HOUR)], start_date=since
        )
    times = chance.sample(range(9_000), len(story.ledger))
    for row, seconds in zip(story.ledger, times, strict=True):
        row["read_at"] = since + 80 * AN_HOUR + seconds * AN_HOUR / 3_600
        row["complete"] = chance.random() < 0.9
    for key in chance.sample(sorted(story.loaded), len(story.loaded) // 10):
        del story.loaded[key]
    return story


def short_windows(story: Story) -> Claims:
    """The windows that hold fewer loaded calls than left the tap: (start, read at, verdict)."""
    return _short(
        story,
        story.ledger,
        lambda row, later: _covered(row, [each for each in later if each["complete"]]),
    )


def short_runs(story: Story) -> Claims:
    """The same of runs that read by when calls changed, and count those that were created."""
    runs: dict[str, list[Row]] = {}
    for row in story.ledger:
        if row["purpose"] == "new":
            runs.setdefault(row["run_id"], []).append(row)
    claims = [
        {
            "run_id": run_id,
            "window_start": min(row["window_start"] for row in rows),
            "window_end": max(row["window_end"] for row in rows),
            "read_at": max(row["read_at"] for row in rows),
            "calls_written": sum(row["calls_born"] for row in rows),
            "complete": all(row["complete"] for row in rows),
        }
        for run_id, rows in runs.items()
    ]
    return _short(
        story,
        claims,
        lambda row, later: any(
            each["complete"]
            and each["window_start"] <= row["window_start"]
            and each["window_end"] >= row["window_end"]
            for each in later
        ),
    )


def _short(
    story: Story, claims: list[Row], is_read_again: Callable[[Row, list[Row]], bool]
) -> Claims:
    def loaded(row: Row) -> int:
        return sum(
            row["window_start"] <= call.created_at < row["window_end"]
            for call in story.loaded.values()
        )

    short = [row for row in claims if loaded(row) < row["calls_written"]]
    return {
        (
            row["window_start"],
            row["read_at"],
            row["calls_written"],
            loaded(row),
            "warning" if is_read_again(row, _later(row, claims)) else "error",
        )
        for row in short
    }


def _later(row: Row, claims: Iterable[Row]) -> list[Row]:
    return [
        each
        for each in claims
        if each["read_at"] > row["read_at"] and each["run_id"] != row["run_id"]
    ]


def _covered(row: Row, readings: Iterable[Row]) -> bool:
    until = row["window_start"]
    for each in sorted(readings, key=lambda reading: reading["window_start"]):
        if each["window_start"] <= until:
            until = max(until, each["window_end"])
    return bool(until >= row["window_end"])
