-- For each inbound call that nobody answered, the next time that the company spoke with or called
-- that number, over all vendors and accounts. Callers for whom a day passed without stay.
with contacts as (
    select
        calls.*,
        coalesce(customer_number_e164, customer_number) as caller_number,
        (
            direction = 'inbound'
            and (is_abandoned or status in ('missed', 'busy', 'failed', 'cancelled'))
        ) as is_unanswered,
        case
            when direction = 'outbound'
                or (
                    direction = 'inbound'
                    and status = 'answered'
                    and not coalesce(is_abandoned, false)
                )
                then created_at
        end as contacted_at
    from {{ ref('calls') }}
    where customer_number is not null
),

followed as (
    select
        contacts.*,
        min(contacted_at) over (
            partition by caller_number
            order by created_at, call_key
            rows between current row and unbounded following
        ) as next_contact_at
    from contacts
),

waiting as (
    select
        followed.*,
        row_number() over (
            partition by vendor, account, caller_number
            order by created_at desc, call_key desc
        ) as newest
    from followed
    where is_unanswered
        and (
            next_contact_at is null
            or next_contact_at > {{ callhistory.seconds_after('created_at', 86400) }}
        )
)

select
    vendor || '/' || account || '/' || caller_number as caller_key,
    vendor,
    account,
    caller_number,
    count(*) as unanswered_calls,
    min(created_at) as first_unanswered_at,
    max(created_at) as last_unanswered_at,
    {{ callhistory.seconds_after('max(created_at)', 86400) }} as callback_due_at,
    max(case when newest = 1 then next_contact_at end) as next_contact_at,
    max(case when newest = 1 then call_day end) as last_unanswered_day,
    max(case when newest = 1 then external_line end) as last_external_line,
    max(case when newest = 1 then agent_id end) as last_agent_id,
    max(case when newest = 1 then call_key end) as last_call_key
from waiting
group by vendor, account, caller_number
