"""Standard output, and one clear error when it can no longer be written."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

from tap_callhistory.errors import CallHistoryError

if TYPE_CHECKING:
    from collections.abc import Iterator


class OutputClosed(CallHistoryError):  # noqa: N818 - what happened, in the user's words
    """The output takes nothing any more: as a rule, the target ended before the tap.

    Attributes:
        quiet: Whether it goes without saying, as the target has its own error to tell.
    """

    def __init__(self, reason: OSError) -> None:
        super().__init__(f"The output cannot be written: {reason.strerror}")
        self.quiet = isinstance(reason, BrokenPipeError)


@contextmanager
def checked_output() -> Iterator[None]:
    """Tell the failures of printing from all others while the context lasts.

    Raises:
        OutputClosed: The output is closed, or did not take all that was printed.
    """
    given = cast("TextIO | None", sys.stdout)
    if given is None:  # as Python has it after >&-
        raise OutputClosed(OSError(errno.EBADF, "it is closed"))
    output = _Output(given)
    sys.stdout = cast("TextIO", output)
    try:
        try:
            yield
        finally:
            output.flush()
    except OSError as failure:
        if failure is not output.failure:
            raise
        discard_output(given)
        raise OutputClosed(failure) from None
    finally:
        sys.stdout = given


def discard_output(output: TextIO) -> None:
    """Let what is left in Python's own buffer go nowhere, so that it cannot fail at exit again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())


class _Output:
    """Standard output, which remembers its failure.

    Attributes:
        failure: The last one.
    """

    def __init__(self, given: TextIO) -> None:
        self._given = given
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text, as the given output does."""
        try:
            return self._given.write(text)
        except OSError as failure:
            self.failure = failure
            raise

    def flush(self) -> None:
        """Flush the given output."""
        try:
            self._given.flush()
        except OSError as failure:
            self.failure = failure
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._given, name)
