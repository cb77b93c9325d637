"""Processes that die with their run, and tell what they say while they run."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from functools import partial
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None
#: Settings of the surroundings must not reach the tap or the loader.
_FOREIGN: Final = ("TAP_", "TARGET_", "CALLHISTORY_", "DAGSTER_", "MELTANO_", "VIRTUAL_ENV")
LINES_KEPT: Final = 15


def dying_with_parent() -> Callable[[], None]:
    """What a new process has to do first so that it is killed when this one dies (on Linux).

    The signal is bound to the thread that starts the process: one that lives as long as it should.
    """
    return partial(die_with, os.getpid())


def die_with(parent: int) -> None:
    """Have this process killed when its parent dies (on Linux).

    Args:
        parent: The parent's id; if it has died already, this process ends now.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    stdin: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process of a run, which dies with it.

    A run that was killed is started again soon; what its predecessor left behind would read and
    load beside it.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return subprocess.Popen(  # noqa: S603 - the operator's own commands
        command,
        env={**kept, **environment},
        cwd=folder,
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=dying_with_parent(),  # noqa: PLW1509 - it does nothing but two system calls
    )


class Told:
    """What a process says on standard error: passed on, its last lines and its metric kept.

    Attributes:
        metric: The last line with the tap's closing metric.
    """

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._last: deque[str] = deque(maxlen=LINES_KEPT)
        self.metric = ""
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            return
        with stream:
            for line in stream:
                text = line.decode(errors="replace").rstrip()
                # Loaders count records as well; where Meltano speaks for both, theirs comes last.
                if '"record_count"' in text and '"windows":' in text:
                    self.metric = text
                self._last.append(text)
                sys.stderr.write(f"{text}\n")

    def last_lines(self) -> str:
        """The last lines, when the process has ended."""
        self._thread.join()
        return "\n".join(self._last)
