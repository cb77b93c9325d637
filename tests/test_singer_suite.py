from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_callhistory.output import ledger
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.vendors import VENDORS
from tests.support.command import Command

if TYPE_CHECKING:
    from tap_callhistory.vendors.base import Endpoint
    from tests.support.command import Run
    from tests.support.serving import Served

START = datetime.now(UTC) - timedelta(days=4)

TestSingerSdk = get_tap_test_class(
    TapCallHistory,
    config={"sandbox": True, "start_date": START.isoformat()},
    suite_config=SuiteConfig(max_records_limit=None),
)


@pytest.fixture(scope="module")
def run(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One whole run over the five vendors of a sandbox whose clock stands still."""
    return Command(tmp_path_factory.mktemp("run"))(served.config())


@pytest.mark.parametrize("stream", [each.name for each in VENDORS])
def test_keys_are_never_null_and_each_comes_once(run: Run, stream: str) -> None:
    keys = [record["id"] for record in run.records(stream)]
    assert len(keys) == 150
    assert None not in keys
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("stream", [each.name for each in VENDORS])
def test_the_table_made_of_the_messages_equals_the_vendors_truth(
    run: Run, served: Served, stream: str
) -> None:
    assert run.rows(stream) == served.truth(stream)


@pytest.mark.parametrize("stream", VENDORS, ids=lambda stream: stream.name)
def test_the_final_state_is_the_end_of_what_was_read(run: Run, stream: type[Endpoint]) -> None:
    bookmark = run.state["bookmarks"][stream.name]
    assert bookmark["replication_key"] == stream.read_by
    assert bookmark["replication_key_value"] == "2025-06-20T10:00:00.000000Z"
    assert set(bookmark["revisits"]) == {"24", "168"}


def test_a_state_message_follows_every_windows_records(run: Run) -> None:
    kinds = [message["type"] for message in run.messages]
    assert kinds[-1] == "STATE"
    assert kinds.count("STATE") >= len(VENDORS)
    assert run.code == 0, run.log


def test_a_schema_comes_before_its_streams_first_record(run: Run) -> None:
    known: set[str] = set()
    for message in run.messages:
        if message["type"] == "SCHEMA":
            known.add(message["stream"])
            assert message["key_properties"] == (
                list(ledger.KEY) if message["stream"] == ledger.NAME else ["id"]
            )
        elif message["type"] == "RECORD":
            assert message["stream"] in known


def test_the_log_holds_no_credential_and_no_phone_number(run: Run, served: Served) -> None:
    credentials = {
        value
        for settings in served.config().values()
        if isinstance(settings, dict)
        for name, value in settings.items()
        if name in {"api_token", "api_key", "password", "token", "app_token"}
    }
    numbers = {row["caller"]["username"] for row in served.truth("kavenegar_calls").values()}
    numbers |= {row["phone"] for row in served.truth("twin_call_sessions").values()}
    assert len(credentials) >= 5
    assert len(numbers) > 50
    for hidden in credentials | numbers:
        assert hidden not in run.log
    for credential in credentials:
        assert credential not in run.output
