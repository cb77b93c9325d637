"""Runs in dbt's environment: imports dbt once, and runs each command asked for in a fork of itself.

Usage: dbt_server.py, with a JSON object per line on standard input (arguments, environment, and the
file for all that dbt writes); answers each with dbt's exit code on a line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback

from dbt.cli.main import cli  # type: ignore[import-not-found]

TIMEOUT_SECONDS = 600


def main() -> None:
    """Serve until standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(run(asked["arguments"], asked["environment"], asked["output"]))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


def run(arguments: list[str], environment: dict[str, str], output: str) -> int:
    """Run dbt as its program does, and give its exit code."""
    signal.alarm(TIMEOUT_SECONDS)
    with open(output, "wb") as file:  # noqa: PTH123
        os.dup2(file.fileno(), 1)
    os.dup2(1, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(environment)
    code = 2
    try:
        cli(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the fork ends here, whatever happens
        traceback.print_exc()
    else:
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    main()
