"""The settings that are not a vendor's own, as JSON schema properties."""

from __future__ import annotations

from typing import Any, Final

COMMON: Final[dict[str, dict[str, Any]]] = {
    "start_date": {
        "type": "string",
        "title": "Start date",
        "description": (
            "Calls from this instant on are read, unless a bookmark lies later. "
            "A date and time with an offset or Z."
        ),
        "format": "date-time",
        "examples": ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+03:30"],
    },
    "end_date": {
        "type": "string",
        "title": "End date",
        "description": (
            "Calls before this instant are read, itself excluded; by default, up to the beginning "
            "of the run. A date and time with an offset or Z."
        ),
        "format": "date-time",
        "examples": ["2026-02-01T00:00:00Z"],
    },
    "concurrency": {
        "type": "integer",
        "title": "Concurrency",
        "description": "How many windows of a stream's history are read at once.",
        "default": 4,
        "minimum": 1,
        "maximum": 32,
    },
    "requests_per_second": {
        "type": "number",
        "title": "Requests per second",
        "description": (
            "Budget of requests for each stream, shared by all its windows; by default none. "
            "A vendor's own requests_per_second comes first."
        ),
        "exclusiveMinimum": 0,
        "examples": [5],
    },
    "lookback_hours": {
        "type": "number",
        "title": "Lookback",
        "description": (
            "Hours behind the bookmark that every run reads again, for calls published late."
        ),
        "default": 1,
        "minimum": 0,
        "maximum": 8760,
    },
    "unfinished_call_hours": {
        "type": "number",
        "title": "Unfinished calls",
        "description": (
            "Hours for which a call that is in progress, or whose recording is pending, holds the "
            "bookmark before its beginning."
        ),
        "default": 6,
        "minimum": 0,
        "maximum": 8760,
    },
    "revisit_hours": {
        "type": "array",
        "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 87600},
        "title": "Revisits",
        "description": (
            "Ages, in hours, at which history is read once more, for recordings, ratings and "
            "results that arrive later. An empty list turns it off."
        ),
        "default": [24, 168],
    },
    "on_bad_record": {
        "type": "string",
        "title": "On a bad record",
        "description": (
            "What to do with a record without its key or its replication key: fail its stream, "
            "or skip it, which logs and counts it."
        ),
        "enum": ["fail", "skip"],
        "default": "fail",
    },
    "on_incomplete_window": {
        "type": "string",
        "title": "On an incomplete window",
        "description": (
            "What to do with a window that alone cannot be read whole, however small: fail its "
            "stream, which is loaded up to there, or continue, which loads what came of it, warns "
            "and counts it."
        ),
        "enum": ["fail", "continue"],
        "default": "fail",
    },
    "phone_numbers": {
        "type": "string",
        "title": "Phone numbers",
        "description": (
            "Keep phone numbers, or hash them: replace each by a pseudonym (HMAC-SHA256 under "
            "hash_key), the same for all vendors."
        ),
        "enum": ["keep", "hash"],
        "default": "keep",
    },
    "hash_key": {
        "type": "string",
        "title": "Hash key",
        "description": (
            "Key of the pseudonyms, needed with phone_numbers: hash; at least 16 characters. "
            "Another key gives other pseudonyms."
        ),
        "minLength": 16,
        "secret": True,
    },
    "request_timeout": {
        "type": "number",
        "title": "Request timeout",
        "description": "Seconds to wait for a vendor to go on with its answer.",
        "default": 60,
        "exclusiveMinimum": 0,
        "maximum": 3600,
    },
    "max_retries": {
        "type": "integer",
        "title": "Retries",
        "description": "How often a request that failed for a passing reason is made again.",
        "default": 8,
        "minimum": 0,
        "maximum": 100,
    },
    "user_agent": {
        "type": "string",
        "title": "User agent",
        "description": "How the tap names itself to vendors; by default its name and version.",
        "pattern": "^[ -~]+$",
        "examples": ["tap-callhistory (data@example.com)"],
    },
    "account": {
        "type": "string",
        "title": "Account",
        "description": (
            "A label for the account that this run reads, where there are several; it is in the "
            "metrics."
        ),
        "examples": ["acme-tashkent"],
    },
    "shard": {
        "type": "string",
        "title": "Shard",
        "description": (
            "A label for the part of a divided history that this run reads; it is in the metrics."
        ),
        "examples": ["acme-utel_call_history-2025-01-01_2025-02-01"],
    },
    "sandbox": {
        "type": "boolean",
        "title": "Sandbox",
        "description": (
            "Starts the sandbox, with made-up calls, and reads from it instead of from vendors. "
            "It needs no vendor's settings; given, they choose which vendors are read."
        ),
        "default": False,
    },
}
