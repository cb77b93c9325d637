"""The Singer stream: what singer-sdk asks of one, for any vendor's endpoint.

The catalog selects properties; it cannot change the key or the replication key. The bookmark is our
own, not the SDK's. A failure is kept for the end of the run, so that the other streams go on.
"""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, Metadata
from singer_sdk.streams.core import Stream
from typing_extensions import override

from tap_callhistory.clocks import fixed_width
from tap_callhistory.errors import CallHistoryError, StoppedError
from tap_callhistory.output.ledger import TAP_VERSION, scope_of
from tap_callhistory.output.messages import RecordMessages
from tap_callhistory.output.summary import Summary
from tap_callhistory.privacy.pseudonyms import Pseudonyms
from tap_callhistory.records.conforming import Conformer
from tap_callhistory.records.lane import Lane
from tap_callhistory.settings.files import CatalogError
from tap_callhistory.sync import Sync

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from singer_sdk import Tap
    from singer_sdk.helpers import types
    from singer_sdk.singerlib import Catalog, CatalogEntry

    from tap_callhistory.run import Run
    from tap_callhistory.sync import Outlet
    from tap_callhistory.vendors.base import Endpoint

KEY = "id"


class CallHistoryStream(Stream):
    """The calls of one vendor's endpoint.

    Args:
        tap: The tap, for singer-sdk.
        endpoint: Whom to ask. Read again from the run when the sync begins, since the sandbox has
            an address only then.
        run: What the run has decided.
        outlet: Where messages go.

    Attributes:
        endpoint: What the stream is a stream of.
        failure: Why the stream failed; None while it has not.
        summary: The counts of its sync.
    """

    def __init__(self, tap: Tap, endpoint: Endpoint, run: Run, outlet: Outlet) -> None:
        super().__init__(tap, name=endpoint.name, schema=endpoint.schema)
        self.endpoint = endpoint
        self.failure: CallHistoryError | None = None
        self.summary = Summary()
        self.primary_keys = (KEY,)
        self.replication_key = endpoint.read_by
        self._run = run
        self._outlet = outlet

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Take over a catalog.

        Raises:
            CatalogError: Its schema lacks what a call is known or read by.
        """
        if entry := catalog.get_stream(self.name):
            self._require_key_columns(entry)
        super().apply_catalog(catalog)
        self.primary_keys = (KEY,)
        self.replication_key = self.endpoint.read_by

    def _require_key_columns(self, entry: CatalogEntry) -> None:
        known = entry.schema.properties or {}
        for name in (KEY, self.endpoint.read_by):
            if name not in known:
                raise CatalogError(
                    f"The catalog's schema of {self.name} has no {name}. Make a new one with "
                    "--discover."
                )
            entry.metadata[("properties", name)] = Metadata(
                inclusion=Metadata.InclusionType.AUTOMATIC
            )
        entry.key_properties = [KEY]

    @override  # type: ignore[misc]
    def sync(self, context: types.Context | None = None) -> None:  # final in the SDK
        """Sync the stream, unless the run has been stopped before its turn."""
        if not self._run.stop.is_set():
            super().sync(context)

    @override
    def get_replication_key_signpost(self, context: types.Context | None = None) -> None:
        """The bookmark is our own; the SDK keeps none."""

    @override
    def get_records(self, context: types.Context | None) -> Iterator[dict[str, Any]]:
        """The records of new history, as they would be written; moves no bookmark."""
        with closing(self._new_sync()) as sync:
            yield from sync.new_records()

    @override
    def _sync_records(
        self, context: types.Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Sync the stream; a failure is kept for the end of the run, and the others go on."""
        try:
            self._load()
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - whatever happens here, the others go on
            self.failure = self._as_reported_error(error)
        yield from ()

    def _load(self) -> None:
        sync = self._new_sync()
        try:
            sync.load()
        finally:
            self._log_summary()

    def _log_summary(self) -> None:
        """Write the closing Singer metric: the stream's records, with all else as tags."""
        settings = self._run.settings
        labels = {"account": settings.account, "shard": settings.shard}
        given = {name: label for name, label in labels.items() if label is not None}
        tags = {"stream": self.name, "pid": os.getpid(), **given, **self.summary.tags()}
        count = metrics.Point("counter", metrics.Metric.RECORD_COUNT, self.summary.records, tags)
        metrics.log(self.metrics_logger, count)

    def _as_reported_error(self, error: Exception) -> CallHistoryError:
        if isinstance(error, CallHistoryError):
            return error
        self.logger.debug("What went wrong in %s", self.name, exc_info=error)
        kind = type(error).__name__
        return CallHistoryError(
            f"an unexpected {kind} (a defect of the tap: please report it, with the log at DEBUG)"
        )

    def _new_sync(self) -> Sync:
        endpoint = self.endpoint = self._run.endpoint(type(self.endpoint))
        return Sync(
            endpoint=endpoint,
            run=self._run,
            messages=self._new_messages(endpoint),
            state=self.stream_state,
            summary=self.summary,
            outlet=self._outlet._replace(most_records=self.ABORT_AT_RECORD_COUNT),
            logger=self.logger,
            full_table=self.replication_method == REPLICATION_FULL_TABLE,
            version=self._stream_version,
            facts=self._facts(endpoint),
        )

    def _facts(self, endpoint: Endpoint) -> dict[str, Any]:
        """What the ledger says of every window of this run."""
        settings, timezone = self._run.settings, endpoint.given.get("timezone")
        maps = (self.config.get("stream_maps") or {}).get(self.name)
        return {
            "stream": self.name,
            "run_id": self._run.id,
            "run_began": fixed_width(self._run.began),
            "account": settings.account,
            "shard": settings.shard,
            "tap_version": TAP_VERSION,
            "start_date": fixed_width(settings.start_date),
            "read_by": endpoint.read_by,
            "moving": endpoint.moving,
            "scope": scope_of(endpoint.filters, timezone, maps),
            "timezone": timezone,
        }

    def _new_messages(self, endpoint: Endpoint) -> RecordMessages:
        settings = self._run.settings
        pseudonym = None
        if settings.phone_numbers == "hash" and settings.hash_key:
            pseudonym = Pseudonyms(settings.hash_key, endpoint.country)
        deselected = frozenset(crumb for crumb, selected in self.mask.items() if not selected)
        # A catalog keeps the names of the properties, but not what the schema says beyond Singer.
        schema = _known_to(self.effective_schema, self.schema)
        conform = Conformer(schema, endpoint.clock, deselected=deselected, pseudonym=pseudonym)
        lane = Lane(
            conform,
            key=KEY,
            moment=endpoint.read_by,
            unfinished_since=endpoint.unfinished_since,
        )
        return RecordMessages(
            conform,
            stream=self.name,
            without_secrets=self._run.redactor.hide_in,
            key=KEY,
            replication_key=endpoint.read_by,
            unfinished_since=endpoint.unfinished_since,
            stream_maps=self.stream_maps,
            plain=self._maps_are_plain(),
            skip_bad_records=settings.on_bad_record == "skip",
            lane=lane,
        )

    def _maps_are_plain(self) -> bool:
        flattening = self.config.get("flattening_enabled", False)
        same = [type(each) is SameRecordTransform for each in self.stream_maps]
        return same == [True] and not flattening


def _known_to(catalog: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """The declared schema, less the properties that a catalog (an older one) does not know."""
    schema = dict(declared)
    if "properties" in declared and "properties" in catalog:
        schema["properties"] = {
            name: _known_to(catalog["properties"][name], node)
            for name, node in declared["properties"].items()
            if name in catalog["properties"]
        }
    if "items" in declared and "items" in catalog:
        schema["items"] = _known_to(catalog["items"], declared["items"])
    return schema
