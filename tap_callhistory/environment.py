"""Settings from environment variables: TAP_CALLHISTORY_START_DATE, TAP_CALLHISTORY_UTEL_TOKEN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        if environment.get(variable):
            yield name, environment[variable]
        elif described.get("properties"):
            nested = settings_from(environment, described, f"{variable}_")
            if nested:
                yield name, nested


def over(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over others; within an object, each setting by itself."""
    return dict(config) | {
        name: over(config[name], value)
        if isinstance(value, dict) and isinstance(config.get(name), dict)
        else value
        for name, value in given.items()
    }
