"""``python -m tap_callhistory.shards``."""

from tap_callhistory.shards.program import main

main()
