"""Runs the report by `python -m callhistory_report`."""

import sys

from callhistory_report.program import main

sys.exit(main())
