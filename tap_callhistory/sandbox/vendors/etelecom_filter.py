"""The filters of eTelecom's call logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tap_callhistory.sandbox.http import Refusal
from tap_callhistory.sandbox.vendors import etelecom_terms as terms
from tap_callhistory.sandbox.world.call import Call

if TYPE_CHECKING:
    from datetime import datetime

FILTERS = frozenset({
    "call_number",
    "call_state",
    "date_from",
    "date_to",
    "department_id",
    "direction",
    "duration",
    "extension_ids",
    "external_id",
    "external_session_id",
    "hotline_ids",
    "user_id",
})
STATES = frozenset({"unknown", "answered", "not_answered"})
DIRECTIONS = frozenset({"unknown", "in", "out", "ext", "ext_in", "ext_out"})
Condition = Callable[[Call], bool]
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "unknow": lambda _seconds, _value: True,
    "equal": lambda seconds, value: seconds == value,
    "less_than": lambda seconds, value: seconds < value,
    "less_than_or_equal_to": lambda seconds, value: seconds <= value,
    "greater_than": lambda seconds, value: seconds > value,
    "greater_than_or_equal_to": lambda seconds, value: seconds >= value,
}


def conditions_of(filters: dict[str, Any], now: datetime) -> dict[tuple[str, str], Condition]:
    """Return what a request's filters keep as of `now`, their dates left aside.

    Raises:
        Refusal: A filter's value is not one that the vendor takes.
    """
    makers: dict[str, Callable[[Any], Condition]] = {
        "call_number": lambda value: _text(
            value, lambda call: value in {terms.written(call.caller), terms.written(call.callee)}
        ),
        "call_state": lambda value: _one_of(value, STATES, lambda call: _state(call, now) == value),
        "department_id": lambda value: _text(
            value, lambda call: terms.department_id(call) == value
        ),
        "direction": lambda value: _one_of(
            value, DIRECTIONS, lambda call: terms.direction(call) == value
        ),
        "duration": lambda value: _duration(value, now),
        "extension_ids": lambda value: _among(value, terms.extension_id),
        "external_id": lambda value: _text(value, lambda call: terms.external_id(call) == value),
        "external_session_id": lambda value: _text(
            value, lambda call: terms.external_session_id(call) == value
        ),
        "hotline_ids": lambda value: _among(value, terms.hotline_id),
        "user_id": lambda value: _text(value, lambda call: terms.user_id(call) == value),
    }
    return {
        (name, repr(value)): makers[name](value)
        for name, value in filters.items()
        if name in makers
    }


def _state(call: Call, now: datetime) -> str:
    return terms.state(call, terms.known_until(call, now))


def _text(value: Any, keeps: Condition) -> Condition:
    if not isinstance(value, str):
        raise Refusal(400, "a filter is not a string")
    return keeps


def _one_of(value: Any, known: frozenset[str], keeps: Condition) -> Condition:
    if not isinstance(value, str) or value not in known:
        raise Refusal(400, f"a filter is none of {', '.join(sorted(known))}")
    return keeps


def _among(values: Any, id_of: Callable[[Call], str]) -> Condition:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Refusal(400, "a filter is not a list of strings")
    wanted = frozenset(values)
    return lambda call: not wanted or id_of(call) in wanted


def _duration(value: Any, now: datetime) -> Condition:
    if not isinstance(value, dict) or str(value.get("comparison")) not in COMPARISONS:
        raise Refusal(400, "filter.duration is invalid")
    bound = value.get("value")
    if not isinstance(bound, int):
        raise Refusal(400, "filter.duration.value is not an integer")
    compare = COMPARISONS[str(value["comparison"])]
    return lambda call: compare(terms.seconds(call, terms.known_until(call, now)), bound)
