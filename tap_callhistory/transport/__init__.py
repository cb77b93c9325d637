"""Requests to a vendor: sent within a budget, retried, authorised and judged."""
