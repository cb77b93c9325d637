-- Every reading of a window is a claim: so many calls of it left the tap. A claim of which fewer
-- calls are loaded is a row here.
with readings as {{ callhistory.worked_out_once() }} (
    select
        r.*,
        -- Of a clock that was set otherwise, the newest setting counts.
        first_value(timezone) over (
            partition by account, stream order by read_at desc
            rows between unbounded preceding and unbounded following
        ) as newest_timezone,
        first_value(run_id) over (
            partition by account, stream order by read_at desc
            rows between unbounded preceding and unbounded following
        ) as newest_run,
        max(window_end) over (partition by account, stream, run_id) as run_until
    from {{ ref('stg_ledger__readings') }} as r
),

other_runs as (
    select account, stream, max(read_at) as read_until
    from readings
    where run_id <> newest_run
    group by account, stream
),

claims_of_windows as (
    select
        r.source, r.account, r.stream, 'window' as kind, r.window_start, r.window_end, r.read_at,
        r.run_id, r.calls_written as wanted, coalesce(r.moving, false) as moving, r.run_until
    from readings as r
    left join other_runs as o
        on r.account = o.account and r.stream = o.stream
    where r.calls_written > 0
        and coalesce(r.timezone, '') = coalesce(r.newest_timezone, '')
        -- Calls that move on when they change are where they were read only until another run reads.
        and (
            not coalesce(r.moving, false)
            or (r.run_id = r.newest_run and (o.read_until is null or r.read_at > o.read_until))
        )
),

-- Such calls stay where they were created: a run that reads all changes of a span reads all calls
-- that were created in it.
claims_of_runs as (
    select
        s.source, r.account, r.stream, 'run' as kind, min(r.window_start) as window_start,
        max(r.window_end) as window_end, max(r.read_at) as read_at, r.run_id,
        sum(r.calls_born) as wanted, false as moving, max(r.window_end) as run_until,
        min(case when r.complete then 1 else 0 end) as is_whole
    from readings as r
    inner join {{ ref('stg_ledger__sources') }} as s
        on r.account = s.account and r.stream = s.stream and not s.moves
    where r.moving and r.purpose = 'new'
    group by s.source, r.account, r.stream, r.run_id
),

all_claims as (
    select
        source, account, stream, kind, window_start, window_end, read_at, run_id, wanted, moving,
        run_until
    from claims_of_windows
    union all
    select
        source, account, stream, kind, window_start, window_end, read_at, run_id, wanted, moving,
        run_until
    from claims_of_runs
    where wanted > 0
),

claims as {{ callhistory.worked_out_once() }} (
    select
        c.*,
        row_number() over (order by source, kind, window_start, read_at, run_id) as claim
    from all_claims as c
    {% set keep_from = callhistory.setting('keep_from', 'CALLHISTORY_KEEP_FROM') %}
    {% if keep_from %}
    where window_start >= {{ callhistory.time_setting('keep_from', 'CALLHISTORY_KEEP_FROM') }}
    {% endif %}
),

-- The calls and the two ends of every claim in one order, so that one sort counts them all: a claim
-- is met by the calls before its end less those before its start. Calls that have moved on may be
-- anywhere behind what their run has read.
in_order as (
    select source, moment, 1 as is_call, 0 as side, {{ callhistory.unknown('integer') }} as claim
    from {{ ref('stg_ledger__moments') }}
    union all
    select source, window_start, 0, -1, claim from claims
    union all
    select source, window_end, 0, 1, claim from claims
    union all
    select source, run_until, 0, -1, claim from claims where moving
    union all
    select source, cast('9999-01-01' as {{ callhistory.type_of('timestamp') }}), 0, 1, claim
    from claims
    where moving
),

counted as (
    select
        is_call, side, claim,
        sum(is_call) over (
            partition by source order by moment, is_call
            rows between unbounded preceding and current row
        ) as calls_before
    from in_order
),

met as (
    select claim, sum(side * calls_before) as found
    from counted
    where is_call = 0
    group by claim
),

short as {{ callhistory.worked_out_once() }} (
    select c.*, m.found
    from claims as c
    inner join met as m on c.claim = m.claim
    where m.found < c.wanted
),

-- What has been read again of a claim that falls short. If all of it was, then later claims say
-- what is true of it, and what they did not find is no longer at the vendor. A run is read again by
-- one run only: of two, neither may count a call that was created in the first and has changed in
-- the second.
again as (
    select
        s.claim, s.window_start, s.window_end,
        case when r.window_start > s.window_start then r.window_start else s.window_start end as since,
        case when r.window_end < s.window_end then r.window_end else s.window_end end as until
    from short as s
    inner join {{ ref('stg_ledger__readings') }} as r
        on s.account = r.account and s.stream = r.stream
        and r.complete
        and r.read_at > s.read_at and r.run_id <> s.run_id
        and r.window_start < s.window_end and r.window_end > s.window_start
    where s.kind = 'window'
    union all
    select s.claim, s.window_start, s.window_end, s.window_start, s.window_end
    from short as s
    inner join claims_of_runs as r
        on s.account = r.account and s.stream = r.stream
        and r.is_whole = 1
        and r.read_at > s.read_at and r.run_id <> s.run_id
        and r.window_start <= s.window_start and r.window_end >= s.window_end
    where s.kind = 'run'
),

again_in_order as (
    select
        again.*,
        max(until) over (
            partition by claim order by since, until
            rows between unbounded preceding and 1 preceding
        ) as read_until
    from again
),

read_again as (
    select claim
    from again_in_order
    group by claim, window_start, window_end
    having min(since) = window_start and max(until) = window_end
        and sum(case when since > read_until then 1 else 0 end) = 0
)

select
    s.account,
    s.stream,
    s.kind,
    s.window_start,
    s.window_end,
    cast(s.wanted as {{ callhistory.type_of('integer') }}) as wanted,
    cast(s.found as {{ callhistory.type_of('integer') }}) as found,
    case when a.claim is null then 'error' else 'warning' end as verdict,
    s.read_at,
    s.run_id
from short as s
left join read_again as a on s.claim = a.claim
