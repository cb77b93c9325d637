"""The tap's settings: their JSON schema, their faults, and the typed view that the tap works with.

The common settings are described in ``settings.common``, each vendor's in its module. Messages
name a setting, dotted as in ``twin.page_size``, and never show its value.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol, Self

from tap_callhistory.errors import SettingsError
from tap_callhistory.settings.common import COMMON
from tap_callhistory.settings.sdk import builtin_settings
from tap_callhistory.settings.values import BadValue, as_object, is_blank, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


LIKENESS = 0.7
"""How like a setting's name another must be to be taken for it, of 1."""


class Vendor(Protocol):
    """What the settings need to know of a vendor; its stream class says it.

    A vendor may also have ``check_settings(settings) -> Iterator[str]``, which yields the faults
    that its JSON schema cannot find.
    """

    @property
    def vendor(self) -> str:
        """Name of the vendor, and of the object with its settings."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """JSON schema of that object."""


def config_schema(vendors: Sequence[Vendor]) -> dict[str, Any]:
    """Builds the JSON schema of the tap's whole configuration, anew at each call."""
    return {
        "type": "object",
        "required": ["start_date"],
        "additionalProperties": False,
        "properties": copy.deepcopy({
            **COMMON,
            **{vendor.vendor: dict(vendor.settings) for vendor in vendors},
        }),
    }


def check(
    config: Mapping[str, Any], vendors: Sequence[Vendor], *, now: datetime | None = None
) -> list[str]:
    """Finds all faults of a configuration, one line each; none means that it can be worked with.

    Args:
        config: The configuration as it came.
        vendors: The vendors there are.
        now: The present, timezone-aware; by default the clock's.
    """
    return _Reading(config, vendors, now or datetime.now(UTC)).faults


def secret_values(config: Mapping[str, Any], vendors: Sequence[Vendor]) -> set[str]:
    """Collects the values of all secret settings, of a faulty configuration too."""
    found = list(_secrets_in(config, COMMON))
    for vendor in vendors:
        try:
            given = as_object(config.get(vendor.vendor))
        except BadValue:
            continue
        found += _secrets_in(given, vendor.settings["properties"])
    return set(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration without faults, in the types that the tap works with."""

    start_date: datetime
    """Aware, in UTC."""
    end_date: datetime | None
    """Aware, in UTC; exclusive. None means the beginning of the run."""
    concurrency: int
    requests_per_second: float | None
    lookback: timedelta
    unfinished_call: timedelta
    revisit_ages: tuple[timedelta, ...]
    """From young to old, each once."""
    on_bad_record: str
    """``fail`` or ``skip``."""
    on_incomplete_window: str
    """``fail`` or ``continue``."""
    phone_numbers: str
    """``keep`` or ``hash``."""
    hash_key: str | None = field(repr=False)
    request_timeout: float
    """Seconds."""
    max_retries: int
    user_agent: str
    account: str | None
    """A label of the user's."""
    shard: str | None
    """The label of the part of a divided history that is read."""
    sandbox: bool
    vendors: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """Vendors to read, each with its settings, defaults filled in; in the registry's order. For the
    sandbox: without credentials and addresses."""

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        vendors: Sequence[Vendor],
        *,
        now: datetime | None = None,
    ) -> Self:
        """Reads a configuration.

        Raises:
            SettingsError: With all faults, if there are any.
        """
        reading = _Reading(config, vendors, now or datetime.now(UTC))
        if reading.faults:
            raise SettingsError(reading.faults)
        common = reading.common
        return cls(
            start_date=common["start_date"],
            end_date=common.get("end_date"),
            concurrency=common["concurrency"],
            requests_per_second=common.get("requests_per_second"),
            lookback=timedelta(hours=common["lookback_hours"]),
            unfinished_call=timedelta(hours=common["unfinished_call_hours"]),
            revisit_ages=_ages(common["revisit_hours"]),
            on_bad_record=common["on_bad_record"],
            on_incomplete_window=common["on_incomplete_window"],
            phone_numbers=common["phone_numbers"],
            hash_key=common.get("hash_key"),
            request_timeout=common["request_timeout"],
            max_retries=common["max_retries"],
            user_agent=common.get("user_agent") or _own_name(),
            account=common.get("account"),
            shard=common.get("shard"),
            sandbox=common["sandbox"],
            vendors=reading.vendors,
        )

    def doubt_of_the_end(self, began: datetime) -> str | None:
        """Why a run that ends well may not have read all before `end_date`; None if it has.

        Args:
            began: When the run began, aware.
        """
        later = "What lies before it is not whole until a later run has ended well"
        if self.end_date is None or self.end_date <= began - self.unfinished_call:
            return None
        if self.end_date > began:
            return f"end_date lies ahead: calls are read up to the beginning of this run. {later}"
        return (
            "end_date is not yet unfinished_call_hours ago: a call in progress may hold the "
            f"bookmark before it. {later}"
        )

    def requests_per_second_of(self, vendor: str) -> float | None:
        """Requests per second that a vendor is asked at most; None means no limit."""
        own: float | None = self.vendors[vendor].get("requests_per_second")
        return own or self.requests_per_second


def _ages(hours: Sequence[float]) -> tuple[timedelta, ...]:
    return tuple(sorted({timedelta(hours=each) for each in hours}))


def _own_name() -> str:
    return f"tap-callhistory/{version('tap-callhistory')}"


class _Reading:
    """One reading of a configuration: the values that could be read, and all faults."""

    def __init__(self, config: Mapping[str, Any], vendors: Sequence[Vendor], now: datetime) -> None:
        self.faults: list[str] = []
        self.vendors: dict[str, dict[str, Any]] = {}
        self._report_unknown(config, vendors)
        self.common = self._values(config, COMMON, "")
        self._check_dates(config, now)
        self._check_hash_key(config)
        self._read_vendors(config, vendors)

    @property
    def _sandbox(self) -> bool:
        return bool(self.common.get("sandbox"))

    def _report_unknown(self, config: Mapping[str, Any], vendors: Sequence[Vendor]) -> None:
        names = [*COMMON, *(vendor.vendor for vendor in vendors), *builtin_settings()]
        dotted = [
            f"{vendor.vendor}.{name}"
            for vendor in vendors
            for name in vendor.settings["properties"]
        ]
        for name in config:
            if name in dotted:
                vendor, _, setting = name.partition(".")
                nested = f'{{"{vendor}": {{"{setting}": ...}}}}'
                self.faults.append(f"{name} has to be written as {nested}.")
            elif name not in names:
                self.faults.append(_unknown(name, name, [*names, *dotted]))

    def _values(
        self, given: Mapping[str, Any], properties: Mapping[str, Any], prefix: str
    ) -> dict[str, Any]:
        """Reads an object's settings, and fills in defaults for those not given."""
        values = {}
        for name, schema in properties.items():
            value = schema.get("default") if is_blank(given.get(name)) else given[name]
            try:
                if value is not None:
                    values[name] = read_value(value, schema)
            except BadValue as fault:
                self.faults.append(f"{prefix}{name} {fault}.")
        return values

    def _check_dates(self, config: Mapping[str, Any], now: datetime) -> None:
        start, end = self.common.get("start_date"), self.common.get("end_date")
        if is_blank(config.get("start_date")):
            self.faults.append("start_date is missing.")
        if start and start > now:
            self.faults.append("start_date must not lie in the future.")
        if start and end and end <= start:
            self.faults.append("end_date must lie after start_date.")

    def _check_hash_key(self, config: Mapping[str, Any]) -> None:
        if self.common.get("phone_numbers") == "hash" and is_blank(config.get("hash_key")):
            self.faults.append("hash_key is missing: phone_numbers is set to hash.")

    def _read_vendors(self, config: Mapping[str, Any], vendors: Sequence[Vendor]) -> None:
        faults_before = len(self.faults)
        given = {vendor.vendor: self._given(config, vendor) for vendor in vendors}
        chosen = [vendor for vendor in vendors if given[vendor.vendor]]
        if self._sandbox:
            chosen = chosen or list(vendors)
        elif not chosen and len(self.faults) == faults_before:
            names = ", ".join(vendor.vendor for vendor in vendors)
            self.faults.append(
                f"No vendor is configured: give the settings of at least one of {names}."
            )
        for vendor in chosen:
            self.vendors[vendor.vendor] = self._read_vendor(vendor, given[vendor.vendor])

    def _given(self, config: Mapping[str, Any], vendor: Vendor) -> dict[str, Any]:
        """A vendor's settings that are not blank; those that do not exist are reported."""
        try:
            settings = as_object(config.get(vendor.vendor))
        except BadValue as fault:
            self.faults.append(f"{vendor.vendor} {fault}.")
            return {}
        known = list(vendor.settings["properties"])
        for name in settings:
            if name not in known:
                self.faults.append(_unknown(f"{vendor.vendor}.{name}", name, known, vendor.vendor))
        return {name: value for name, value in settings.items() if not is_blank(value)}

    def _read_vendor(self, vendor: Vendor, given: Mapping[str, Any]) -> dict[str, Any]:
        schema = vendor.settings
        if self._sandbox:
            usable = _without_access(schema)
            self.faults += [
                f"sandbox reads made-up calls, and {vendor.vendor}.{name} belongs to a real "
                "account: remove one of the two."
                for name in given
                if name in schema["properties"] and name not in usable
            ]
            return self._values(given, usable, f"{vendor.vendor}.")
        faults_before = len(self.faults)
        self.faults += _missing(given, schema, vendor.vendor)
        values = self._values(given, schema["properties"], f"{vendor.vendor}.")
        if len(self.faults) == faults_before and hasattr(vendor, "check_settings"):
            self.faults += vendor.check_settings(values)
        return values


def _unknown(shown: str, name: str, known: Sequence[str], vendor: str | None = None) -> str:
    """The line for a setting that does not exist, with the nearest that does."""
    if not shown.isprintable():
        return "There is a setting whose name contains control characters."
    near = get_close_matches(name, known, n=1, cutoff=LIKENESS)
    hint = f"; did you mean {vendor + '.' if vendor else ''}{near[0]}?" if near else "."
    return f"{shown} is not a setting{hint}"


def _missing(given: Mapping[str, Any], schema: Mapping[str, Any], vendor: str) -> Iterator[str]:
    """The settings that a vendor needs and that are not given."""
    for name in schema.get("required", ()):
        if name not in given:
            yield f"{vendor}.{name} is missing."
    ways = [list(way["required"]) for way in schema.get("anyOf", ())]
    for way in ways:
        absent = [name for name in way if name not in given]
        if 0 < len(absent) < len(way):
            present = next(name for name in way if name in given)
            yield f"{vendor}.{absent[0]} is missing: {vendor}.{present} does nothing without it."
    if ways and not any(name in given for way in ways for name in way):
        choices = ", or ".join(" and ".join(f"{vendor}.{name}" for name in way) for way in ways)
        yield f"{vendor} has no credentials: give {choices}."


def _without_access(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A vendor's settings without its credentials and addresses, which the sandbox has itself."""
    access = {
        name for way in (schema, *schema.get("anyOf", ())) for name in way.get("required", ())
    }
    return {
        name: each
        for name, each in schema["properties"].items()
        if name not in access and each.get("format") != "uri" and not each.get("secret")
    }


def _secrets_in(given: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in properties.items():
        value = given.get(name)
        if schema.get("secret") and isinstance(value, (str, int)) and not is_blank(value):
            yield str(value)
