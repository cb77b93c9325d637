{# What is counted of any group of calls. #}
{% macro measures() %}
    count(*) as calls,
    {%- for status in callhistory.statuses() %}
    sum(case when status = '{{ status }}' then 1 else 0 end) as {{ status }}_calls,
    {%- endfor %}
    sum(case when status = 'answered' then 1.0 else 0.0 end) / nullif(
        sum(case when status not in ('in_progress', 'unknown') then 1 else 0 end), 0
    ) as answer_rate,
    case
        when count(case when status = 'answered' and talk_seconds is null then 1 end) = 0
            then sum(talk_seconds)
    end as talk_seconds,
    percentile_cont(0.5) within group (
        order by case when status = 'answered' then ring_seconds end
    ) as median_ring_seconds
{%- endmacro %}


{# How a call can stand. #}
{% macro statuses() %}
    {{ return(['answered', 'missed', 'busy', 'failed', 'cancelled', 'in_progress', 'unknown']) }}
{% endmacro %}


{# The columns that every vendor's staging model has. #}
{% macro call_columns() %}
    {{ return([
        'account', 'call_id', 'conversation_id', 'direction', 'raw_direction', 'from_number',
        'to_number', 'customer_number', 'external_line', 'agent_id', 'agent_name', 'created_at',
        'started_at', 'answered_at', 'ended_at', 'ring_seconds', 'talk_seconds', 'total_seconds',
        'status', 'raw_status', 'end_reason', 'end_party', 'recording_url', 'recording_status',
        'updated_at', 'cost', 'is_abandoned', 'counts_as_call',
        'loaded_at',
    ]) }}
{% endmacro %}
