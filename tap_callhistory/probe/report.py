"""Writes down what was found out: for people, for machines, and for the documentation."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_callhistory.probe.findings import Finding, Outcome
from tap_callhistory.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tap_callhistory.probe.examination import Examination

NAME_WIDTH: Final = 22
OUTCOME_WIDTH: Final = 12
LINE_WIDTH: Final = 100
INDENT: Final = "  "


def text(examinations: Sequence[Examination]) -> str:
    """Write a report for people."""
    parts = [line for each in examinations for line in (*_vendor_lines(each), "")]
    return "\n".join([*parts, *_settings_lines(examinations)]) + "\n"


def machine_readable(examinations: Iterable[Examination]) -> str:
    """Write the same as JSON."""
    plain = msgspec.json.encode([_plain(each) for each in examinations])
    return f"{msgspec.json.format(plain).decode()}\n"


def proposed_settings(examinations: Iterable[Examination]) -> dict[str, Any]:
    """Collect the settings to change, by their dotted names."""
    proposed: dict[str, Any] = {}
    for finding in (finding for each in examinations for finding in each.findings):
        proposed |= finding.settings
    return proposed


def _vendor_lines(examination: Examination) -> Iterator[str]:
    count = counted(examination.requests, "request")
    if examination.of_the_sandbox:
        count += " of the sandbox, whose calls are made up"
    if examination.failure:
        yield f"{examination.stream}: {count}"
        yield f"{INDENT}{examination.failure}"
        return
    yield f"{examination.stream}: {count}, {examination.seen}"
    yield ""
    for finding in examination.findings:
        yield from _finding_lines(finding)


def _finding_lines(finding: Finding) -> Iterator[str]:
    outcome = finding.outcome.value
    head = f"{INDENT}{finding.assumption:<{NAME_WIDTH}}{outcome:<{OUTCOME_WIDTH}}"
    sure = f" ({finding.sureness.value})" if finding.sureness.value else ""
    yield from _wrapped(head, finding.seen + sure)
    blank = " " * len(head)
    if finding.outcome is Outcome.AS_ASSUMED:
        return
    yield from _wrapped(blank, f"assumed: {finding.assumed}")
    if finding.needed:
        yield from _wrapped(blank, f"needed: {finding.needed}")
    if finding.advice:
        yield from _wrapped(blank, f"do: {finding.advice}")
    for name, value in finding.settings.items():
        yield from _wrapped(blank, f"set: {name}: {_yaml(value)}")


def _wrapped(head: str, body: str) -> list[str]:
    return textwrap.wrap(
        body,
        LINE_WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _settings_lines(examinations: Sequence[Examination]) -> list[str]:
    proposed = proposed_settings(examinations)
    if not proposed:
        return [*_nothing_to_change(examinations)]
    lines = [f"  {name}: {_yaml(value)}" for name, value in proposed.items()]
    return ["Settings for meltano.yml:", "", "config:", *lines]


def _nothing_to_change(examinations: Sequence[Examination]) -> Iterator[str]:
    """Say that no setting has to change, of what was found out and of nothing else."""
    findings = [finding for each in examinations for finding in each.findings]
    told = [each for each in findings if each.outcome is not Outcome.CANNOT_TELL]
    unknown = [each.vendor for each in examinations if each.failure]
    if told and len(told) == len(findings):
        yield f"No setting has to change{' for the others' if unknown else ''}."
    elif told:
        yield (
            f"No setting has to change by the {len(told)} of {len(findings)} assumptions that "
            "could be told."
        )
    if unknown:
        yield f"Nothing was found out about {', '.join(unknown)}."


def _yaml(value: Any) -> str:
    """Write a value as YAML takes it: JSON, with plain words left bare."""
    if isinstance(value, str) and value.replace("/", "").replace("_", "").isalnum():
        return value
    return msgspec.json.encode(value).decode()


def _plain(examination: Examination) -> dict[str, Any]:
    return {
        "stream": examination.stream,
        "vendor": examination.vendor,
        "requests": examination.requests,
        "seen": examination.seen,
        "failure": examination.failure or None,
        "sandbox": examination.of_the_sandbox,
        "findings": [_plain_finding(each) for each in examination.findings],
        "settings": proposed_settings([examination]),
    }


def _plain_finding(finding: Finding) -> dict[str, Any]:
    return {
        "assumption": finding.assumption,
        "assumed": finding.assumed,
        "outcome": finding.outcome.value,
        "sureness": finding.sureness.value or None,
        "seen": finding.seen,
        "reading": finding.reading,
        "needed": finding.needed or None,
        "advice": finding.advice or None,
        "settings": dict(finding.settings),
    }
