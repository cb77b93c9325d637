-- The columns of the raw tables that the ledger is held against, with a number for each.
{{ callhistory.sources_as_rows() }}
