"""From a vendor's records to finished RECORD messages: conformed, mapped, encoded, once each."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tap_callhistory.errors import BadRecord, SettingsError
from tap_callhistory.output.writer import encode
from tap_callhistory.reading.pages import ReadCall
from tap_callhistory.records.lane import Fitting, Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from singer_sdk.mapper import StreamMap

    from tap_callhistory.transport.bodies import Decode

#: Calls remembered as sent, in each of two generations: enough for the overlap of windows.
CALLS_REMEMBERED = 25_000


class Conform(Protocol):
    """Turns a vendor's record into the declared one."""

    def __call__(self, raw: Any, /) -> tuple[dict[str, Any], int]:
        """Return the declared record, and the number of values that did not fit."""


class RecordMessages:
    """From a vendor's record to the lines that are written for it; used by several threads.

    Attributes:
        decode: Decodes an answer; its records are for `of`, and for nothing else.
    """

    def __init__(  # noqa: PLR0913 - what a stream hands over once, nearly all by keyword
        self,
        conform: Conform,
        *,
        stream: str,
        without_secrets: Callable[[bytes], bytes],
        key: str,
        replication_key: str,
        unfinished_since: Callable[[dict[str, Any]], str | None],
        stream_maps: Sequence[StreamMap],
        plain: bool,
        skip_bad_records: bool,
        lane: Lane | None = None,
    ) -> None:
        """Prepare the messages of one stream.

        Args:
            conform: Turns a vendor's record into the declared one.
            stream: The stream's name, and that of its own table.
            without_secrets: Blanks the tap's own secrets in a line.
            key: The property that is the key.
            replication_key: The property that the stream is read by.
            unfinished_since: When a vendor's record began, if the call is unfinished.
            stream_maps: The stream's maps; their names are the streams of the messages.
            plain: Whether the maps change nothing.
            skip_bad_records: Give a record without a usable key as one with a fault.
            lane: The fast lane, for what fits; only where the maps are plain.
        """
        self.decode: Decode = lane.decode if lane and plain else msgspec.json.decode
        self._conform = conform
        self._without_secrets = without_secrets
        self._key = key
        self._replication_key = replication_key
        self._unfinished_since = unfinished_since
        self._maps = stream_maps
        self._plain = plain
        self._skip = skip_bad_records
        self._own = [each.stream_alias == stream for each in stream_maps]
        self._heads = [_head(each.stream_alias) for each in stream_maps]
        self._mapping = threading.Lock()

    def of(self, records: Sequence[Any], *, extracted: str, version: int | None) -> list[ReadCall]:
        """Make the calls of a page.

        Args:
            records: As the vendor sent them; with plain maps also as the fast lane gives them.
            extracted: When they were fetched; fixed-width UTC.
            version: The version of a full-table load, if it is one.

        Raises:
            BadRecord: A record has no key or no usable replication key.
            SettingsError: A stream map fails.
        """
        tail = b"" if version is None else b',"version":%d' % version
        tail += b',"time_extracted":"%b"}\n' % extracted.encode()
        return [self._call(record, tail, extracted) for record in records]

    def _call(self, raw: Any, tail: bytes, extracted: str) -> ReadCall:
        if isinstance(raw, Fitting):
            encoded = self._without_secrets(raw.encoded)
            line = self._heads[0] + encoded + tail
            since = raw.unfinished_since
            return ReadCall(raw.key, raw.moment, line, hash(encoded), since, 0, extracted)
        try:
            record, misfits = self._conformed(raw)
        except BadRecord as error:
            if not self._skip:
                raise
            text = repr(raw)
            return ReadCall(f"bad record {text}", "", None, hash(text), fault=str(error))
        encoded = self._without_secrets(encode(record))
        if self._plain:
            lines, own = self._heads[0] + encoded + tail, True
        else:
            lines, own = self._mapped(record, tail)
        return ReadCall(
            record[self._key],
            record[self._replication_key],
            lines,
            hash(encoded),
            self._unfinished_since(raw),
            misfits,
            extracted,
            own=own,
        )

    def _conformed(self, raw: Any) -> tuple[dict[str, Any], int]:
        try:
            record, misfits = self._conform(raw)
        except BadRecord as error:
            raise self._with_key(str(error), error.declared) from None
        if record[self._replication_key] is None:
            text = f"the vendor sent a record without a usable {self._replication_key}"
            raise self._with_key(text, record)
        return record, misfits

    def _with_key(self, text: str, declared: Mapping[str, Any]) -> BadRecord:
        key = declared.get(self._key)
        return BadRecord(text if key in {None, ""} else f"{text}; its {self._key} is {key}")

    def _mapped(self, record: Mapping[str, Any], tail: bytes) -> tuple[bytes, bool]:
        """The lines of the user's stream maps, and whether one is the call's own.

        The evaluator of the maps knows one record at a time.
        """
        lines, own = bytearray(), False
        known_by = self._key, self._replication_key
        with self._mapping:
            for head, stream_map, ours in zip(self._heads, self._maps, self._own, strict=True):
                mapped = _transformed(stream_map, record)
                if mapped is not None:
                    lines += head + self._without_secrets(encode(mapped)) + tail
                    own |= ours and all(mapped.get(name) == record[name] for name in known_by)
        return bytes(lines), own


def _transformed(stream_map: StreamMap, record: Mapping[str, Any]) -> dict[str, Any] | None:
    declared = stream_map.transformed_schema["properties"]
    try:
        mapped = stream_map.transform(dict(record))
    except Exception as error:  # noqa: BLE001 - the user's own expressions
        raise SettingsError(
            f"an expression in stream_maps fails for a record ({type(error).__name__}); "
            f"check those that make {stream_map.stream_alias}"
        ) from None
    # Flattening leaves an object that is null under its own name, which the schema does not have.
    return mapped and {name: value for name, value in mapped.items() if name in declared}


def _head(stream: str) -> bytes:
    return b'{"type":"RECORD","stream":%b,"record":' % encode(stream)


class SentCalls:
    """Remembers the calls sent last, so that one seen again unchanged is not sent twice.

    Windows overlap at their edges only, so a bounded memory is enough, however long the history.
    """

    def __init__(self, remembered: int = CALLS_REMEMBERED) -> None:
        self._remembered = remembered
        self._newer: dict[str | int, tuple[int, str]] = {}
        self._older: dict[str | int, tuple[int, str]] = {}
        self.distinct = 0

    def news(self, calls: Iterable[ReadCall]) -> list[ReadCall]:
        """The calls that were not sent before, or have changed since; notes them as sent.

        Windows leave in order, but are fetched side by side: what was fetched before the version
        that was sent is no news.
        """
        found = []
        newer, older = self._newer, self._older
        for call in calls:
            key = call.key
            known = newer.get(key) or older.get(key)
            if known is not None and (known[0] == call.fingerprint or call.fetched < known[1]):
                continue
            self.distinct += known is None
            newer[key] = call.fingerprint, call.fetched
            found.append(call)
            if len(newer) >= self._remembered:
                newer, older = self._newer, self._older = {}, newer
        return found
