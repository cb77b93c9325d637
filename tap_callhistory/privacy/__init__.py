"""What must never leave: credentials, and phone numbers where the user wants them hidden."""
