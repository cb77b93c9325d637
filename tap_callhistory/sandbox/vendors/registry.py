"""The sandbox's vendors: one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_callhistory.sandbox.vendors.cinnox import Cinnox
from tap_callhistory.sandbox.vendors.etelecom import Etelecom
from tap_callhistory.sandbox.vendors.kavenegar import Kavenegar
from tap_callhistory.sandbox.vendors.twin import Twin
from tap_callhistory.sandbox.vendors.utel import Utel

if TYPE_CHECKING:
    from tap_callhistory.sandbox.vendors.base import SandboxVendor

VENDORS: dict[str, type[SandboxVendor]] = {
    "kavenegar": Kavenegar,
    "etelecom": Etelecom,
    "twin": Twin,
    "cinnox": Cinnox,
    "utel": Utel,
}


def vendor_named(name: str) -> type[SandboxVendor]:
    """Return a vendor's class.

    Raises:
        ValueError: There is no such vendor; the message names those that there are.
    """
    if name not in VENDORS:
        raise ValueError(f"no sandbox vendor {name!r}; there are {', '.join(VENDORS)}")
    return VENDORS[name]
