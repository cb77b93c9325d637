-- CINNOX says when a call began and ended, but not when it was answered.
with raw_calls as (
    {{ callhistory.raw_calls('cinnox_call_details', {
        'id': 'text',
        'call_id': 'text',
        'call_direction': 'text',
        'call_prepare_from_num': 'text',
        'caller': 'text',
        'callee': 'text',
        'call_date': 'timestamp',
        'call_end_time': 'timestamp',
        'status': 'text',
        'bye_reason': 'text',
        'release_party': 'text',
        'is_recording': 'boolean',
        'has_audio_file': 'boolean',
        'recording_event_list': 'json',
        'from_eid': 'text',
        'to_eid': 'text',
        'from_role': 'text',
        'to_role': 'text',
        'from_display_name': 'text',
        'to_display_name': 'text',
        'last_handled_party': 'text',
        '_sdc_batched_at': 'timestamp',
    }) }}
),

known as (
    select
        raw_calls.*,
        case
            when from_role <> '' and to_role <> '' then 'internal'
            when lower(call_direction) = 'inbound' then 'inbound'
            when lower(call_direction) = 'outbound' then 'outbound'
            else 'unknown'
        end as direction,
        case
            when call_end_time is null then 'in_progress'
            -- Abandoned calls were established: in a menu, at voicemail or on hold.
            when lower(status) in ('call ended', 'answered', 'abandoned') then 'answered'
            when lower(status) in ('not answered', 'missed') then 'missed'
            when lower(status) in ('busy', 'declined') then 'busy'
            when lower(status) = 'cancelled' then 'cancelled'
            when lower(status) in ('call failed', 'failed', 'unreachable') then 'failed'
            else 'unknown'
        end as common_status,
        {{ callhistory.seconds_between('call_date', 'call_end_time') }} as total_seconds,
        -- A recording may have been stopped and begun again before it had a file.
        coalesce(
            {%- for recording in range(4) %}
            {{ callhistory.json_text(
                'recording_event_list', [recording, 'files', 0, 'download_url']
            ) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) as recording_url
    from raw_calls
),

attended as (
    select
        known.*,
        coalesce(
            nullif(last_handled_party, ''),
            nullif(case direction when 'inbound' then to_eid else from_eid end, '')
        ) as agent_id
    from known
)

select
    account,
    id as call_id,
    nullif(call_id, '') as conversation_id,
    direction,
    call_direction as raw_direction,
    nullif(caller, '') as from_number,
    nullif(callee, '') as to_number,
    case direction
        when 'inbound' then nullif(caller, '')
        when 'outbound' then nullif(callee, '')
    end as customer_number,
    nullif(call_prepare_from_num, '') as external_line,
    agent_id,
    nullif(
        case agent_id when from_eid then from_display_name when to_eid then to_display_name end, ''
    ) as agent_name,
    call_date as created_at,
    {{ callhistory.unknown('timestamp') }} as started_at,
    {{ callhistory.unknown('timestamp') }} as answered_at,
    call_end_time as ended_at,
    case
        when common_status in ('missed', 'busy', 'cancelled', 'failed') then total_seconds
    end as ring_seconds,
    case when common_status in ('missed', 'busy', 'cancelled', 'failed') then 0 end as talk_seconds,
    total_seconds,
    common_status as status,
    nullif(status, '') as raw_status,
    nullif(bye_reason, '') as end_reason,
    nullif(release_party, '') as end_party,
    recording_url,
    case
        when has_audio_file or recording_url is not null then 'ready'
        when is_recording then 'pending'
        else 'none'
    end as recording_status,
    {{ callhistory.unknown('timestamp') }} as updated_at,
    {{ callhistory.unknown('number') }} as cost,
    coalesce(lower(status) = 'abandoned' and call_end_time is not null, false) as is_abandoned,
    true as counts_as_call,
    _sdc_batched_at as loaded_at
from attended
