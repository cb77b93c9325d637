-- Nothing in a record says that a call lasts, so each is taken as over (assumed). When it was
-- answered and ended follows from its lengths.
with raw_calls as (
    {{ callhistory.raw_calls('utel_call_history', {
        'id': 'text',
        'call_id': 'text',
        'date_time': 'timestamp',
        'src': 'text',
        'dst': 'text',
        'external_number': 'text',
        'duration': 'integer',
        'conversation': 'integer',
        'type': 'json',
        'status': 'json',
        'recorded_file_url': 'text',
        '_sdc_batched_at': 'timestamp',
    }) }}
),

known as (
    select
        raw_calls.*,
        case {{ callhistory.json_text('type', ['number']) }}
            when '1' then 'inbound'
            when '2' then 'outbound'
            when '3' then 'internal'
            else 'unknown'
        end as direction,
        case {{ callhistory.json_text('status', ['number']) }}
            when '1' then 'answered'
            when '2' then 'missed'
            else 'unknown'
        end as common_status,
        {{ callhistory.seconds_after('date_time', 'duration') }} as ended_at
    from raw_calls
)

select
    account,
    id as call_id,
    nullif(call_id, '') as conversation_id,
    direction,
    {{ callhistory.json_text('type', ['name']) }} as raw_direction,
    nullif(src, '') as from_number,
    nullif(dst, '') as to_number,
    case direction
        when 'inbound' then nullif(src, '')
        when 'outbound' then nullif(dst, '')
    end as customer_number,
    nullif(external_number, '') as external_line,
    case direction
        when 'inbound' then nullif(dst, '')
        when 'outbound' then nullif(src, '')
        when 'internal' then nullif(src, '')
    end as agent_id,
    {{ callhistory.unknown('text') }} as agent_name,
    date_time as created_at,
    {{ callhistory.unknown('timestamp') }} as started_at,
    case
        when common_status = 'answered'
            then {{ callhistory.seconds_after('ended_at', '-conversation') }}
    end as answered_at,
    ended_at,
    duration - conversation as ring_seconds,
    conversation as talk_seconds,
    duration as total_seconds,
    common_status as status,
    {{ callhistory.json_text('status', ['name']) }} as raw_status,
    {{ callhistory.unknown('text') }} as end_reason,
    {{ callhistory.unknown('text') }} as end_party,
    nullif(recorded_file_url, '') as recording_url,
    case
        when nullif(recorded_file_url, '') is not null then 'ready' else 'none'
    end as recording_status,
    {{ callhistory.unknown('timestamp') }} as updated_at,
    {{ callhistory.unknown('number') }} as cost,
    {{ callhistory.unknown('boolean') }} as is_abandoned,
    true as counts_as_call,
    _sdc_batched_at as loaded_at
from known
