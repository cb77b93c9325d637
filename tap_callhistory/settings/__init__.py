"""Settings: where they come from, and whether they can be worked with."""
