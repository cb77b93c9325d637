"""The tables of docs/vendors, of settings and schemas: `python -m tests.support.vendor_pages`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_callhistory.vendors.base import Endpoint

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tap_callhistory" / "schemas"


def page_of(vendor: str) -> Path:
    return ROOT / "docs" / "vendors" / f"{vendor}.md"


def written(stream: type[Endpoint]) -> str:
    """The vendor's page with its tables made anew."""
    schema = json.loads((SCHEMAS / f"{stream.name}.json").read_text())
    text = _between(page_of(stream.vendor).read_text(), "settings", _settings(stream))
    return _between(text, "fields", _fields(schema))


def _between(text: str, mark: str, table: str) -> str:
    pattern = re.compile(rf"<!-- {mark} -->.*?<!-- /{mark} -->", re.DOTALL)
    return pattern.sub(lambda _: f"<!-- {mark} -->\n{table}<!-- /{mark} -->", text)


def _settings(stream: type[Endpoint]) -> str:
    rows = ["| Setting | Default | What it is |", "|---|---|---|"]
    for name, described in stream.settings["properties"].items():
        default = f"`{described['default']}`" if "default" in described else ""
        required = " Required." if name in stream.settings.get("required", ()) else ""
        secret = " Secret." if described.get("secret") else ""
        text = described["description"] + required + secret
        rows.append(f"| `{stream.vendor}.{name}` | {default} | {text} |")
    return "\n".join(rows) + "\n"


def _fields(schema: Mapping[str, Any]) -> str:
    rows = ["| Field | Type | What it is |", "|---|---|---|"]
    rows += [f"| `{path}` | {kind} | {text} |" for path, kind, text in _described(schema, "")]
    return "\n".join(rows) + "\n"


def _described(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, node in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield path, _kind(node), node.get("description", "")
        yield from _described(node, f"{path}.")
        yield from _described(node.get("items", {}), f"{path}[].")


def _kind(node: Mapping[str, Any]) -> str:
    kinds = [kind for kind in node["type"] if kind != "null"]
    if node.get("contentMediaType"):
        return "JSON text"
    return str(node.get("format", kinds[0]))


if __name__ == "__main__":
    for each in VENDORS:
        page_of(each.vendor).write_text(written(each))
