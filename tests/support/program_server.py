"""Runs in a program's environment: imports it once, and runs each command in a fork of itself.

Usage: program_server.py PROGRAM [ARGUMENT ...], with a JSON object per line on standard input
(arguments, environment, and files for what the program reads, writes and complains); says "ready",
and answers each with the program's exit code on a line. A command on its own command line is run
first, in the server itself: what that has imported and built, every fork has.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import redirect_stdout
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_SECONDS = 600


def main(name: str, *first: str) -> object:
    """Serve until standard input ends; in a fork, be the program and give what its function gives.

    A fork leaves by the same door as the program would: what waits for the end of Python is done.
    """
    (entry_point,) = entry_points(group="console_scripts", name=name)
    program: Callable[[], object] = entry_point.load()
    if first:
        warm_up(program, [name, *first])
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            become(asked)
            sys.argv = [name, *asked["arguments"]]
            return program()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201
    return None


def warm_up(program: Callable[[], object], command: list[str]) -> None:
    """Run a command to its good end, its output among the complaints."""
    sys.argv = command
    try:
        with redirect_stdout(sys.stderr):
            code = program()
    except SystemExit as ended:
        code = ended.code
    if code:
        raise RuntimeError(f"{command} has failed: {code}")


def become(asked: dict[str, Any]) -> None:
    """Take the files and the environment of one command."""
    signal.alarm(TIMEOUT_SECONDS)
    for number, file, flags in (
        (0, asked["input"], os.O_RDONLY),
        (1, asked["output"], os.O_WRONLY | os.O_APPEND),
        (2, asked["errors"], os.O_WRONLY | os.O_APPEND),
    ):
        os.dup2(os.open(file, flags), number)
    # What the server had read ahead of its own input is not the program's.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(asked["environment"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))  # type: ignore[arg-type]
