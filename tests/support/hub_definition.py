"""MeltanoHub's plugin definition, from meltano.yml: `python -m tests.support.hub_definition`."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.vendor_pages import ROOT

PATH = ROOT / "docs" / "meltanohub.yml"
ABOUT: dict[str, Any] = {
    "name": "tap-callhistory",
    "variant": "callhistory",
    "label": "Call history",
    "description": "Call logs of Kavenegar, eTelecom, TWIN, CINNOX and Utel",
    "namespace": "tap_callhistory",
    "pip_url": "tap-callhistory",
    "executable": "tap-callhistory",
    "domain_url": "",
    "keywords": ["meltano_sdk", "telephony", "calls"],
    "maintenance_status": "active",
}
KEPT = ("name", "kind", "sensitive", "value", "label", "description", "options")


def written() -> str:
    """The definition with the settings of meltano.yml made anew."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text())
    tap = project["plugins"]["extractors"][0]
    settings = [
        {name: each[name] for name in KEPT if name in each}
        for each in tap["settings"]
        if each["name"] != "sandbox"
    ]
    groups = [group for group in tap["settings_group_validation"] if "sandbox" not in group]
    definition = ABOUT | {
        "capabilities": tap["capabilities"],
        "settings_group_validation": groups,
        "settings": settings,
    }
    return yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=100)


if __name__ == "__main__":
    PATH.write_text(written())
