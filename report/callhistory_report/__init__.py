"""A page about the calls of the last weeks: a table and a chart per question."""
