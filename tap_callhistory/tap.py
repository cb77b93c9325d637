"""The tap: from settings to the streams of the configured vendors, and to an honest exit code."""

from __future__ import annotations

import functools
import gc
import os
import signal
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from dotenv import find_dotenv, load_dotenv
from singer_sdk import Tap, metrics
from singer_sdk.exceptions import ConfigValidationError, MappingError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities
from typing_extensions import override

from tap_callhistory.errors import (
    CallHistoryError,
    IncompleteWindow,
    SettingsError,
    StateError,
    VendorRefusal,
)
from tap_callhistory.output.stdout import OutputClosed, checked_output
from tap_callhistory.output.writer import CallWriter
from tap_callhistory.privacy.logs import Redactor, redact_logging
from tap_callhistory.settings.checking import Settings, config_schema, secret_values
from tap_callhistory.settings.environment import check_log_level, misspelt, over, settings_from
from tap_callhistory.settings.files import checked_catalog, checked_state, settings_in
from tap_callhistory.settings.sdk import read_sdk_settings
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import FrameType
    from typing import TextIO

    import click
    from singer_sdk.streams.core import Stream

    from tap_callhistory.output.summary import Summary
    from tap_callhistory.stream import CallHistoryStream


#: Refusals of a request that might have been right for another reading of the vendor's pages.
ASSUMPTION_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


class StreamsFailed(CallHistoryError):  # noqa: N818 - what happened, in the user's words
    """Some streams did not come to their end; the others did.

    Attributes:
        lines: One line per failed stream: what happened, to where it is loaded, what to do.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class Terminated(CallHistoryError):  # noqa: N818 - likewise
    """The run was ended by a signal.

    Attributes:
        signum: The signal's number.
    """

    def __init__(self, signum: int) -> None:
        super().__init__("the run was ended by a signal")
        self.signum = signum


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
        self.began = datetime.now(UTC)
        self.stop = threading.Event()
        self._signum: int | None = None
        self._redactor = Redactor(mask_numbers=True)
        self._running = ExitStack()
        self._sandbox_settings: Mapping[str, Mapping[str, Any]] = {}
        self.settings: Settings
        self._misspelt: list[str] = []
        if parse_env_config:
            config = over(config or {}, self._settings_of_the_environment())
            self._misspelt += misspelt(os.environ, self.config_jsonschema, self._env_var_prefix)
        super().__init__(config=config, **kwargs)
        self.writer.on_closed = self.stop.set

    @property
    def writer(self) -> CallWriter:
        """The writer of all messages."""
        writer = self.message_writer
        if not isinstance(writer, CallWriter):
            raise TypeError("tap-callhistory writes through its own writer")
        return writer

    # Settings.

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
            self.conceal(secret)
        redact_logging(self._redactor)
        faults = list(self._misspelt)
        try:
            self.settings = Settings.from_config(self._config, VENDORS, now=self.began)
        except SettingsError as error:
            faults += error.faults
        try:
            self._config = {**self._config, **read_sdk_settings(self._config)}
        except SettingsError as error:
            faults += error.faults
        if faults:
            raise ConfigValidationError("The settings are not usable", errors=faults, schema={})
        return []

    def conceal(self, secret: str) -> None:
        """Keep a secret out of all logs from now on."""
        self._redactor.add(secret)

    def without_secrets(self, line: bytes) -> bytes:
        """Blank the secrets in a line of JSON, should a vendor put one into a record."""
        return self._redactor.hide_in(line)

    def vendor_settings(self, vendor: str) -> Mapping[str, Any]:
        """A vendor's settings; in the sandbox with its address and credentials."""
        given = self.settings.vendors[vendor]
        if not self.settings.sandbox:
            return given
        return {**given, **self._sandbox_settings[vendor]}

    def _open_sandbox(self) -> None:
        """Start the sandbox in this process, if it is wanted; it ends with the sync."""
        if not self.settings.sandbox:
            return
        try:
            from tap_callhistory.sandbox.server import Sandbox  # noqa: PLC0415 - an extra
        except ImportError:
            raise SettingsError(
                "sandbox needs the extra of the same name: pip install 'tap-callhistory[sandbox]'"
            ) from None
        sandbox = Sandbox(vendors=tuple(self.settings.vendors))
        url = self._running.enter_context(sandbox.serve())
        self._sandbox_settings = sandbox.settings(url)

    # Streams and state.

    @override
    def discover_streams(self) -> list[CallHistoryStream]:
        return [each(self) for each in VENDORS if each.vendor in self.settings.vendors]

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
        files = [settings_in(path) for path in value if path != "ENV"]
        given = super().cb_config(ctx, param, value)
        # The SDK would let a vendor's object in a later file replace the whole of an earlier one.
        given.config = functools.reduce(over, files, {})
        return given

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
        with self._running:
            self._open_sandbox()
            super().sync_all()
        self._conclude()

    @override  # type: ignore[misc]
    def run_sync_dry_run(  # final in the SDK
        self, dry_run_record_limit: int | None = 1, streams: Iterable[Stream] | None = None
    ) -> bool:
        """Sync a few records of each stream, whichever fail; raises what `sync_all` raises."""
        with self._running:
            self._open_sandbox()
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
        lines = [self._obituary(each) for each in self._call_streams() if each.failure]
        if lines:
            raise StreamsFailed(lines)

    def _call_streams(self) -> list[CallHistoryStream]:
        return [each for each in self.streams.values() if hasattr(each, "failure")]  # type: ignore[misc]

    @staticmethod
    def _obituary(stream: CallHistoryStream) -> str:
        """One line: what happened, to where the stream is loaded, what to do."""
        failure = stream.failure
        if failure is None:
            return ""
        fault = str(failure).removeprefix(f"{stream.name}: ").rstrip(". ")
        window = f" (in the window {failure.window})" if failure.window else ""
        parts = [f"{stream.name} failed: {fault}{window}"]
        if failure.advice and failure.advice not in str(failure):
            parts.append(failure.advice.rstrip("."))
        if _could_be_an_assumption(failure):
            parts.append(f"tap-callhistory-probe --vendor {stream.vendor} tests what is assumed")
        if not isinstance(failure, StateError):  # whose bookmark says nothing
            parts.append(_loaded(stream))
        return f"{'. '.join(parts)}.".replace("the vendor's api_url", f"{stream.vendor}.api_url")

    def log_summary(self, stream: str, summary: Summary) -> None:
        """Write a stream's closing Singer metric: its records, with all else as tags."""
        tags = {"stream": stream, "pid": os.getpid(), **summary.tags()}
        metrics.log(
            self.metrics_logger,
            metrics.Point("counter", metrics.Metric.RECORD_COUNT, summary.records, tags),
        )

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop at the next look at the books; the second signal stops at once."""
        if self.stop.is_set():
            os._exit(128 + signum)
        self._signum = signum
        self.stop.set()


def _could_be_an_assumption(failure: CallHistoryError) -> bool:
    """Whether the vendor may differ from what its pages leave open."""
    refused = isinstance(failure, VendorRefusal) and failure.status in ASSUMPTION_STATUSES
    return refused or isinstance(failure, IncompleteWindow)


def _loaded(stream: CallHistoryStream) -> str:
    """To where a stream is loaded, and what the next run does."""
    until = stream.stream_state.get("replication_key_value")
    loaded = f"It is loaded up to {until}" if until else "Nothing of it is bookmarked"
    going_on = "goes on from there" if until else "begins at start_date again"
    return f"{loaded}; the next run {going_on}"


def _collect_garbage_rarely() -> None:
    """Calls make no cycles, yet every collection looks through the thousands in memory."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def main() -> None:
    """Run the command line; a user's mistake is told in a line, never in a traceback."""
    _collect_garbage_rarely()
    logger = TapCallHistory.logger
    try:
        check_log_level(os.environ, TapCallHistory._env_var_prefix)  # noqa: SLF001 - the SDK's own
        with checked_output():
            TapCallHistory.cli()
    except StreamsFailed as error:
        for line in error.lines:
            logger.error("%s", line)  # noqa: TRY400 - the line says it all
        sys.exit(1)
    except OutputClosed as error:
        if not error.quiet:
            logger.error("%s", error)  # noqa: TRY400
        sys.exit(1)
    except Terminated as error:
        name = signal.Signals(error.signum).name
        logger.warning("Ended by %s; what is bookmarked is loaded", name)
        sys.exit(128 + error.signum)
    except ConfigValidationError as error:
        for line in error.errors:
            logger.error("%s", line)  # noqa: TRY400
        sys.exit(1)
    except MappingError as error:
        logger.error("stream_maps: %s", error)  # noqa: TRY400
        sys.exit(1)
    except CallHistoryError as error:
        logger.error("%s", error)  # noqa: TRY400
        sys.exit(1)
