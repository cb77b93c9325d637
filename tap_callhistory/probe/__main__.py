"""``python -m tap_callhistory.probe``."""

from tap_callhistory.probe.program import main

main()
