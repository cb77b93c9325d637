"""A loader that is killed in the middle, once: its arguments are a marker, and the real loader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MESSAGES_BEFORE_ITS_DEATH = 60


def main() -> None:
    marker, *command = sys.argv[1:]
    if Path(marker).exists():
        os.execv(command[0], command)  # noqa: S606
    Path(marker).touch()
    with subprocess.Popen(command, stdin=subprocess.PIPE) as loader:  # noqa: S603
        assert loader.stdin is not None
        for _ in range(MESSAGES_BEFORE_ITS_DEATH):
            loader.stdin.write(sys.stdin.buffer.readline())
        loader.stdin.flush()
        loader.kill()
    sys.exit(137)


if __name__ == "__main__":
    main()
