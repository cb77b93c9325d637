"""``python -m tap_callhistory.probe``."""

from tap_callhistory.commands import probe

probe()
