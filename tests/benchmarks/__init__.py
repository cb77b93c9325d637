"""What a call costs, here and elsewhere. Not part of the test run: `python -m tests.benchmarks`."""
