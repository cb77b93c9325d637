select
    vendor,
    account,
    call_day,
    external_line,
    direction,
    max(external_line_e164) as external_line_e164,
    {{ callhistory.measures() }}
from {{ ref('calls') }}
where external_line is not null and counts_as_call
group by vendor, account, call_day, external_line, direction
