"""The probe: tests what the tap assumes of a vendor against the user's own account, read-only."""
