"""Writes Singer messages to standard output, through one buffer."""

from __future__ import annotations

import errno
import os
import sys
from typing import IO, TYPE_CHECKING, Any

import msgspec
from singer_sdk.io_base import GenericSingerWriter
from singer_sdk.singerlib import Message
from typing_extensions import override

from tap_callhistory.output.stdout import discard_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Lines are handed to the pipe in pieces of about this size.
CHUNK_BYTES = 1 << 18

_encoder = msgspec.json.Encoder(enc_hook=str)


def encode(value: Any) -> bytes:
    """JSON of a value; what JSON does not know (a Decimal of a stream map) becomes its text."""
    return _encoder.encode(value)


class CallWriter(GenericSingerWriter[bytes, Message]):
    """Writes finished lines and Singer messages in the order in which they come.

    Nothing is held back: a window's records leave in large chunks, and every other message at
    once. When the output takes nothing any more (the target died, the disk is full), it falls
    silent: a message that went out in part must stay the last.

    Attributes:
        failure: Why it fell silent.
        on_closed: Called when it falls silent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failure: OSError | None = None
        self.on_closed: Callable[[], None] = lambda: None

    @override
    def serialize_message(self, message: Message) -> bytes:
        return encode(message.to_dict()) + b"\n"

    @override
    def write_message(self, message: Message) -> None:
        self._write(self.serialize_message(message))

    def write_lines(self, lines: Iterable[bytes]) -> None:
        """Write finished lines, each with its line end."""
        chunk = bytearray()
        for line in lines:
            chunk += line
            if len(chunk) >= CHUNK_BYTES:
                self._write(chunk)
                chunk = bytearray()
        if chunk:
            self._write(chunk)

    def _write(self, data: bytes | bytearray) -> None:
        if self.failure is not None:
            return
        try:
            out = getattr(sys.stdout, "buffer", None)
            if out is None:
                sys.stdout.write(data.decode())
            else:
                _write_whole(out, data)
            sys.stdout.flush()
        except OSError as failure:
            self._fall_silent(failure)

    def _fall_silent(self, failure: OSError) -> None:
        self.failure = failure
        discard_output(sys.stdout)
        self.on_closed()


def _write_whole(out: IO[bytes], data: bytes | bytearray) -> None:
    """Write all of it: an unbuffered output (PYTHONUNBUFFERED) stops short at a signal."""
    left = memoryview(data)
    while left:
        written = out.write(left)
        if written is None:  # as raw outputs say that they would block; type hints do not know it
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left = left[written:]
