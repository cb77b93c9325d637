with calls as (
    select
        calls.*,
        {{ callhistory.first_day_of('week', 'call_day') }} as call_week
    from {{ ref('calls') }}
    where counts_as_call
)

select
    vendor,
    account,
    call_week,
    direction,
    {{ callhistory.measures() }}
from calls
group by vendor, account, call_week, direction
