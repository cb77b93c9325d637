-- A bot's sessions: TWIN does not say who called whom, nor when a session ended.
with raw_calls as (
    {{ callhistory.raw_calls('twin_call_sessions', {
        'id': 'text',
        'phone': 'text',
        'duration': 'number',
        'bot_id': 'text',
        'bot_name': 'text',
        'status': 'text',
        'short_number': 'text',
        'created_at': 'timestamp',
        'updated_at': 'timestamp',
        'started_at': 'timestamp',
        'record_path': 'text',
        'price': 'number',
        '_sdc_batched_at': 'timestamp',
    }) }}
),

known as (
    select
        raw_calls.*,
        case
            when status = 'ANSWERED' then 'answered'
            when status = 'NOANSWER' then 'missed'
            when status = 'BUSY' then 'busy'
            -- REJECTED is what becomes of a call that had expired, and was taken up all the same.
            when status in ('CANCEL', 'BLACKLIST', 'FZ230', 'EMPTY_AON', 'EXPIRED', 'REJECTED')
                then 'cancelled'
            when status in ('CONGESTION', 'CHANUNAVAIL', 'FAILED', 'INVALID', 'UNAVAILABLE')
                then 'failed'
            when status in ('DIAL', 'INPROGRESS', 'SCHEDULED') then 'in_progress'
            else 'unknown'
        end as common_status
    from raw_calls
)

select
    account,
    id as call_id,
    {{ callhistory.unknown('text') }} as conversation_id,
    'unknown' as direction,
    {{ callhistory.unknown('text') }} as raw_direction,
    {{ callhistory.unknown('text') }} as from_number,
    {{ callhistory.unknown('text') }} as to_number,
    nullif(phone, '') as customer_number,
    nullif(short_number, '') as external_line,
    bot_id as agent_id,
    bot_name as agent_name,
    created_at,
    started_at,
    {{ callhistory.unknown('timestamp') }} as answered_at,
    {{ callhistory.unknown('timestamp') }} as ended_at,
    {{ callhistory.unknown('number') }} as ring_seconds,
    case when common_status <> 'in_progress' then duration end as talk_seconds,
    {{ callhistory.unknown('number') }} as total_seconds,
    common_status as status,
    status as raw_status,
    {{ callhistory.unknown('text') }} as end_reason,
    {{ callhistory.unknown('text') }} as end_party,
    nullif(record_path, '') as recording_url,
    case when nullif(record_path, '') is not null then 'ready' else 'none' end as recording_status,
    updated_at,
    price as cost,
    {{ callhistory.unknown('boolean') }} as is_abandoned,
    true as counts_as_call,
    _sdc_batched_at as loaded_at
from known
