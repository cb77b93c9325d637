-- One row per account and stream that is loaded or in the ledger: from when until when its history
-- is whole.
with counted as (
    select
        source, sum(is_loaded) as calls, min(moment) as first_call_at, max(moment) as last_call_at
    from {{ ref('stg_ledger__moments') }}
    group by source
),

loaded as (
    select
        s.account, s.stream, coalesce(c.calls, 0) as calls, c.first_call_at, c.last_call_at
    from {{ ref('stg_ledger__sources') }} as s
    left join counted as c on s.source = c.source
    where s.is_loaded and not s.moves
),

-- Where history begins with gaps, the first whole stretch begins behind them.
first_whole as (
    select
        h.account, h.stream,
        case
            when count(case when g.gap_start = h.history_from then 1 end) = 0 then h.history_from
            else min(case when n.gap_start is null then g.gap_end end)
        end as whole_from
    from {{ ref('stg_ledger__spans') }} as h
    left join {{ ref('coverage_gaps') }} as g
        on h.account = g.account and h.stream = g.stream
    left join {{ ref('coverage_gaps') }} as n
        on g.account = n.account and g.stream = n.stream and g.gap_end = n.gap_start
    group by h.account, h.stream, h.history_from
),

whole as (
    select
        h.account, h.stream, h.history_from, h.read_until, h.last_read_at, h.ledger_since,
        f.whole_from,
        coalesce(
            min(case when g.gap_start > f.whole_from then g.gap_start end), h.read_until
        ) as whole_until,
        count(g.gap_start) as gaps
    from {{ ref('stg_ledger__spans') }} as h
    inner join first_whole as f
        on h.account = f.account and h.stream = f.stream
    left join {{ ref('coverage_gaps') }} as g
        on h.account = g.account and h.stream = g.stream
    group by
        h.account, h.stream, h.history_from, h.read_until, h.last_read_at, h.ledger_since,
        f.whole_from
),

short as (
    select account, stream, count(*) as short_windows
    from {{ ref('missing_calls') }}
    where verdict = 'error'
    group by account, stream
),

joined as (
    select
        coalesce(w.account, l.account) as account,
        coalesce(w.stream, l.stream) as stream,
        w.history_from,
        case when w.whole_from < w.whole_until then w.whole_from end as whole_from,
        case when w.whole_from < w.whole_until then w.whole_until end as whole_until,
        w.read_until,
        w.last_read_at,
        w.ledger_since,
        w.gaps,
        coalesce(l.calls, 0) as calls,
        l.first_call_at,
        l.last_call_at
    from whole as w
    full outer join loaded as l
        on w.account = l.account and w.stream = l.stream
)

select
    j.account,
    j.stream,
    case
        when j.ledger_since is null then 'no ledger'
        when s.short_windows > 0 then 'calls missing'
        when j.gaps > 0 then 'gaps'
        else 'whole'
    end as state,
    j.whole_from,
    j.whole_until,
    j.last_read_at,
    cast(j.calls as {{ callhistory.type_of('integer') }}) as calls,
    j.first_call_at,
    j.last_call_at,
    cast(
        case when j.ledger_since is not null then coalesce(s.short_windows, 0) end
        as {{ callhistory.type_of('integer') }}
    ) as short_windows,
    cast(j.gaps as {{ callhistory.type_of('integer') }}) as gaps,
    j.history_from,
    j.read_until,
    j.ledger_since
from joined as j
left join short as s
    on j.account = s.account and j.stream = s.stream
