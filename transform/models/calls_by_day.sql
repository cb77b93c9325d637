select
    vendor,
    account,
    call_day,
    direction,
    {{ callhistory.measures() }}
from {{ ref('calls') }}
group by vendor, account, call_day, direction
