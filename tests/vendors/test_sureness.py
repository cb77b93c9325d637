"""Every vendor's page says of every assumption, by the probe's name, how sure it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tap_callhistory.probe.assumptions import names_for
from tap_callhistory.vendors import VENDORS
from tests.support.vendor_pages import page_of

if TYPE_CHECKING:
    from tap_callhistory.vendors.base import Endpoint

SURENESS = {
    *("documented", "seen in the vendor's backend", "seen in clients"),
    *("inferred", "unknown"),
}

each_vendor = pytest.mark.parametrize("stream", VENDORS, ids=lambda stream: stream.vendor)


def rows_of(stream: type[Endpoint]) -> list[list[str]]:
    text = page_of(stream.vendor).read_text(encoding="utf-8")
    part = text.partition("## What is assumed")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+) \|$", part, re.MULTILINE)
    return [list(row) for row in rows if row[0] not in {"Assumption", "---"}]


@each_vendor
def test_a_vendors_page_lists_the_assumptions_that_the_probe_tests(stream: type[Endpoint]) -> None:
    assert [name for name, _, _ in rows_of(stream)] == names_for(stream)


@each_vendor
def test_a_vendors_page_says_how_sure_each_is_and_what_is_known(stream: type[Endpoint]) -> None:
    rows = rows_of(stream)
    assert {sureness for _, sureness, _ in rows} <= SURENESS
    assert all(known.strip() for _, _, known in rows)


@each_vendor
def test_a_vendors_page_names_the_filters_that_are_offered(stream: type[Endpoint]) -> None:
    part = page_of(stream.vendor).read_text(encoding="utf-8").partition("## Filters")[2]
    offered = part.partition("\n## ")[0]
    for setting in stream.chosen_by:
        assert f"`{stream.vendor}.{setting}`" in offered
