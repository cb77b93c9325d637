"""Whatever a vendor answers: readable errors or good messages, and an end.

Fifty examples of each kind for each vendor in the usual run. For more:

    CALLHISTORY_FUZZ_EXAMPLES=5000 pytest tests/faults/test_bodies.py
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_callhistory.transport.http import Answer, Request
from tests.support.faults.bodies import (
    CURSORS,
    PHONE_DIGITS,
    RECORDS,
    Text,
    bodies,
    records,
    records_with_phones,
    written,
)
from tests.support.faults.in_memory import GOOD_LOGIN, Told, run_given
from tests.support.faults.remembered import PLANTED
from tests.support.faults.singer import faults
from tests.support.faults.trials import STREAMS
from tests.support.sample_vendor import sample

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("CALLHISTORY_FUZZ_EXAMPLES", "50"))
VENDORS = tuple(STREAMS)
DEFECT = "defect of the tap"

fuzzed = settings(max_examples=EXAMPLES)
bad_records = st.sampled_from(["fail", "skip", "skip"])
good_status = st.just(200)
other_statuses = st.sampled_from((201, 204, 302, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503))
statuses = st.one_of(good_status, good_status, other_statuses)


checked: Counter[str] = Counter()
"""How many runs over changed answers were checked, by how they ended."""


def check(told: Told) -> None:
    """What holds of every run, whatever it was answered."""
    checked[type(told.failure).__name__ if told.failure else "loaded"] += 1
    assert DEFECT not in str(told.failure)
    assert list(faults(told.lines)) == []
    assert PLANTED.encode() not in told.output
    assert PLANTED not in told.log
    assert PLANTED not in str(told.failure)
    assert "Traceback" not in told.log


def page(stream: str, found: list[Any], request: Request) -> bytes:
    """The records as the vendor's first page, and pages without any after it."""
    asked: dict[str, str] = dict(request.params)
    cursor = (request.body or {}).get("paging", {}).get("after")
    first_page = "0" if stream == "kavenegar_calls" else "1"
    later = asked.get("page", first_page) != first_page or cursor == "next"
    shown = [] if later else found[int(asked.get("offset", 0)) :]
    frames: dict[str, dict[str, Any]] = {
        "kavenegar_calls": {"page": {"number": 0, "size": 100, "total": len(found)}},
        "etelecom_call_logs": {"paging": {"limit": 1000, "next": "next" if shown else ""}},
        "twin_call_sessions": {"count": len(found)},
        "cinnox_call_details": {"code": 200},
        "utel_call_history": {"meta": {"per_page": 300, "total": len(found)}},
    }
    return written({**frames[stream], RECORDS[stream]: shown})


def giving(stream: str, found: list[Any]) -> Callable[[int, Request], Answer]:
    def give(_: int, request: Request) -> Answer:
        is_login = request.url.endswith("/auth/login")
        return Answer(200, {}, GOOD_LOGIN if is_login else page(stream, found, request))

    return give


@pytest.mark.parametrize("vendor", VENDORS)
@given(data=st.data())
@fuzzed
def test_changed_records_become_messages_that_targets_take_or_a_clear_error(
    vendor: str, data: st.DataObject
) -> None:
    stream = STREAMS[vendor]
    found = data.draw(records(stream))
    told = run_given(vendor, giving(stream, found), on_bad_record=data.draw(bad_records))
    check(told)


@pytest.mark.parametrize("vendor", VENDORS)
@given(data=st.data())
@fuzzed
def test_changed_answers_end_in_good_messages_or_a_clear_error(
    vendor: str, data: st.DataObject
) -> None:
    drawn = data.draw(
        st.lists(st.tuples(statuses, bodies(STREAMS[vendor])), min_size=1, max_size=3)
    )
    bad_login = data.draw(st.integers(0, 9)) == 0

    def give(number: int, request: Request) -> Answer:
        if request.url.endswith("/auth/login") and not bad_login:
            return Answer(200, {}, GOOD_LOGIN)
        status, body = drawn[min(number, len(drawn)) - 1]
        return Answer(status, {}, body)

    check(run_given(vendor, give, on_bad_record=data.draw(bad_records)))


@pytest.mark.parametrize("vendor", VENDORS)
@given(data=st.data())
@fuzzed
def test_no_phone_number_leaves_where_they_are_hashed(vendor: str, data: st.DataObject) -> None:
    stream = STREAMS[vendor]
    found = data.draw(records_with_phones(stream))
    given_key = {"phone_numbers": "hash", "hash_key": f"{PLANTED}-hash-key-of-32-characters"}
    told = run_given(vendor, giving(stream, found), **given_key)
    check(told)
    assert told.failure is None
    assert b'"RECORD"' in told.output
    digits = re.sub(r"[^0-9a-zA-Z\"]", "", told.output.decode().replace("\\u2011", "") + told.log)
    assert PHONE_DIGITS not in digits


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_without_sense_ends_in_a_clear_error_or_in_no_next_page(cursor: Text) -> None:
    body = sample("etelecom_call_logs")
    body["paging"]["next"] = cursor
    check(run_given("etelecom", lambda _number, _request: Answer(200, {}, written(body))))
