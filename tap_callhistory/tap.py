"""The tap: from settings to a stream per endpoint; one that fails does not stop the others."""

from __future__ import annotations

import functools
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from click import BadParameter
from dotenv import find_dotenv, load_dotenv
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_callhistory.errors import SettingsError, StateError, StreamsFailed, Terminated
from tap_callhistory.ledger_stream import LedgerStream
from tap_callhistory.output.bookmarks import VALUE
from tap_callhistory.output.failures import failure_line
from tap_callhistory.output.stdout import OutputClosed
from tap_callhistory.output.writer import CallWriter
from tap_callhistory.privacy.logs import Redactor, redact_logging
from tap_callhistory.run import Run
from tap_callhistory.settings.checking import Settings, config_schema, secret_values
from tap_callhistory.settings.environment import misspelt, over, settings_from, unread
from tap_callhistory.settings.files import (
    FROM_ENVIRONMENT,
    checked_catalog,
    checked_state,
    settings_in,
)
from tap_callhistory.settings.sdk import read_sdk_settings
from tap_callhistory.stream import CallHistoryStream
from tap_callhistory.sync import Outlet
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import FrameType
    from typing import TextIO

    import click
    from singer_sdk.streams.core import Stream


class TapCallHistory(Tap):
    """Every call of Kavenegar, eTelecom, TWIN, CINNOX and Utel in your warehouse, once, correct."""

    name = "tap-callhistory"
    config_jsonschema: ClassVar[dict[str, Any]] = config_schema(VENDORS)
    # The streams depend on the vendors in the settings, so discovery needs valid ones.
    dynamic_catalog = True
    message_writer_class = CallWriter
    # BATCH is left out: it would bypass stream maps, selection and conforming.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(
        self, *, config: Any = None, parse_env_config: bool = False, **kwargs: Any
    ) -> None:
        """Make a tap.

        Args:
            config: The settings, as singer-sdk takes them.
            parse_env_config: Whether environment variables are settings, too; they count more.
            kwargs: As singer-sdk takes them.

        Raises:
            ConfigValidationError: With one line per fault of the settings.
            StateError: The state is no Singer state.
        """
        self.run: Run
        self._ledger: LedgerStream
        self._began = datetime.now(UTC)
        self._redactor = Redactor(mask_numbers=True)
        self._signum: int | None = None
        self._misspelt: list[str] = []
        if parse_env_config:
            config = over(config or {}, self._settings_of_the_environment())
            self._misspelt += misspelt(os.environ, self.config_jsonschema, self._env_var_prefix)
        elif not config:
            self._misspelt += unread(
                os.environ,
                find_dotenv(usecwd=True),
                self.config_jsonschema,
                self._env_var_prefix,
            )
        super().__init__(config=config, **kwargs)
        self.writer.on_closed = self.run.stop.set

    @classmethod
    def of_files(cls, sources: Sequence[str], under: Mapping[str, Any] | None = None) -> Self:
        """Make a tap of what is given as --config.

        Args:
            sources: Paths of settings, later ones count more; ENV or none for the environment.
            under: Settings that count less than all of them.

        Raises:
            SettingsError: A file cannot be read, or is no object.
            ConfigValidationError: With one line per fault of the settings.
        """
        from_environment = FROM_ENVIRONMENT in sources or not sources
        config = _laid_over_each_other(sources, under or {})
        return cls(config=config, parse_env_config=from_environment)

    @property
    def writer(self) -> CallWriter:
        """The writer of all messages."""
        writer = self.message_writer
        if not isinstance(writer, CallWriter):
            raise TypeError("tap-callhistory writes through its own writer")
        return writer

    # Settings.

    @classmethod
    def env_prefix(cls) -> str:
        """What the names of environment variables with settings begin with."""
        prefix: str = cls._env_var_prefix
        return prefix

    @classmethod
    def _settings_of_the_environment(cls) -> dict[str, Any]:
        if path := find_dotenv(usecwd=True):
            try:
                load_dotenv(path)
            except UnicodeDecodeError:
                raise SettingsError("The file .env is not UTF-8.") from None
        cls.append_builtin_config(cls.config_jsonschema)
        return settings_from(os.environ, cls.config_jsonschema, cls._env_var_prefix)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings with our own words: the SDK's would show their values."""
        for secret in secret_values(self._config, VENDORS):
            self._redactor.add(secret)
        redact_logging(self._redactor)
        faults = list(self._misspelt)
        try:
            settings = Settings.from_config(self._config, VENDORS, now=self._began)
            self.run = Run(settings, self._began, redactor=self._redactor)
        except SettingsError as error:
            faults += error.faults
        try:
            streams = [each.name for each in VENDORS]
            self._config = {**self._config, **read_sdk_settings(self._config, streams)}
        except SettingsError as error:
            faults += error.faults
        if faults:
            raise ConfigValidationError("The settings are not usable", errors=faults, schema={})
        return []

    @contextmanager
    def sandbox(self) -> Iterator[None]:
        """Serve the sandbox in this process while the context lasts, if the settings ask for it."""
        if not self.run.settings.sandbox:
            yield
            return
        try:
            from tap_callhistory.sandbox.server import Sandbox  # noqa: PLC0415 - an extra
        except ImportError:
            raise SettingsError(
                "sandbox needs the extra of the same name: pip install 'tap-callhistory[sandbox]'"
            ) from None
        self.logger.warning(
            "sandbox is on: these are made-up calls, none of a real vendor. Load them into a "
            "database of their own"
        )
        sandbox = Sandbox(vendors=tuple(self.run.settings.vendors), standing=0)
        with sandbox.serve() as url:
            self.run.sandbox = sandbox.settings(url)
            yield

    # Streams and state.

    @override
    def discover_streams(self) -> list[Stream]:
        self._ledger = LedgerStream(self)
        outlet = Outlet(self.writer, self._write_state, self._ledger)
        return [
            self._ledger,
            *(
                CallHistoryStream(self, self.run.endpoint(kind), self.run, outlet)
                for kind in VENDORS
                if kind.vendor in self.run.settings.vendors
            ),
        ]

    def _open_the_ledger(self) -> None:
        """Let every stream have its mark in the first STATE, before any record."""
        selected = [stream for stream in self._call_streams() if stream.selected]
        for stream in selected:
            bookmark = stream.stream_state.get(VALUE)
            self._ledger.marks.open(stream.name, bookmark, self.run.settings.start_date)
        if self._ledger.kept:
            self._ledger.sync()
        elif selected:
            self.logger.warning(
                "%s is not selected: the warehouse will hold no proof of which history was read. "
                "Select it, or make a new catalog with --discover if yours is older",
                self._ledger.name,
            )

    def _write_state(self) -> None:
        self.state_writer.write_state(self.state)

    @override
    def setup_mapper(self) -> None:
        # The streams put their entries in the catalog right, and the maps are made of those.
        _ = self.streams
        try:
            super().setup_mapper()
        except ValueError as error:
            if "Duplicate column" not in str(error):
                raise
            raise SettingsError(
                "flattening_max_key_length is too short: two columns would have one name."
            ) from None

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        bookmarks = state.get("bookmarks", {}) if isinstance(state, dict) else None
        well_formed = isinstance(bookmarks, dict) and all(
            isinstance(bookmark, dict) and isinstance(bookmark.get("progress_markers", {}), dict)
            for bookmark in bookmarks.values()
        )
        if not well_formed or set(state) - {"bookmarks"}:
            raise StateError(
                "the state is not a Singer state: an object with an object per stream in "
                "bookmarks. Nothing was read. Restore the last good state, or run without one to "
                "load from start_date again"
            )
        super().load_state(state)

    # The command line.

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        config = _laid_over_each_other(value, {})
        given = super().cb_config(ctx, param, value)
        # The SDK would let a vendor's object in a later file replace the whole of an earlier one.
        given.config = config
        return given

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        if value not in {each.value for each in CliTestOptionValue}:
            raise BadParameter(
                "give --test for a call of every stream, or --test=schema for the schemas alone"
            )
        try:
            super().cb_test(ctx, param, value)
        except BaseException:
            # Here the run ends within click's parsing, which leaves the files open that it opened.
            ctx.close()
            raise

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls, *, state: TextIO | None = None, catalog: TextIO | None = None, **options: Any
    ) -> None:
        super().invoke(state=checked_state(state), catalog=checked_catalog(catalog), **options)

    # The run.

    @override  # type: ignore[misc]
    def sync_all(self) -> None:  # final in the SDK, which stops at a failure
        """Sync all selected streams; the failure of one does not stop the others.

        Raises:
            StreamsFailed: At the end, if streams have failed.
            OutputClosed: The output takes nothing any more.
            Terminated: A signal has ended the run.
        """
        if doubt := self.run.settings.doubt_of_the_end(self.run.began):
            self.logger.warning("%s", doubt)
        with self.sandbox():
            self._open_the_ledger()
            super().sync_all()
        self._conclude()

    @override  # type: ignore[misc]
    def run_sync_dry_run(  # final in the SDK
        self, dry_run_record_limit: int | None = 1, streams: Iterable[Stream] | None = None
    ) -> bool:
        """Sync a few records of each stream, whichever fail; raises what `sync_all` raises."""
        with self.sandbox():
            super().run_sync_dry_run(dry_run_record_limit, streams)
        self._conclude()
        return True

    @override  # type: ignore[misc]
    def write_schemas(self) -> None:  # likewise
        """Write all schemas; raises what `sync_all` raises."""
        super().write_schemas()
        self._conclude()

    def _conclude(self) -> None:
        """Raise what the run came to, unless it came to its end."""
        if self.writer.failure is not None:
            raise OutputClosed(self.writer.failure)
        if self._signum is not None:
            raise Terminated(self._signum)
        lines = [self._failure_line(stream) for stream in self._call_streams()]
        if failed := list(filter(None, lines)):
            raise StreamsFailed(failed)

    def _call_streams(self) -> Iterator[CallHistoryStream]:
        # A test of the SDK puts streams of its own in their place.
        return (each for each in self.streams.values() if isinstance(each, CallHistoryStream))

    @staticmethod
    def _failure_line(stream: CallHistoryStream) -> str | None:
        if stream.failure is None:
            return None
        return failure_line(
            stream.failure,
            stream=stream.name,
            vendor=stream.endpoint.vendor,
            loaded_until=stream.stream_state.get(VALUE),
        )

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop within a fraction of a second; the second signal stops at once."""
        if self.run.stop.is_set():
            os._exit(128 + signum)
        self._signum = signum
        self.run.stop.set()


def _laid_over_each_other(sources: Sequence[str], under: Mapping[str, Any]) -> dict[str, Any]:
    files = [settings_in(path) for path in sources if path != FROM_ENVIRONMENT]
    return functools.reduce(over, files, dict(under))
