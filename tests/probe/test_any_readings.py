"""However a vendor reads its documentation, the probe names it rightly or says it cannot tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_callhistory.probe.account import REQUESTS_PER_VENDOR
from tap_callhistory.probe.assumptions import names_for
from tap_callhistory.sandbox.world.behaviour import Behaviour
from tap_callhistory.sandbox.world.hardship import Hardship
from tap_callhistory.vendors import VENDORS
from tests.support.probe.judging import assumptions_told, wrong_verdicts
from tests.support.probe.probing import NOW, probed

NAIVE_ZONES = ("", "UTC", "Asia/Kabul", "Asia/Kolkata", "America/Bogota")


@st.composite
def some_readings(draw: st.DrawFn, vendor: str, calls: int) -> Behaviour:
    def one_of(*choices: Any) -> Any:
        return draw(st.sampled_from(choices))

    totals = {
        "kavenegar": ("filtered", "all", "capped", "lie"),
        "twin": ("filtered", "all", "capped", "lie", "none"),
        "utel": ("filtered", "all", "capped", "lie"),
    }
    total = one_of(*totals.get(vendor, ("none",)))
    # Where no period holds calls, a 400 or 404 cannot be told from another refusal; a list missing
    # beside no total leaves TWIN's answer bare.
    ways = ["", "204", "list", "null"]
    ways += ["400", "404"] if calls > 99 else []
    ways += [] if (vendor, total) == ("twin", "none") else ["missing"]
    return Behaviour(
        bounds=one_of("[]", "[)", "(]", "()"),
        filter_field=one_of("created", "created", "started", "finished", "updated"),
        parameter_resolution=one_of("", "microsecond", "millisecond", "second", "minute"),
        zone=one_of(*NAIVE_ZONES) if vendor in {"kavenegar", "utel"} else "",
        largest_page=one_of(0, 0, 20, 50, 100, 400, 1500, 5000),
        oversize=one_of("refuse", "cut"),
        order=one_of("newest", "oldest", "id"),
        total=total,
        result_cap=one_of(0, 0, 200, 1000),
        cap_style=one_of("cut", "cut", "error"),
        clamp_pages=draw(st.booleans()),
        cursor_dialect=one_of("plain", "dot", "loop"),
        cursor_always_next=draw(st.booleans()),
        date_field_parameter=one_of("dateField", "filterBy", "unguessable"),
        unknown_parameters=one_of("refuse", "ignore"),
        extra_fields=one_of((), (("brandNew", 1), ("alsoNew", {"a": [1]}))),
        odd_types=draw(st.booleans()),
        publish_delay=one_of(0, 0, 300, 1800, 3600, 7200),
        change_delay=one_of(0, 3600, 10 * 86_400),
        largest_span_days=one_of(None, None, 1, 7, 31, 45.5),
        errors_in_ok=draw(st.booleans()),
        date_skew=one_of(0, 0, 30, -600, None),
        hardship=Hardship(
            refuses_future=draw(st.booleans()),
            retention_days=one_of(None, None, None, 20, 100),
            slow_span_hours=one_of(None, None, 100, 1000),
            refused_status=one_of(0, 0, 413),
            nothing=one_of(*ways),
        ),
    )


@pytest.mark.parametrize("vendor", [each.vendor for each in VENDORS])
@settings(max_examples=2)
@given(data=st.data())
def test_every_reading_is_named_rightly_or_not_at_all(vendor: str, data: st.DataObject) -> None:
    calls = data.draw(st.sampled_from((0, 12, 300, 1500, 5000)))
    behaviour = data.draw(some_readings(vendor, calls))
    result = probed(vendor, behaviour, calls=calls)
    assert wrong_verdicts(result, NOW) == []
    assert result.examination.requests <= REQUESTS_PER_VENDOR
    assert result.examination.requests >= result.sandbox.requests[vendor]
    stream = next(each for each in VENDORS if each.vendor == vendor)
    assert list(assumptions_told(result)) == names_for(stream)
