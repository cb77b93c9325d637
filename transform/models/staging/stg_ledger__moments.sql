-- The time of every loaded call, once for each column that its windows may have been read by.
{{ callhistory.moments_of_calls() }}
