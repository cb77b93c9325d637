"""The JSON files that a user gives on the command line: settings, state and catalog."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.singerlib import Catalog

from tap_callhistory.errors import CallHistoryError, SettingsError, StateError

if TYPE_CHECKING:
    import argparse
    from typing import TextIO


# Anything else may be a token that was given in place of a path.
_PATH = re.compile(r"[\w. ~:/\\-]{1,250}\.[A-Za-z]{1,8}")


#: In place of a file: the settings are environment variables.
FROM_ENVIRONMENT: Final = "ENV"


class CatalogError(CallHistoryError):
    """A catalog that is not a Singer catalog."""


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Let a program take the tap's settings as the tap itself does."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        action="append",
        default=[],
        help=(
            f"the tap's settings; {FROM_ENVIRONMENT} or none: from TAP_CALLHISTORY_* variables; "
            "may be given several times, later files count more"
        ),
    )


def settings_in(path: str) -> dict[str, Any]:
    """Read a file of settings.

    Raises:
        SettingsError: It cannot. Does not show what may be the settings themselves.
    """
    file = _named(path, "--config")
    try:
        return _object_in(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as fault:
        raise SettingsError(f"{file} {fault}.") from None


def checked_state(file: TextIO | None) -> TextIO | None:
    """The same text, once it is known to hold a JSON object.

    Raises:
        StateError: It does not.
    """
    if file is None:
        return None
    try:
        text = file.read().removeprefix("\ufeff")
        _object_in(text)
    except ValueError as fault:
        raise StateError(
            f"{_named(_name_of(file), '--state')} {fault}. Nothing was read. Restore the last "
            "good state, or run without one to load from start_date again."
        ) from None
    return StringIO(text)


def checked_catalog(file: TextIO | None) -> TextIO | None:
    """The same text, once it is known to hold a catalog.

    Raises:
        CatalogError: It does not.
    """
    if file is None:
        return None
    try:
        text = file.read().removeprefix("\ufeff")
        _check_catalog(_object_in(text))
    except ValueError as fault:
        raise CatalogError(
            f"{_named(_name_of(file), '--catalog')} {fault}. Make a new one with --discover."
        ) from None
    return StringIO(text)


def _named(path: str, option: str) -> str:
    shown = f"{path} " if _PATH.fullmatch(path) else ""
    return f"The file {shown}given with {option}"


def _name_of(file: TextIO) -> str:
    name = getattr(file, "name", "")
    return name if isinstance(name, str) else ""


def _object_in(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON (see line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - a fault of the file
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"is not JSON ({name} is no value)")


def _check_catalog(found: dict[str, Any]) -> None:
    try:
        streams = list(found["streams"])
        Catalog.from_dict({"streams": streams})
        whole = all(
            isinstance(stream["schema"]["properties"], dict)
            and stream.get("stream", stream["tap_stream_id"]) == stream["tap_stream_id"]
            for stream in streams
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise ValueError("is not a Singer catalog of this tap")
