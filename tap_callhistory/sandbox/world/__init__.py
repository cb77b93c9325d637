"""The truth of the sandbox: made-up calls, and how a vendor looks them up."""
