-- Calls between two users of an application: no direction, no line, no agent.
with raw_calls as (
    {{ callhistory.raw_calls('kavenegar_calls', {
        'id': 'text',
        'created_at': 'timestamp',
        'started_at': 'timestamp',
        'finished_at': 'timestamp',
        'duration': 'integer',
        'caller': 'json',
        'receptor': 'json',
        'finish_reason': 'text',
        'recording': 'json',
        '_sdc_batched_at': 'timestamp',
    }) }}
)

select
    account,
    id as call_id,
    {{ callhistory.unknown('text') }} as conversation_id,
    'unknown' as direction,
    {{ callhistory.unknown('text') }} as raw_direction,
    {{ callhistory.json_text('caller', ['username']) }} as from_number,
    {{ callhistory.json_text('receptor', ['username']) }} as to_number,
    {{ callhistory.unknown('text') }} as customer_number,
    {{ callhistory.unknown('text') }} as external_line,
    {{ callhistory.unknown('text') }} as agent_id,
    {{ callhistory.unknown('text') }} as agent_name,
    created_at,
    {{ callhistory.unknown('timestamp') }} as started_at,
    started_at as answered_at,
    finished_at as ended_at,
    {{ callhistory.seconds_between('created_at', 'coalesce(started_at, finished_at)') }}
        as ring_seconds,
    case when finished_at is not null then duration / 1000.0 end as talk_seconds,
    {{ callhistory.seconds_between('created_at', 'finished_at') }} as total_seconds,
    case
        when finished_at is null and finish_reason is null then 'in_progress'
        when started_at is not null then 'answered'
        when finish_reason in ('missed', 'no_one_connected') then 'missed'
        when finish_reason in ('busy', 'rejected') then 'busy'
        when finish_reason = 'hangup' then 'cancelled'
        when finish_reason in ('unreachable', 'killed') then 'failed'
        when finish_reason = 'media_connection_broken' then 'failed'
        when finish_reason = 'messaging_connection_broken' then 'failed'
        else 'unknown'
    end as status,
    finish_reason as raw_status,
    finish_reason as end_reason,
    {{ callhistory.unknown('text') }} as end_party,
    {{ callhistory.json_text('recording', ['url']) }} as recording_url,
    case
        when {{ callhistory.json_text('recording', ['status']) }} = 'done' then 'ready'
        when {{ callhistory.json_text('recording', ['id']) }} is not null then 'pending'
        else 'none'
    end as recording_status,
    {{ callhistory.unknown('timestamp') }} as updated_at,
    {{ callhistory.unknown('number') }} as cost,
    {{ callhistory.unknown('boolean') }} as is_abandoned,
    true as counts_as_call,
    _sdc_batched_at as loaded_at
from raw_calls
