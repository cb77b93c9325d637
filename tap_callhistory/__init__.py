"""tap-callhistory: every call of five telephony vendors in the warehouse, once, and correct."""
