"""Settings from environment variables: TAP_CALLHISTORY_START_DATE, TAP_CALLHISTORY_UTEL_TOKEN."""

from __future__ import annotations

import logging
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values

from tap_callhistory.errors import SettingsError
from tap_callhistory.settings.values import BadValue, as_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def settings_from(
    environment: Mapping[str, str], schema: Mapping[str, Any], prefix: str
) -> dict[str, Any]:
    """Collect the settings that are given in an environment, as the texts they are.

    Args:
        environment: Names and values.
        schema: The JSON schema of the settings; objects in it give nested settings.
        prefix: What the names of the variables begin with.
    """
    return dict(_given(environment, schema, prefix))


def _given(
    environment: Mapping[str, str], schema: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, Any]]:
    for name, described in schema.get("properties", {}).items():
        variable = prefix + name.upper()
        whole = environment.get(variable)
        nested = settings_from(environment, described, f"{variable}_")
        if whole and nested:
            yield name, _laid_over(whole, nested)
        elif whole or nested:
            yield name, whole or nested


def _laid_over(whole: str, nested: Mapping[str, Any]) -> Any:
    try:
        return over(as_object(whole), nested)
    except BadValue:
        return whole  # as it is, to be reported with all other faults


def misspelt(
    environment: Mapping[str, str], schema: Mapping[str, Any], prefix: str
) -> Iterator[str]:
    """Find variables that look like settings and are none: one line for each.

    Names that go on with an underscore are Meltano's own, for its extras and for plugins that
    inherit from this one.
    """
    known = {*_variables(schema, prefix), f"{prefix}LOGLEVEL"}
    for name in sorted(environment):
        if name.startswith(prefix) and not name.startswith(f"{prefix}_") and name not in known:
            near = get_close_matches(name, known, n=1)
            yield f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ".")


def unread(
    environment: Mapping[str, str], dotenv_path: str | None, schema: Mapping[str, Any], prefix: str
) -> Iterator[str]:
    """Tell of settings in a file ``.env``, or in the environment, that nobody asked to read.

    Args:
        environment: Names and values.
        dotenv_path: Where a file ``.env`` is; None or empty where there is none.
        schema: The JSON schema of the settings.
        prefix: What the names of the variables begin with.
    """
    places = {"The file .env": _in_file(dotenv_path), "The environment": environment}
    for place, variables in places.items():
        if settings_from(variables, schema, prefix):
            yield f"{place} holds settings, which count only with --config ENV."
            return


def _in_file(dotenv_path: str | None) -> dict[str, str]:
    try:
        found = dotenv_values(dotenv_path) if dotenv_path else {}
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: value for name, value in found.items() if value}


def _variables(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, described in schema.get("properties", {}).items():
        yield (variable := prefix + name.upper())
        yield from _variables(described, f"{variable}_")


def check_log_level(environment: Mapping[str, str], prefix: str) -> None:
    """Look whether the log level that is asked for exists.

    Raises:
        SettingsError: It does not.
    """
    for name in (f"{prefix}LOGLEVEL", "LOGLEVEL"):
        level = environment.get(name)
        if level and level.upper() not in logging.getLevelNamesMapping():
            raise SettingsError(f"{name} must be DEBUG, INFO, WARNING, ERROR or CRITICAL.")


def over(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over others; within an object, each setting by itself."""
    return dict(config) | {
        name: over(config[name], value)
        if isinstance(value, dict) and isinstance(config.get(name), dict)
        else value
        for name, value in given.items()
    }
