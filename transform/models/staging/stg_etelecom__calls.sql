-- A record is made when the call is over and imported, so `created_at` there says nothing of the
-- call: it was placed at `started_at`. Times of ringing and answering are those of the legs in
-- `call_targets`. An internal call has a record for each of its ends, with one `external_id`.
with raw_calls as (
    {{ callhistory.raw_calls('etelecom_call_logs', {
        'id': 'text',
        'created_at': 'timestamp',
        'updated_at': 'timestamp',
        'started_at': 'timestamp',
        'ended_at': 'timestamp',
        'duration': 'integer',
        'direction': 'text',
        'call_state': 'text',
        'caller': 'text',
        'callee': 'text',
        'user_id': 'text',
        'external_id': 'text',
        'recording_urls': 'json',
        'call_targets': 'json',
        '_sdc_batched_at': 'timestamp',
    }, together_by='external_id') }}
),

answers as (
    {{ callhistory.earliest_in_array('raw_calls', 'call_targets', 'answered_time') }}
),

rings as (
    {{ callhistory.earliest_in_array('raw_calls', 'call_targets', 'ring_time') }}
),

known as (
    select
        raw_calls.*,
        case
            when raw_calls.direction = 'in' then 'inbound'
            when raw_calls.direction = 'out' then 'outbound'
            when raw_calls.direction in ('ext', 'ext_in', 'ext_out') then 'internal'
            else 'unknown'
        end as common_direction,
        -- Without its beginning, a call that is over cannot have begun after it ended.
        coalesce(
            raw_calls.started_at,
            case
                when raw_calls.ended_at < raw_calls.created_at then raw_calls.ended_at
                else raw_calls.created_at
            end
        ) as placed_at,
        cast(rings.earliest as timestamp) as rang_at,
        cast(answers.earliest as timestamp) as answered_at,
        case
            when {{ callhistory.json_length('call_targets') }} = 1
                then nullif({{ callhistory.json_text('call_targets', [0, 'end_reason']) }}, '')
        end as end_reason,
        {{ callhistory.json_text('recording_urls', [0]) }} as recording_url
    from raw_calls
    left join answers
        on raw_calls.account = answers.account and raw_calls.id = answers.id
    left join rings
        on raw_calls.account = rings.account and raw_calls.id = rings.id
)

select
    account,
    id as call_id,
    nullif(external_id, '') as conversation_id,
    common_direction as direction,
    direction as raw_direction,
    nullif(caller, '') as from_number,
    nullif(callee, '') as to_number,
    case common_direction
        when 'inbound' then nullif(caller, '')
        when 'outbound' then nullif(callee, '')
    end as customer_number,
    case
        when common_direction in ('inbound', 'outbound')
            then nullif({{ callhistory.json_text('call_targets', [0, 'trunk_name']) }}, '')
    end as external_line,
    user_id as agent_id,
    {{ callhistory.unknown('text') }} as agent_name,
    placed_at as created_at,
    rang_at as started_at,
    answered_at,
    ended_at,
    case
        when answered_at is not null or call_state = 'not_answered'
            then {{ callhistory.seconds_between(
                'coalesce(rang_at, started_at)', 'coalesce(answered_at, ended_at)'
            ) }}
    end as ring_seconds,
    case when ended_at is not null then duration end as talk_seconds,
    {{ callhistory.seconds_between('started_at', 'ended_at') }} as total_seconds,
    case
        when ended_at is null then 'in_progress'
        when call_state = 'answered' then 'answered'
        when call_state = 'not_answered' then 'missed'
        else 'unknown'
    end as status,
    call_state as raw_status,
    end_reason,
    {{ callhistory.unknown('text') }} as end_party,
    recording_url,
    case when recording_url is not null then 'ready' else 'none' end as recording_status,
    updated_at,
    {{ callhistory.unknown('number') }} as cost,
    {{ callhistory.unknown('boolean') }} as is_abandoned,
    -- Of the records of an internal call the first counts, one that is over before others.
    (
        common_direction <> 'internal'
        or nullif(external_id, '') is null
        or row_number() over (
            partition by account, common_direction, external_id
            order by case when ended_at is null then 1 else 0 end, id
        ) = 1
    ) as counts_as_call,
    _sdc_batched_at as loaded_at
from known
