"""``tap-callhistory-shards``: plans shards, checks that they have read all, merges their states."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from tap_callhistory.clocks import fixed_width, parse_instant
from tap_callhistory.errors import CallHistoryError
from tap_callhistory.output.failures import failure_line
from tap_callhistory.output.programs import add_version_option, fail, tell
from tap_callhistory.output.stdout import OutputClosed, checked_output
from tap_callhistory.reading.windows import Window, floor
from tap_callhistory.settings.files import add_config_option
from tap_callhistory.shards.checking import Examined, examine
from tap_callhistory.shards.density import Census
from tap_callhistory.shards.merging import merge
from tap_callhistory.shards.plan import PlanError, Shard, object_in, plan_in, written
from tap_callhistory.shards.planning import CALLS_PER_SHARD, months_of, stretches
from tap_callhistory.shards.states import BadState, state_of
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.vendors import VENDORS
from tap_callhistory.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_callhistory.run import Run
    from tap_callhistory.vendors.base import Endpoint

MISUSED = 2
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exits with 0 when all is well, else with 1 and a line per fault."""
    given = _parser().parse_args(arguments)
    try:
        with checked_output():
            given.command(given)
    except ConfigValidationError as error:
        fail(error.errors)
    except PlanError as error:
        fail(error.lines)
    except OutputClosed as error:
        fail([] if error.quiet else [str(error)])
    except CallHistoryError as error:
        fail([str(error)])


# plan


def _plan(given: argparse.Namespace) -> None:
    config = {"start_date": fixed_width(given.start)}
    tap = TapCallHistory.of_files(given.config, config)
    with tap.sandbox():
        endpoints = [
            tap.run.endpoint(kind) for kind in VENDORS if kind.vendor in tap.run.settings.vendors
        ]
        stretch = Window(given.start, given.end)
        _require_old(stretch, tap.run, endpoints)
        shards: list[Shard] = []
        failures = []
        for endpoint in endpoints:
            try:
                shards += _shards_of(endpoint, stretch, tap, given.calls_per_shard)
            except CallHistoryError as error:
                failures.append(_failed(error, endpoint))
    if failures:
        raise PlanError(failures)
    text = written(shards)
    if given.output is None:
        sys.stdout.write(text)
        return
    try:
        given.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlanError(f"--output cannot be written: {error.strerror}.") from None


def _shards_of(
    endpoint: Endpoint, stretch: Window, tap: TapCallHistory, calls_per_shard: int
) -> list[Shard]:
    months = months_of(stretch)
    density = Census(endpoint, tap.run, tap.logger).take(months)
    found = stretches(months, density.calls, calls_per_shard)
    tell(
        f"{endpoint.name}: {counted(len(found), 'shard')} of {counted(len(months), 'month')}, "
        f"about {counted(sum(each.expected_calls for each in found), 'call')}; asked "
        f"{counted(density.requests, 'request')} "
        f"({'totals' if density.counted else 'samples'} of {counted(len(density.calls), 'month')})"
    )
    return [
        Shard.of(
            _account(tap),
            endpoint.vendor,
            endpoint.name,
            each.window,
            each.expected_calls,
        )
        for each in found
    ]


def _require_old(stretch: Window, run: Run, endpoints: Sequence[Endpoint]) -> None:
    """Refuse a stretch that a shard could not read once and for all.

    Raises:
        PlanError: It is empty, ends too late, or at an instant that a vendor cannot express.
    """
    if not stretch:
        raise PlanError("--end must lie after --start.")
    settings = run.settings
    holds = {
        "lookback_hours": settings.lookback,
        "unfinished_call_hours": settings.unfinished_call,
        "revisit_hours": max(settings.revisit_ages, default=timedelta(0)),
    }
    name, longest = max(holds.items(), key=lambda each: each[1])
    if stretch.end > run.began - longest:
        raise PlanError(
            f"--end must lie at least {longest / timedelta(hours=1):g} hours back ({name}): what "
            "is younger is read again later, by the ordinary run, and no shard can read it once "
            "and for all. Take the first of a month before that, and let the ordinary run's "
            "start_date be the same instant."
        )
    for endpoint in endpoints:
        if any(floor(end, endpoint.resolution) != end for end in (stretch.start, stretch.end)):
            seconds = endpoint.resolution.total_seconds()
            raise PlanError(
                f"--start and --end must be multiples of {seconds:g} s: {endpoint.vendor} cannot "
                "be asked more finely."
            )


def _failed(error: CallHistoryError, endpoint: Endpoint) -> str:
    line = failure_line(error, stream=endpoint.name, vendor=endpoint.vendor, loaded_until=None)
    return line.partition(" Nothing of it is bookmarked")[0]


def _account(tap: TapCallHistory) -> str:
    return str(tap.config.get("account") or "default")


# check and merge


def _check(given: argparse.Namespace) -> None:
    examined = _examined(given)
    faults = [line for each in examined for line in each.faults]
    if faults:
        raise PlanError(faults)
    for each in examined:
        sys.stdout.write(
            f"{each.source}: whole: {each.stretch}, {counted(len(each.proofs), 'shard')}\n"
        )


def _merge(given: argparse.Namespace) -> None:
    onto = None if given.onto is None else object_in(given.onto, "--onto")
    state = merge(_examined(given), onto)
    sys.stdout.write(f"{msgspec.json.encode(state).decode()}\n")


def _examined(given: argparse.Namespace) -> list[Examined]:
    shards = plan_in(given.plan)
    if not given.states.is_dir():
        raise PlanError("--states is not a folder that can be read.")
    states = dict(_states(shards, given.states))
    return examine(shards, states, start=given.start, end=given.end)


def _states(shards: Sequence[Shard], folder: Path) -> Iterator[tuple[str, object]]:
    for shard in shards:
        try:
            yield shard.id, state_of(shard, folder)
        except BadState as fault:
            yield shard.id, fault


# The command line.


def _instant(text: str) -> datetime:
    try:
        if _DAY.fullmatch(text):
            text = f"{text}T00:00:00Z"
        instant = parse_instant(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "must be a date (of UTC), or a date and time with an offset or Z"
        ) from None
    if instant > datetime.now(UTC):
        raise argparse.ArgumentTypeError("must not lie in the future")
    return instant


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or not int(text):
        raise argparse.ArgumentTypeError("must be a positive whole number")
    return int(text)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command."""

    @override
    def error(self, message: str) -> NoReturn:
        tell(f"{self.prog}: {message}")
        sys.exit(MISUSED)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tap-callhistory-shards",
        description=(
            "Divides a long history into shards for many machines, proves that they have read all "
            "of it, and makes one state of theirs."
        ),
    )
    add_version_option(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_plan(commands.add_parser("plan", help="ask the vendors, and write the shards as JSON"))
    check = _add_proof(commands.add_parser("check", help="say what the shards have not read"))
    check.set_defaults(command=_check)
    merging = _add_proof(commands.add_parser("merge", help="write one state of all shards"))
    merging.add_argument(
        "--onto",
        metavar="FILE",
        type=Path,
        help="a state that the shards' history is put before; nothing of it moves back",
    )
    merging.set_defaults(command=_merge)
    return parser


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Asks the vendors of the settings about how many calls there are, and divides the history "
        "from S to T into shards of whole months."
    )
    add_config_option(parser)
    parser.add_argument("--start", metavar="S", type=_instant, required=True, help="included")
    parser.add_argument("--end", metavar="T", type=_instant, required=True, help="excluded")
    parser.add_argument(
        "--calls-per-shard",
        metavar="CALLS",
        type=_count,
        default=CALLS_PER_SHARD,
        help="several sparse months become one shard up to so many (default: %(default)s)",
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="where the plan goes; by default, printed"
    )
    parser.set_defaults(command=_plan)


def _add_proof(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    add: Callable[..., Any] = parser.add_argument
    add("--plan", metavar="FILE", type=Path, required=True, help="what `plan` has written")
    add(
        "--states",
        metavar="DIR",
        type=Path,
        required=True,
        help="ID.json for every shard: the last STATE that came out of its loader",
    )
    add("--start", metavar="S", type=_instant, help="where history begins, if before the plan")
    add("--end", metavar="T", type=_instant, help="where it ends, if after the plan")
    return parser
