-- Per account and stream: where history should begin, and how far the ledger goes.
select
    account,
    stream,
    {% set history_from = callhistory.time_setting('history_from', 'CALLHISTORY_HISTORY_FROM') %}
    {% set keep_from = callhistory.time_setting('keep_from', 'CALLHISTORY_KEEP_FROM') %}
    case
        when {{ keep_from }} > coalesce({{ history_from }}, min(start_date)) then {{ keep_from }}
        else coalesce({{ history_from }}, min(start_date))
    end as history_from,
    max(window_end) as read_until,
    max(read_at) as last_read_at,
    min(read_at) as ledger_since
from {{ ref('stg_ledger__readings') }}
group by account, stream
