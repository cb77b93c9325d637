-- Internal calls of eTelecom of which not exactly one record counts, and others that do not count.
with counted as (
    select
        calls.*,
        case
            when vendor = 'etelecom' and direction = 'internal'
                then coalesce(conversation_id, call_id)
            else call_id
        end as counted_by,
        case when counts_as_call then 1 else 0 end as counts
    from {{ ref('calls') }}
)

select vendor, account, direction, counted_by, count(*) as calls, sum(counts) as counts
from counted
group by vendor, account, direction, counted_by
having sum(counts) <> 1
