"""The vendors, one module each. A new vendor is one more row here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tap_callhistory.vendors.cinnox import CinnoxCallDetails
from tap_callhistory.vendors.etelecom import EtelecomCallLogs
from tap_callhistory.vendors.kavenegar import KavenegarCalls
from tap_callhistory.vendors.twin import TwinCallSessions
from tap_callhistory.vendors.utel import UtelCallHistory

if TYPE_CHECKING:
    from tap_callhistory.vendors.base import Endpoint

VENDORS: Final[tuple[type[Endpoint], ...]] = (
    KavenegarCalls,
    EtelecomCallLogs,
    TwinCallSessions,
    CinnoxCallDetails,
    UtelCallHistory,
)
"""Every documented endpoint; each is a stream."""
