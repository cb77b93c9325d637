"""Settings that each vendor takes, and a window to ask it for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tap_callhistory.reading.windows import Window

SETTINGS: dict[str, dict[str, Any]] = {
    "kavenegar": {"api_token": "fake-token-1"},
    "etelecom": {"api_key": "fake-token-2"},
    "twin": {"token": "fake-token-3"},
    "cinnox": {"api_url": "https://cx.example", "app_id": "a-1", "app_token": "fake-token-4"},
    "utel": {"api_url": "https://api.acme.example/api/v1/", "token": "fake-token-5"},
}
WINDOW = Window(
    datetime(2026, 1, 13, 12, 0, 30, tzinfo=UTC), datetime(2026, 1, 13, 13, 0, tzinfo=UTC)
)
