"""The calls that are loaded into the rehearsed Snowflake, and how often the loader is stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.support.in_process import NAMES, STREAMS, Clock, Run, run_tap
from tests.support.transform.changing_worlds import (
    A_DAY,
    FIRST_RUN,
    made_world,
    published_late,
    recorded_late,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tap_callhistory.sandbox.world.world import World

AN_HOUR: Final = timedelta(hours=1)
A_SMALL_BATCH: Final = {"batch_size_rows": 150}
"""Some batches for every vendor's calls."""

STOPS: Final = (
    {"signal": "SIGKILL", "at": "PUT", "number": 2, "after": False},
    {"signal": "SIGKILL", "at": "MERGE", "number": 1, "after": False},
    {"signal": "SIGKILL", "at": "MERGE", "number": 2, "after": True},
    {"signal": "SIGKILL", "at": "REMOVE", "number": 5, "after": True},
    {"signal": "SIGKILL", "at": "DROP", "number": 1, "after": False},
    {"signal": "SIGTERM", "at": "MERGE", "number": 2, "after": False},
)
"""Where the loader is stopped, one load after the other: before a batch is in the stage, before it
is in the table, before it is out of the stage again, between two, and when all are in."""

HASHED: Final = {"phone_numbers": "hash", "hash_key": "no secret but 16 long"}
UNDECLARED: Final = (("recording", {"url": "https://example.com/1.mp3", "loudness": 7}),)
"""Sent by Kavenegar where numbers are hashed: a structure with a field that has no declaration."""

Table = dict[Any, dict[str, Any]]


@dataclass
class Story:
    """What the tap has read, run by run, and what is true at each run.

    Attributes:
        folder: Where the files of messages are.
        clock: The vendors' clock.
        worlds: The vendors, by name.
        truths: Each vendor's rows at the moment of a run, by the run's name and the vendor.
        calls: What is true of each call then, by vendor and the call's id.
        states: Each vendor's last state after a run, by the run's name.
        runs: The messages of each run, those of all vendors one after the other.
    """

    folder: Path
    clock: Clock
    worlds: dict[str, World]
    truths: dict[str, dict[str, Table]] = field(default_factory=dict)
    calls: dict[str, dict[tuple[str, str], dict[str, Any]]] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def told(cls, folder: Path) -> Story:
        """Let the tap run, a day and an hour apart, over calls that come late and change."""
        clock = Clock(FIRST_RUN)
        story = cls(folder, clock, {vendor: made_world(vendor, clock) for vendor in NAMES})
        story.run("first")
        for world in story.worlds.values():
            published_late(world, clock())
            recorded_late(world, clock())
        clock.advance(A_DAY)
        story.run("second", after="first")
        clock.advance(AN_HOUR)
        story.run("again", after="first")
        story.worlds = {vendor: made_world(vendor, clock) for vendor in NAMES}
        kavenegar = story.worlds["kavenegar"]
        kavenegar.behaviour = replace(kavenegar.behaviour, extra_fields=UNDECLARED)
        story.run("hashed", **HASHED)
        return story

    def run(self, name: str, after: str = "", **settings: Any) -> None:
        """Let the tap run over each vendor, from where another run has ended."""
        runs = {}
        for vendor, world in self.worlds.items():
            state = self.states[after][vendor] if after else None
            runs[vendor] = run_tap(world, began=self.clock(), state=state, **settings)
            assert runs[vendor].failure is None
        self.keep(name, runs)

    def keep(self, name: str, runs: dict[str, Run]) -> None:
        """Remember what came of a run."""
        self.runs[name] = [line for run in runs.values() for line in run.lines]
        self.states[name] = {vendor: run.states()[-1] for vendor, run in runs.items()}
        self.truths[name] = {
            STREAMS[vendor]: {row["id"]: row for row in world.truth()}
            for vendor, world in self.worlds.items()
        }
        self.calls[name] = {
            (vendor, truth["call_id"]): truth
            for vendor, world in self.worlds.items()
            for truth in world.calls_truth()
        }

    def written(self, *names: str) -> str:
        """The file with the messages of some runs."""
        file = self.folder / f"{'-'.join(names)}.jsonl"
        lines = (json.dumps(line) + "\n" for name in names for line in self.runs[name])
        file.write_text("".join(lines), encoding="utf-8")
        return str(file)

    def sent(self, stream: str, *names: str) -> list[dict[str, Any]]:
        """The records of a stream that some runs have sent, in order."""
        return [
            line["record"]
            for name in names
            for line in self.runs[name]
            if line["type"] == "RECORD" and line["stream"] == stream
        ]

    def key(self, stream: str) -> list[str]:
        """The names of a stream's key properties."""
        lines = self.runs["first"]
        names: list[str] = next(
            line["key_properties"]
            for line in lines
            if line["type"] == "SCHEMA" and line["stream"] == stream
        )
        return names

    def loads(self) -> dict[str, dict[str, Any]]:
        """What the rehearsal is to load, by name and in order."""
        first, second = self.written("first"), self.written("second")
        loads: dict[str, dict[str, Any]] = {
            "first": {"schema": "two_runs", "messages": first},
            "second": {"schema": "two_runs", "messages": second},
            "appended": {
                "schema": "appended",
                "messages": first,
                "settings": {"load_method": "append-only"},
            },
            "both with zones": {
                "schema": "with_zones",
                "messages": self.written("first", "second"),
                "settings": {"timestamp_type": "TIMESTAMP_TZ"},
            },
            "hashed": {
                "schema": "hashed",
                "messages": self.written("hashed"),
                "by_key": True,
            },
            "small letters": {
                "schema": "nowhere",
                "messages": first,
                "settings": {"database": "rehearsal"},
            },
        }
        killed = {"schema": "killed", "messages": first, "settings": A_SMALL_BATCH}
        for number, stop in enumerate(STOPS):
            loads[f"stop {number}"] = killed | {
                "stopped": stop,
                "umask": 0o022 if number else 0o077,
            }
        loads["after stops"] = killed
        loads["stopped later"] = killed | {"messages": second, "stopped": STOPS[2]}
        loads["again"] = killed | {"messages": self.written("again")}
        return loads
