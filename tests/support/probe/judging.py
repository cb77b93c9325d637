"""What is true of a sandbox's vendor, held against what the probe said of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tap_callhistory.probe.findings import Finding, Outcome
from tap_callhistory.sandbox.world.behaviour import MICROSECONDS, Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.probe.probing import Probed

SHOWN = {
    "kavenegar": {"created", "started", "finished"},
    "etelecom": {"created", "started", "finished", "updated"},
    "twin": {"created", "started", "updated"},
    "cinnox": {"created", "finished"},
    "utel": {"created"},
}
SECONDS_AT_MOST = {"twin", "utel"}
SORTED_AS_ASKED = {"twin", "utel"}


def wrong_verdicts(probed: Probed, now: datetime) -> list[str]:
    """Every finding that says what is not so."""
    truth = _Truth(probed, now)
    return [
        f"{finding.assumption}: {finding.outcome.value}, {finding.reading!r}: {finding.seen}"
        for finding in probed.examination.findings
        if not truth.allows(finding)
    ]


class _Truth:
    def __init__(self, probed: Probed, now: datetime) -> None:
        self.vendor = probed.vendor
        self.now = now
        self.world = probed.sandbox.worlds[probed.vendor]
        self.behaviour: Behaviour = self.world.behaviour
        self.probed = probed

    def allows(self, finding: Finding) -> bool:
        if finding.outcome is Outcome.CANNOT_TELL:
            return finding.reading is None and not finding.settings and bool(finding.needed)
        name = finding.assumption.replace(" ", "_")
        check: Callable[[Finding, Any], bool] = getattr(self, name)
        return check(finding, finding.reading)

    def credentials(self, finding: Finding, _reading: str) -> bool:
        return finding.outcome is Outcome.AS_ASSUMED

    def clock_skew(self, finding: Finding, reading: int) -> bool:
        skew = self.behaviour.date_skew
        agrees = finding.outcome is Outcome.AS_ASSUMED
        return skew is not None and abs(reading - skew) <= 1 and agrees == (abs(skew) <= 120)

    def time_zone(self, finding: Finding, reading: str | None) -> bool:
        if self.vendor not in {"kavenegar", "utel"}:
            return reading == "stated"
        usual = {"kavenegar": "Asia/Tehran", "utel": "Asia/Tashkent"}[self.vendor]
        there, assumed = (self._offset(zone) for zone in (self.behaviour.zone, usual))
        if (finding.outcome is Outcome.AS_ASSUMED) != (there == assumed):
            return False
        if finding.settings:
            (zone,) = finding.settings.values()
            if self._offset(zone) != there:
                return False
        return reading in {None, _offset_text(there)}

    def _offset(self, zone: str) -> timedelta:
        return self.now.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0)

    def filtered_timestamp(self, finding: Finding, reading: str) -> bool:
        field = self.behaviour.filter_field
        if reading == "updated or finished":
            return field in {"updated", "finished"} and finding.outcome is Outcome.DIFFERS
        if field not in SHOWN[self.vendor]:
            # It begins to ring within seconds: no different where dates are cut to minutes.
            if (field, reading) == ("started", "created"):
                return "to within a minute" in finding.seen
            return reading == "finished or later" and field == "updated"
        if (finding.outcome is Outcome.AS_ASSUMED) != (field == "created"):
            return False
        return bool(reading == field) or (reading == "finished or later" and field == "finished")

    def window_bounds(self, _finding: Finding, reading: str) -> bool:
        if self.behaviour.filter_field not in SHOWN[self.vendor]:
            # What is filtered lies at, or just after, what is shown.
            return reading in {"[)", self.behaviour.bounds}
        return reading == self.behaviour.bounds

    def date_resolution(self, finding: Finding, reading: str) -> bool:
        finest = "second" if self.vendor in SECONDS_AT_MOST else "millisecond"
        real = max(self.behaviour.parameter_resolution, finest, key=MICROSECONDS.__getitem__)
        coarsest = "minute" if self.vendor == "kavenegar" else "second"
        agrees = MICROSECONDS[real] <= MICROSECONDS[coarsest]
        return reading == real and agrees == (finding.outcome is Outcome.AS_ASSUMED)

    def _ahead(self) -> timedelta:
        """By how much the vendor's present is ahead of what we write for now."""
        if self.vendor not in {"kavenegar", "utel"}:
            return timedelta(0)
        usual = {"kavenegar": "Asia/Tehran", "utel": "Asia/Tashkent"}[self.vendor]
        zone = self.behaviour.zone or usual
        return self._offset(zone) - self._offset(usual)

    def nearest_end(self, finding: Finding, reading: str | int) -> bool:
        ahead, hour = self._ahead(), timedelta(hours=1)
        if not self.behaviour.hardship.refuses_future:
            return reading == "ahead"
        if isinstance(reading, int):
            behind = timedelta(seconds=reading)
            return finding.outcome is Outcome.DIFFERS and behind >= -ahead - hour / 60
        return ahead >= (hour if reading == "ahead" else timedelta(0)) - hour / 60

    def kept_history(self, finding: Finding, reading: Any) -> bool:
        days = self.behaviour.hardship.retention_days
        if reading == "start_date":
            return days is None and finding.outcome is Outcome.AS_ASSUMED
        given, refused = reading
        return days is not None and given - 1 <= days <= refused + 1

    def no_calls(self, _finding: Finding, reading: str) -> bool:
        ways = {
            "204": "HTTP 204",
            "400": "HTTP 400",
            "404": "HTTP 404",
            "list": "an empty array",
            "null": "a page with null for its list",
            "missing": "a page without a list",
        }
        return reading == ways.get(self.behaviour.hardship.nothing, "an empty page")

    def longest_window(self, _finding: Finding, reading: Any) -> bool:
        days = self.behaviour.largest_span_days
        hours = self.behaviour.hardship.slow_span_hours
        days = min(days or hours / 24, hours / 24) if hours else days
        if isinstance(reading, list):
            return days is not None and bool(reading[0] <= days * 24 < reading[1])
        if reading == "refused when too many calls":
            return self.behaviour.cap_style == "error" and bool(self.behaviour.result_cap)
        return bool(reading == 120 and (days is None or days >= 119))

    def page_size(self, _finding: Finding, reading: dict[str, Any]) -> bool:
        largest, oversize = self.behaviour.largest_page, self.behaviour.oversize
        said: Any = reading["largest"]
        beyond = reading["beyond"]
        if isinstance(said, list):
            return oversize == "refuse" and largest in range(said[0], said[1] + 1)
        if beyond == "accepted":
            return bool(largest > said)
        if beyond == "cut":
            return oversize == "cut" and largest == said
        if beyond == "refused":
            return oversize == "refuse" and said <= largest < 2 * said
        return bool(largest >= said)

    def order(self, _finding: Finding, reading: str) -> bool:
        real = "oldest" if self.vendor in SORTED_AS_ASKED else self.behaviour.order
        return reading == {"id": "oldest"}.get(real, real)

    def total(self, _finding: Finding, reading: str) -> bool:
        kind = self.behaviour.total
        if reading == "window":
            return kind in {"filtered", "capped"}
        return {"all": "all", "wrong": "lie", "none": "none", "capped": "capped"}[reading] == kind

    def results_cap(self, _finding: Finding, reading: dict[str, Any]) -> bool:
        cap = self.behaviour.result_cap
        if reading["cap"] is None:
            return not cap or reading["had"] <= cap
        return bool(reading["cap"] == cap)

    def pages(self, _finding: Finding, reading: bool) -> bool:  # noqa: FBT001
        return reading

    def end_of_pages(self, _finding: Finding, reading: str) -> bool:
        if self.vendor == "etelecom":
            return reading == ("empty" if self.behaviour.cursor_always_next else "no next")
        clamps = self.behaviour.clamp_pages and self.vendor in {"kavenegar", "utel"}
        return reading == ("clamped" if clamps else "empty")

    def cursor(self, _finding: Finding, reading: str) -> bool:
        return reading == self.behaviour.cursor_dialect

    def date_field_parameter(self, _finding: Finding, reading: str) -> bool:
        return reading == self.behaviour.date_field_parameter

    def late_publishing(self, _finding: Finding, _reading: int) -> bool:
        return self.behaviour.publish_delay <= 3600 and self.vendor != "utel"

    def calls_in_progress(self, _finding: Finding, _reading: str) -> bool:
        return self.vendor != "utel"

    def late_changes(self, finding: Finding, reading: int) -> bool:
        agrees = self.behaviour.change_delay <= 6 * 86_400
        late = reading > 168 * 3600
        return late == (finding.outcome is Outcome.DIFFERS) and (agrees or late)

    def declared_fields(self, _finding: Finding, reading: list[str]) -> bool:
        return reading == sorted(name for name, _ in self.behaviour.extra_fields)

    def value_types(self, finding: Finding, reading: dict[str, Any]) -> bool:
        as_text = bool(reading["as_text"]) == self.behaviour.odd_types
        return as_text and not reading["bad"] and finding.outcome is Outcome.AS_ASSUMED

    def phone_numbers(self, finding: Finding, _reading: float) -> bool:
        return finding.outcome is Outcome.AS_ASSUMED


def _offset_text(offset: timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def assumptions_told(probed: Probed) -> Iterator[str]:
    """The names of all that the probe told of."""
    yield from (each.assumption for each in probed.examination.findings)
