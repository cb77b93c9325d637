"""What a stream's sync came to: the line and the metric at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tap_callhistory.words import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_callhistory.reading.windows import Window


@dataclass(slots=True)
class Summary:
    """Counts of one stream's sync.

    Attributes:
        spans: The stretches of history that were to be read.
        windows: Windows read whole.
        requests: HTTP requests sent, retries included.
        records: Records written.
        distinct_keys: Different calls among them, as far as overlaps are remembered.
        vendor_total: The sum of the vendor's own totals, where it gives them. Calls at the edges
            of windows are in more than one.
        rereads: Passes repeated because their pages did not prove themselves.
        splits: Windows split.
        retries: Requests repeated.
        unfinished_calls: Calls in progress, or with a recording pending.
        misfits: Values that did not fit their declared type; they are in `_extra`.
        bad_records: Records skipped for want of a key.
        doubled_keys: Keys under which one answer held rows that differ; the last one is written.
        incomplete_windows: Windows that could not be read whole, and were loaded as they came.
        seconds: How long the sync took.
        complete: Whether everything that was to be read has been read.
    """

    spans: Sequence[Window] = ()
    windows: int = 0
    requests: int = 0
    records: int = 0
    distinct_keys: int = 0
    vendor_total: int | None = None
    rereads: int = 0
    splits: int = 0
    retries: int = 0
    unfinished_calls: int = 0
    misfits: int = 0
    bad_records: int = 0
    doubled_keys: int = 0
    incomplete_windows: int = 0
    seconds: float = 0.0
    complete: bool = False

    def line(self) -> str:
        """One line for the log."""
        span = " and ".join(str(span) for span in self.spans) or "nothing new"
        total = "unknown" if self.vendor_total is None else self.vendor_total
        return (
            f"{'read' if self.complete else 'stopped while reading'} {span}: "
            f"records {self.records}, distinct calls {self.distinct_keys}, vendor's total {total}; "
            f"windows {self.windows}, requests {self.requests}, re-reads {self.rereads}, "
            f"splits {self.splits}, retries {self.retries}; "
            f"unfinished calls {self.unfinished_calls}, values that did not fit {self.misfits}, "
            f"bad records skipped {self.bad_records}, "
            f"keys with two rows {self.doubled_keys}, "
            f"incomplete windows {self.incomplete_windows}; "
            f"took {in_words(timedelta(seconds=self.seconds))}"
        )

    def tags(self) -> dict[str, Any]:
        """The same for the tags of a Singer metric."""
        return {**asdict(self), "spans": [str(span) for span in self.spans]}
