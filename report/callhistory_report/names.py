"""The vendors' names and colours, and how a source of calls is called on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Look(NamedTuple):
    """A vendor's name, and its colour on light and on dark paper."""

    name: str
    light: str
    dark: str


LOOKS = {
    "kavenegar": Look("Kavenegar", "#2f6fb0", "#6ba6e0"),
    "etelecom": Look("eTelecom", "#c8641a", "#f0a061"),
    "twin": Look("TWIN", "#3f9470", "#6cc39d"),
    "cinnox": Look("CINNOX", "#96559e", "#c78ccf"),
    "utel": Look("Utel", "#a88a12", "#dcc35a"),
}
OTHER_COLOURS = ("#667079", "#9aa4ad")


def look(vendor: str) -> Look:
    """Return how a vendor is shown; one that is not known here keeps its name, in grey."""
    return LOOKS.get(vendor, Look(vendor, *OTHER_COLOURS))


def source_name(row: Mapping[str, Any], *, several_accounts: bool) -> str:
    """Name whose calls a row counts: the vendor, and the account where there are several.

    Args:
        row: With `vendor` and `account`.
        several_accounts: Whether the page is about more than one account.
    """
    name = look(row["vendor"]).name
    return f"{name}, {row['account']}" if several_accounts else name
