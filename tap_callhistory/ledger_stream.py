"""The Singer stream of the ledger: it sends no request; the streams of calls write its rows."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL, Metadata
from singer_sdk.streams.core import Stream
from typing_extensions import override

from tap_callhistory.output import ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk import Tap
    from singer_sdk.helpers import types
    from singer_sdk.singerlib import Catalog


class LedgerStream(Stream):
    """One row per window of history that was read; the streams of calls write them."""

    def __init__(self, tap: Tap) -> None:
        file = files("tap_callhistory.schemas") / f"{ledger.NAME}.json"
        super().__init__(tap, name=ledger.NAME, schema=msgspec.json.decode(file.read_bytes()))
        self._fix_columns()
        self._schema_is_out = False
        self._marks: ledger.Marks | None = None

    def _fix_columns(self) -> None:
        self.primary_keys = ledger.KEY
        self.replication_key = ledger.READ_AT
        self.forced_replication_method = REPLICATION_INCREMENTAL

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Take over a catalog's selection; what a row is known by is not its to change."""
        entry = catalog.get_stream(self.name)
        if entry:
            entry.key_properties = list(ledger.KEY)
            for name in ledger.KEY:
                entry.metadata[("properties", name)] = Metadata(
                    inclusion=Metadata.InclusionType.AUTOMATIC
                )
        super().apply_catalog(catalog)
        self._fix_columns()

    @property
    def kept(self) -> bool:
        """Whether windows are entered in this run."""
        return self.selected and self.ABORT_AT_RECORD_COUNT is None

    @property
    def marks(self) -> ledger.Marks:
        """Up to where each stream is entered; from the state that the run has begun with."""
        if self._marks is None:
            self._marks = ledger.Marks(self.stream_state, kept=self.kept)
        return self._marks

    @override  # type: ignore[misc]
    def sync(self, context: types.Context | None = None) -> None:  # final in the SDK
        """Write the schema; the rows come with the windows of the other streams."""
        if not self._schema_is_out:
            self._schema_is_out = True
            self._write_schema_message()

    @override
    def get_replication_key_signpost(self, context: types.Context | None = None) -> None:
        """The SDK keeps no bookmark of this stream."""

    @override
    def get_records(self, context: types.Context | None) -> Iterator[dict[str, Any]]:
        """None: the rows come with the windows of the other streams."""
        yield from ()

    def enter(self, row: Mapping[str, Any]) -> None:
        """Write the row of a window, after the window's calls."""
        if self.kept:
            self.sync()
            for message in self._generate_record_messages(dict(row)):
                self._tap.write_message(message)
