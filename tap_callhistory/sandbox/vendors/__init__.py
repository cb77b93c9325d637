"""The sandbox's five vendors."""
