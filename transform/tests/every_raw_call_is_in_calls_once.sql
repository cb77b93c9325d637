-- Keys of raw calls that are not in `calls` or are there more than once, and keys in `calls` that
-- no raw table holds.
with counted as (
    {% for vendor, facts in callhistory.vendors().items() %}
    {% for table in callhistory.loaded(facts.stream) %}
    select
        '{{ vendor }}/{{ table.account }}/' || cast(id as varchar) as call_key,
        1 as raw_calls,
        0 as calls
    from {{ table.relation }}
    union all
    {% endfor %}
    {% endfor %}
    select call_key, 0 as raw_calls, 1 as calls
    from {{ ref('calls') }}
)

select call_key, sum(raw_calls) as raw_calls, sum(calls) as calls
from counted
group by call_key
having sum(raw_calls) <> 1 or sum(calls) <> 1
