"""The pages that users read: every block of them is typed as it stands."""
