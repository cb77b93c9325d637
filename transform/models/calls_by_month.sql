with calls as (
    select
        calls.*,
        {{ callhistory.first_day_of('month', 'call_day') }} as call_month
    from {{ ref('calls') }}
    where counts_as_call
)

select
    vendor,
    account,
    call_month,
    direction,
    {{ callhistory.measures() }}
from calls
group by vendor, account, call_month, direction
