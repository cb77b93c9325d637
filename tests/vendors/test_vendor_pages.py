from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_callhistory.vendors import VENDORS
from tests.support import hub_definition
from tests.support.vendor_pages import page_of, written

if TYPE_CHECKING:
    from tap_callhistory.vendors.base import Endpoint


@pytest.mark.parametrize("stream", VENDORS, ids=lambda stream: stream.vendor)
def test_a_vendors_page_lists_its_settings_and_fields(stream: type[Endpoint]) -> None:
    assert page_of(stream.vendor).read_text() == written(stream), (
        "run: uv run python -m tests.support.vendor_pages"
    )


def test_the_definition_for_meltanohub_has_the_settings_of_meltano_yml() -> None:
    assert hub_definition.PATH.read_text() == hub_definition.written(), (
        "run: uv run python -m tests.support.hub_definition"
    )
