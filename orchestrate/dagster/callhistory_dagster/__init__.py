"""Backfills of call history on many machines, and hourly runs, with Dagster.

accounts ── sources ── assets ── runners ── processes: the tap and the loader
                          │         ╰── states: what came out of the loader, in PostgreSQL
                          ╰── proof: check, and the ledger in the warehouse
"""
