{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='call_key',
    on_schema_change='append_new_columns',
    indexes=[
        {'columns': ['call_key']}, {'columns': ['created_at']}, {'columns': ['customer_number_e164']},
    ] if target.type == 'postgres' else [],
    post_hook='{{ callhistory.take_out_gone_calls() }}',
) }}
{% do callhistory.require_loaded_streams() %}
{% do callhistory.say_what_is_read_whole() %}
{% set numbers = ['from_number', 'to_number', 'customer_number', 'external_line'] %}
{% set seconds = ['ring_seconds', 'talk_seconds', 'total_seconds'] %}

with
{% for vendor, facts in callhistory.vendors().items() %}
{{ vendor }} as (
    select
        '{{ vendor }}' as vendor,
        '{{ callhistory.timezone_of(vendor) }}' as timezone,
        {% for number in numbers %}
        {{ callhistory.e164(number, facts.country) }} as {{ number }}_e164,
        {% endfor %}
        {% for column in callhistory.call_columns() %}
        {{ 'cast(' ~ column ~ ' as double precision) as ' if column in seconds }}{{ column }},
        {% endfor %}
        {{ callhistory.day_in('created_at', callhistory.timezone_of(vendor)) }} as call_day,
        {{ callhistory.hour_in('created_at', callhistory.timezone_of(vendor)) }} as call_hour
    from {{ ref('stg_' ~ vendor ~ '__calls') }}
),
{% endfor %}

all_vendors as (
    {% for vendor in callhistory.vendors() %}
    select * from {{ vendor }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    vendor || '/' || account || '/' || call_id as call_key,
    vendor,
    account,
    call_id,
    conversation_id,
    direction,
    from_number,
    from_number_e164,
    to_number,
    to_number_e164,
    customer_number,
    customer_number_e164,
    external_line,
    external_line_e164,
    agent_id,
    agent_name,
    call_day,
    call_hour,
    timezone,
    created_at,
    started_at,
    answered_at,
    ended_at,
    ring_seconds,
    talk_seconds,
    total_seconds,
    status,
    end_reason,
    end_party,
    recording_url,
    recording_status,
    updated_at,
    cost,
    is_abandoned,
    counts_as_call,
    raw_status,
    raw_direction,
    loaded_at
from all_vendors
