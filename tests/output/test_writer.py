from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING

from singer_sdk.singerlib import StateMessage

from tap_callhistory.output.writer import CHUNK_BYTES, CallWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


class Counted(io.BytesIO):
    """Counts how often it is written to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, data: object) -> int:
        self.writes += 1
        return super().write(data)  # type: ignore[arg-type]


def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Takes the place of stdout; not as a fixture, as pytest puts its own there for the test."""
    raw = Counted()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=raw, flush=raw.flush))
    return raw


def test_lines_leave_in_large_pieces_and_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    out = counted(monkeypatch)
    writer = CallWriter()
    line = b"x" * 999 + b"\n"
    writer.write_lines([line] * 1000)
    assert bool(out.getvalue() == line * 1000)
    assert out.writes <= 1_000_000 // CHUNK_BYTES + 1


def test_a_message_leaves_at_once_behind_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out = counted(monkeypatch)
    writer = CallWriter()
    writer.write_lines([b"{}\n"])
    writer.write_message(StateMessage({"bookmarks": {"n": Decimal("1.50")}}))
    first, second = out.getvalue().splitlines()
    assert first == b"{}"
    assert json.loads(second) == {"type": "STATE", "value": {"bookmarks": {"n": "1.50"}}}


def test_nothing_is_written_for_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out = counted(monkeypatch)
    CallWriter().write_lines([])
    assert out.writes == 0


def test_an_output_without_bytes_gets_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(sys, "stdout", text)
    CallWriter().write_lines(["سلام\n".encode()])
    assert text.getvalue() == "سلام\n"


@contextmanager
def broken_pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        yield


def test_when_nobody_reads_it_says_so_once_and_falls_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer = CallWriter()
    told: list[str] = []
    writer.on_closed = lambda: told.append("closed")
    with broken_pipe(monkeypatch):
        writer.write_lines([b"{}\n"])
        writer.write_lines([b"{}\n"])
        writer.write_message(StateMessage({}))
    assert isinstance(writer.failure, BrokenPipeError)
    assert told == ["closed"]
