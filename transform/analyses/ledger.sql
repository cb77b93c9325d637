-- The history of each stream: from when until when it is whole.
-- Where it has gaps, with their dates: select * from coverage_gaps.
-- Windows of which calls are missing: select * from missing_calls.
select * from {{ ref('coverage') }}
order by account, stream
