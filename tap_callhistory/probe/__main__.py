"""``python -m tap_callhistory.probe``."""

from tap_callhistory.cli import probe

probe()
