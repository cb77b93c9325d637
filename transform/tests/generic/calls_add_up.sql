{# The groups of a model hold together as many calls as there are, by status too. #}
{% test calls_add_up(model, of_calls) %}
with grouped as (
    select
        sum(calls) as calls,
        sum(
            answered_calls + missed_calls + busy_calls + failed_calls
            + cancelled_calls + in_progress_calls + unknown_calls
        ) as by_status
    from {{ model }}
),

known as (
    select count(*) as calls
    from {{ ref('calls') }}
    where {{ of_calls }}
)

select grouped.calls, grouped.by_status, known.calls as expected
from grouped
cross join known
where coalesce(grouped.calls, 0) <> known.calls or coalesce(grouped.by_status, 0) <> known.calls
{% endtest %}
