-- Calls that were answered before they were placed, ended before they were answered, or lasted less
-- than nothing. Vendors that write whole seconds may be off by one.
select call_key, created_at, answered_at, ended_at, ring_seconds, talk_seconds, total_seconds
from {{ ref('calls') }}
where {{ callhistory.seconds_between('created_at', 'answered_at') }} < -1
    or {{ callhistory.seconds_between('answered_at', 'ended_at') }} < -1
    or {{ callhistory.seconds_between('created_at', 'ended_at') }} < -1
    or ring_seconds < -1
    or talk_seconds < 0
    or total_seconds < 0
