"""The sandbox as a program: `tap-callhistory-sandbox`."""

from __future__ import annotations

import argparse
import json
import math
import signal
import threading
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_callhistory.output.programs import add_version_option, tell
from tap_callhistory.output.stdout import OutputClosed, checked_output
from tap_callhistory.sandbox.faults import Faults
from tap_callhistory.sandbox.vendors.registry import VENDORS
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_callhistory.sandbox.server import Sandbox

INSTALL_HINT = (
    "The sandbox needs its extra: pip install 'tap-callhistory[sandbox]' "
    "(it brings aiohttp, which serves the vendors' APIs)."
)
SETTLED_AFTER = timedelta(days=1)
SHORTEST_SPAN_DAYS, LONGEST_SPAN_DAYS = 0.01, 3660
LAST_PORT = 65_535
#: Far from the first and the last year that there are, as calls begin long before and end later.
YEARS = range(2000, 2100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the five vendors' APIs until Ctrl-C or SIGTERM.

    Returns:
        The exit code: 0, or 1 when it cannot serve or cannot say so.
    """
    options = _parser().parse_args(arguments)
    try:
        from tap_callhistory.sandbox.server import Sandbox  # noqa: PLC0415 - the extra may be absent
    except ModuleNotFoundError as missing:
        if missing.name != "aiohttp":
            raise
        return _complain(INSTALL_HINT)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sandbox = Sandbox(
        seed=options.seed,
        calls=options.calls,
        vendors=options.vendor,
        now=options.now,
        behaviour=dict.fromkeys(VENDORS, Behaviour(hardship=Hardship(**dict(options.hardship)))),
        faults=_faults(options),
        days=options.days,
    )
    try:
        if options.truth:
            _write_truth(sandbox, options.truth)
    except OSError as failure:
        return _complain(f"--truth cannot be written: {failure.strerror}.")
    try:
        with sandbox.serve(options.port, options.host) as url:
            with checked_output():
                print(_greeting(sandbox, url, options))  # noqa: T201 - what a program says
            stop.wait()
    except OutputClosed as closed:
        return 1 if closed.quiet else _complain(str(closed))
    except UnicodeError:  # where a name of the internet cannot be made of it
        return _complain("--host is not an address or a name.")
    except OSError as failure:
        return _complain(f"Cannot listen on {options.host}:{options.port}: {failure.strerror}.")
    return 0


def _complain(message: str) -> int:
    tell(message)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tap-callhistory-sandbox",
        description=(
            "Serve the call history APIs of five telephony vendors on loopback, with made-up "
            "calls, to try tap-callhistory without an account anywhere."
        ),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_version_option(parser)
    world = parser.add_argument_group("the calls")
    world.add_argument("--calls", type=_count, default=5000, help="calls per vendor")
    world.add_argument("--days", type=_days, default=60.0, help="span that they fill, in days")
    world.add_argument("--seed", type=int, default=1, help="which of many possible histories")
    world.add_argument("--now", type=_instant, help="let the clock stand at this date-time")
    world.add_argument(
        "--vendor", action="append", choices=list(VENDORS), help="serve only this one; repeatable"
    )
    world.add_argument(
        "--truth",
        type=Path,
        metavar="FILE",
        help="write the rows a warehouse should hold, then serve",
    )
    server = parser.add_argument_group("the server")
    server.add_argument("--host", default="127.0.0.1", help="address to listen on")
    server.add_argument("--port", type=_port, default=8642, help="port to listen on; 0: a free one")
    trouble = parser.add_argument_group("what goes wrong")
    trouble.add_argument("--latency-ms", type=_amount, default=0.0, help="time per answer")
    trouble.add_argument("--jitter-ms", type=_amount, default=0.0, help="up to this much more")
    trouble.add_argument("--fail-share", type=_share, default=0.0, help="share of requests, 0 to 1")
    trouble.add_argument(
        "--rate-limit", type=_positive, help="requests per second and vendor; more are refused"
    )
    trouble.add_argument(
        "--stall-seconds", type=_positive, default=30.0, help="how long stalled answers last"
    )
    trouble.add_argument(
        "--hardship",
        action="append",
        type=_hardship,
        default=[],
        metavar="NAME[=VALUE]",
        help="a switch of every vendor, repeatable: "
        + ", ".join(each.name for each in fields(Hardship)),
    )
    trouble.add_argument(
        "--down", action="append", choices=list(VENDORS), default=[], help="a vendor that is down"
    )
    return parser


def _hardship(text: str) -> tuple[str, Any]:
    """Read `name`, or `name=value` with the value as JSON or as plain text."""
    name, _, value = text.partition("=")
    if name not in {each.name for each in fields(Hardship)}:
        raise argparse.ArgumentTypeError(f"there is no hardship {name}")
    try:
        return name, json.loads(value or "true")
    except ValueError:
        return name, value


def _faults(options: argparse.Namespace) -> dict[str, Faults]:
    common = Faults(
        latency_seconds=options.latency_ms / 1000,
        jitter_seconds=options.jitter_ms / 1000,
        requests_per_second=options.rate_limit,
        fail_share=options.fail_share,
        stall_seconds=options.stall_seconds,
        seed=options.seed,
    )
    return {
        name: replace(common, down="503") if name in options.down else common for name in VENDORS
    }


def _greeting(sandbox: Sandbox, url: str, options: argparse.Namespace) -> str:
    lines = [f"Serving made-up calls on {url} (Ctrl-C ends it):"]
    for name, world in sandbox.worlds.items():
        state = "  (down)" if name in options.down else ""
        lines.append(
            f"  {name:10} {world.count():>9,} calls  {sandbox.vendors[name].stream}{state}"
        )
    lines.append("A config for tap-callhistory:")
    lines.append(json.dumps(_config(sandbox, url), indent=2))
    return "\n".join(lines)


def _config(sandbox: Sandbox, url: str) -> dict[str, Any]:
    first = min(
        (call.created_at for world in sandbox.worlds.values() for call in world.calls()[:1]),
        default=datetime.now(UTC),
    )
    return {"start_date": f"{first - SETTLED_AFTER:%Y-%m-%dT00:00:00Z}", **sandbox.settings(url)}


def _write_truth(sandbox: Sandbox, path: Path) -> None:
    with path.open("w", encoding="utf-8") as lines:
        for stream, row in sandbox.truth():
            lines.write(json.dumps({"stream": stream, "row": row}, ensure_ascii=False) + "\n")


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _days(text: str) -> float:
    value = float(text)
    if not SHORTEST_SPAN_DAYS <= value <= LONGEST_SPAN_DAYS:
        raise argparse.ArgumentTypeError(
            f"must be from {SHORTEST_SPAN_DAYS} to {LONGEST_SPAN_DAYS}"
        )
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"must be from 0 to {LAST_PORT}")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("must be a number above 0")
    return value


def _amount(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError("must be a number, and not negative")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return value


def _instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise argparse.ArgumentTypeError("needs an offset or Z")
    if value.year not in YEARS:
        raise argparse.ArgumentTypeError(f"must lie in the years {YEARS[0]} to {YEARS[-1]}")
    return value.astimezone(UTC)
