select
    vendor,
    account,
    call_day,
    call_hour,
    direction,
    {{ callhistory.measures() }}
from {{ ref('calls') }}
where counts_as_call
group by vendor, account, call_day, call_hour, direction
