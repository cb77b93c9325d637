"""A reader's vendors and database: two accounts on loopback, and a PostgreSQL that speaks TCP."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.documentation.database import LOOPBACK, Database, Forwarder
from tests.support.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """A database in Tehran's time, behind a port: the server itself listens on a socket only."""
    with ExitStack() as stack:
        uri = stack.enter_context(postgres())
        with closing(psycopg.connect(uri, autocommit=True)) as connection:
            reached = connection.info
            user, name = reached.user, reached.dbname
            address = f"{reached.host}/.s.PGSQL.{reached.port}"
            connection.execute("alter database postgres set timezone to 'Asia/Tehran'")
        port = stack.enter_context(Forwarder.to(address))
        yield Database(LOOPBACK, port, user, name)
