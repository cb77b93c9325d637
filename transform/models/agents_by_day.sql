select
    vendor,
    account,
    call_day,
    agent_id,
    max(agent_name) as agent_name,
    sum(case when direction = 'inbound' then 1 else 0 end) as inbound_calls,
    sum(case when direction = 'outbound' then 1 else 0 end) as outbound_calls,
    sum(
        case
            when direction = 'inbound' and status in ('missed', 'busy', 'failed', 'cancelled')
                then 1
            else 0
        end
    ) as unanswered_inbound_calls,
    {{ callhistory.measures() }}
from {{ ref('calls') }}
where agent_id is not null
group by vendor, account, call_day, agent_id
