"""Writes the documentation's pages about the probe, from a sandbox whose clock stands still."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tap_callhistory.probe.assumptions import ASSUMPTIONS
from tap_callhistory.probe.examination import Examination, examine
from tap_callhistory.probe.report import text
from tap_callhistory.tap import TapCallHistory
from tap_callhistory.vendors import VENDORS

if TYPE_CHECKING:
    from pathlib import Path

NOW: Final = datetime(2026, 3, 3, 8, 31, 7, tzinfo=UTC)
"""A Tuesday: working hours from Moscow to Hong Kong."""
START_DATE: Final = "2026-01-01T00:00:00Z"

_PROBE_HEAD: Final = """\
# The probe

`tap-callhistory-probe` tests what the tap assumes of your vendors against your own account. It only
reads, makes at most 40 requests per vendor within your `requests_per_second`, and prints nothing
personal: of phone numbers only their shape, of calls only how many there are.

```sh
tap-callhistory-probe --config config.json
tap-callhistory-probe --config config.json --vendor utel --json
```

`config.json` holds the tap's own settings; without `--config` they come from the environment. With
Meltano it is `meltano invoke tap-callhistory:probe`. Every line
names an [assumption](assumptions.md), what the vendor did, and how sure that is: *certain* has no
other explanation, *likely* is wrong only by coincidence. Where the probe cannot tell, it says what
it would need, most often calls: run it in a busy hour. The settings to paste into `meltano.yml`
stand at the end. What a vendor refuses is asked for in other ways: in smaller pages, in shorter
windows, in windows that end earlier. The exit code is 0 when every vendor could
be probed, and 1 when one refused the credentials or could not be reached.

This is what it says of the sandbox's five vendors, on a working day:

"""

_ASSUMPTIONS_HEAD: Final = """\
# Assumptions

Vendors' pages leave questions open. For each the tap assumes an answer, and is built to lose no
call where the answer is wrong. [The probe](probe.md) tests each, by these names, against your
account.

| Assumption | The question | Where the assumption is wrong |
|---|---|---|
"""


def write_documents(folder: Path) -> None:
    """Write probe.md and assumptions.md into a folder."""
    examinations = examine_sandbox()
    (folder / "probe.md").write_text(probe_page(examinations), encoding="utf-8")
    (folder / "assumptions.md").write_text(assumptions_page(examinations), encoding="utf-8")


def examine_sandbox() -> list[Examination]:
    """Examine the five vendors of the default sandbox, at a fixed moment."""
    from tap_callhistory.sandbox.server import Sandbox  # noqa: PLC0415 - an extra

    sandbox = Sandbox(now=NOW)
    with sandbox.serve() as url:
        tap = TapCallHistory(config={"start_date": START_DATE, **sandbox.settings(url)})
        return [examine(each, tap.run, tap.logger, lambda: NOW) for each in VENDORS]


def probe_page(examinations: list[Examination]) -> str:
    """Write the page with the probe's own words."""
    return f"{_PROBE_HEAD}```text\n{text(examinations)}```\n"


def assumptions_page(examinations: list[Examination]) -> str:
    """Write the page that lists all assumptions, and each vendor's."""
    rows = [f"| {name} | {each.question} | {each.if_wrong} |" for name, each in ASSUMPTIONS.items()]
    parts = [_ASSUMPTIONS_HEAD + "\n".join(rows), *map(_vendor_part, examinations)]
    return "\n\n".join(parts) + "\n"


def _vendor_part(examination: Examination) -> str:
    rows = [f"| {each.assumption} | {each.assumed} |" for each in examination.findings]
    head = f"## {examination.stream}\n\n| Assumption | Assumed of this vendor |\n|---|---|"
    return "\n".join([head, *rows])
