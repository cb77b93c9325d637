-- Stretches of history that no complete reading of today's scope covers. The ends of all spans in
-- one order, with running counts of the spans that are open there.
with readings as (
    select
        r.*,
        first_value(scope) over (
            partition by account, stream order by read_at desc
            rows between unbounded preceding and unbounded following
        ) as newest_scope
    from {{ ref('stg_ledger__readings') }} as r
),

runs as (
    select
        account, stream, run_id,
        min(run_began) as run_began, min(start_date) as start_date,
        min(continues_from) as continues_from, max(window_end) as read_until
    from readings
    group by account, stream, run_id
),

-- A bookmark that lies behind all that the ledger had until then: that was read without a ledger.
runs_in_order as (
    select
        runs.*,
        coalesce(
            max(read_until) over (
                partition by account, stream order by run_began, run_id
                rows between unbounded preceding and 1 preceding
            ),
            start_date
        ) as entered_until
    from runs
),

spans as (
    select
        account, stream, window_start as since, window_end as until,
        case when complete and coalesce(scope, '') = coalesce(newest_scope, '') then 1 else 0 end
            as is_whole,
        case when complete and coalesce(scope, '') <> coalesce(newest_scope, '') then 1 else 0 end
            as is_other,
        case when complete then 0 else 1 end as is_incomplete,
        0 as is_unentered
    from readings
    union all
    select account, stream, entered_until, continues_from, 0, 0, 0, 1
    from runs_in_order
    where continues_from > entered_until
),

ends as (
    select account, stream, since as moment, is_whole, is_other, is_incomplete, is_unentered
    from spans
    union all
    select account, stream, until, -is_whole, -is_other, -is_incomplete, -is_unentered
    from spans
    union all
    select account, stream, history_from, 0, 0, 0, 0
    from {{ ref('stg_ledger__spans') }}
),

changes as (
    select
        account, stream, moment,
        sum(is_whole) as is_whole, sum(is_other) as is_other,
        sum(is_incomplete) as is_incomplete, sum(is_unentered) as is_unentered
    from ends
    group by account, stream, moment
),

stretches as (
    select
        account, stream, moment as since,
        lead(moment) over (partition by account, stream order by moment) as until,
        sum(is_whole) over (
            partition by account, stream order by moment
            rows between unbounded preceding and current row
        ) as is_whole,
        sum(is_other) over (
            partition by account, stream order by moment
            rows between unbounded preceding and current row
        ) as is_other,
        sum(is_incomplete) over (
            partition by account, stream order by moment
            rows between unbounded preceding and current row
        ) as is_incomplete,
        sum(is_unentered) over (
            partition by account, stream order by moment
            rows between unbounded preceding and current row
        ) as is_unentered
    from changes
),

open_stretches as (
    select
        s.account, s.stream, s.since, s.until,
        case
            when s.is_other > 0 then 'other scope'
            when s.is_incomplete > 0 then 'incomplete'
            when s.is_unentered > 0 then 'not in the ledger'
            else 'never read'
        end as kind
    from stretches as s
    inner join {{ ref('stg_ledger__spans') }} as h
        on s.account = h.account and s.stream = h.stream
    where s.is_whole = 0 and s.since >= h.history_from and s.until <= h.read_until
),

marked as (
    select
        o.*,
        case
            when since = lag(until) over (partition by account, stream order by since)
                and kind = lag(kind) over (partition by account, stream order by since)
                then 0
            else 1
        end as begins
    from open_stretches as o
),

numbered as (
    select
        marked.*,
        sum(begins) over (
            partition by account, stream order by since
            rows between unbounded preceding and current row
        ) as gap
    from marked
)

select account, stream, kind, min(since) as gap_start, max(until) as gap_end
from numbered
group by account, stream, kind, gap
