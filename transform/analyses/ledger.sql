-- From when until when the history of each stream is whole.
-- For its gaps, with their dates: select * from coverage_gaps.
-- For the windows of which calls are missing: select * from missing_calls.
select * from {{ ref('coverage') }}
order by account, stream
