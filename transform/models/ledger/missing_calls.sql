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
        r.source, 'window' as kind, r.window_start, r.window_end, r.read_at, r.run_id,
        r.calls_written as wanted, coalesce(r.moving, false) as moving, r.run_until
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
        s.source, 'run' as kind, min(r.window_start) as window_start,
        max(r.window_end) as window_end, max(r.read_at) as read_at, r.run_id,
        sum(r.calls_born) as wanted, false as moving, max(r.window_end) as run_until,
        min(case when r.complete then 1 else 0 end) as is_whole
    from readings as r
    inner join {{ ref('stg_ledger__sources') }} as s
        on r.account = s.account and r.stream = s.stream and not s.moves
    where r.moving and r.purpose = 'new'
    group by s.source, r.run_id
),

all_claims as (
    select source, kind, window_start, window_end, read_at, run_id, wanted, moving, run_until
    from claims_of_windows
    union all
    select source, kind, window_start, window_end, read_at, run_id, wanted, moving, run_until
    from claims_of_runs
    where wanted > 0
),

claims as {{ callhistory.worked_out_once() }} (
    select * from all_claims
    {% if callhistory.setting('keep_from', 'CALLHISTORY_KEEP_FROM') %}
    where window_start >= {{ callhistory.time_setting('keep_from', 'CALLHISTORY_KEEP_FROM') }}
    {% endif %}
),

-- The calls and the two ends of every claim in one order, so that one sort counts them all: a claim
-- is met by the calls before its end less those before its start. Calls that have moved on may be
-- anywhere behind what their run has read. From here on every row carries all that is said of its
-- claim: a join that a planner takes for small costs minutes where much is missing.
in_order as (
    select
        source, moment, 1 as is_call, 0 as side,
        {{ callhistory.unknown('text') }} as kind,
        {{ callhistory.unknown('timestamp') }} as window_start,
        {{ callhistory.unknown('timestamp') }} as window_end,
        {{ callhistory.unknown('timestamp') }} as read_at,
        {{ callhistory.unknown('text') }} as run_id,
        {{ callhistory.unknown('integer') }} as wanted
    from {{ ref('stg_ledger__moments') }}
    {% for moment, side, those in [
        ('window_start', -1, ''),
        ('window_end', 1, ''),
        ('run_until', -1, 'where moving'),
        ("cast('9999-01-01' as " ~ callhistory.type_of('timestamp') ~ ')', 1, 'where moving'),
    ] %}
    union all
    select
        source, {{ moment }}, 0, {{ side }}, kind, window_start, window_end, read_at, run_id, wanted
    from claims
    {{ those }}
    {% endfor %}
),

counted as (
    select
        in_order.*,
        sum(is_call) over (
            partition by source order by moment, is_call
            rows between unbounded preceding and current row
        ) as calls_before
    from in_order
),

short as {{ callhistory.worked_out_once() }} (
    select
        source, kind, window_start, window_end, read_at, run_id, wanted,
        sum(side * calls_before) as found
    from counted
    where is_call = 0
    group by source, kind, window_start, window_end, read_at, run_id, wanted
    having sum(side * calls_before) < wanted
),

-- What has been read again of a claim that falls short. If all of it was, then later claims say
-- what is true of it, and what they did not find is no longer at the vendor.
spans as (
    select
        1 as is_short, source, kind, window_start, window_end, read_at, run_id, wanted, found
    from short
    union all
    select 0, source, 'window', window_start, window_end, read_at, run_id, null, null
    from readings
    where complete and source in (select source from short)
    union all
    select 0, source, kind, window_start, window_end, read_at, run_id, null, null
    from claims_of_runs
    where is_whole = 1 and source in (select source from short)
),

-- The ends of all these cut history into stretches. Those that lie in a claim that falls short are
-- numbered: the place of an end is the number of the first of them that begins there or later.
ends as (
    select spans.*, window_start as moment, -1 as side
    from spans
    union all
    select spans.*, window_end, 1
    from spans
),

depths as (
    select
        ends.*,
        sum(-side * is_short) over (partition by source, kind order by moment) as open_claims,
        lag(moment) over (partition by source, kind order by moment) as moment_before
    from ends
),

stretches as (
    select
        depths.*,
        case when open_claims > 0 then 1 else 0 end as is_open,
        case
            when open_claims > 0 and (moment_before is null or moment_before < moment) then 1
            else 0
        end as begins
    from depths
),

places as (
    select
        stretches.*,
        sum(begins) over (order by source, kind, moment) - is_open as place
    from stretches
),

placed as {{ callhistory.worked_out_once() }} (
    select
        is_short, source, kind, window_start, window_end, read_at, run_id, wanted, found,
        cast(
            min(case when side = -1 then place end) as {{ callhistory.type_of('integer') }}
        ) as first_place,
        cast(max(case when side = 1 then place end) as {{ callhistory.type_of('integer') }}) as end_place
    from places
    group by is_short, source, kind, window_start, window_end, read_at, run_id, wanted, found
    having min(case when side = -1 then place end) < max(case when side = 1 then place end)
),

of_stretches as (
    select
        placed.*,
        numbers.value as place,
        case when is_short = 0 then read_at end as again_at
    from placed
    {{ callhistory.for_each_number('first_place', 'end_place') }}
),

-- Of each stretch, the newest reading, and what else was read of it.
last_runs as (
    select
        of_stretches.*,
        max(again_at) over (partition by place) as newest_at,
        first_value(run_id) over (
            partition by place order by is_short, read_at desc
            rows between unbounded preceding and unbounded following
        ) as newest_run,
        -- A run is read again by one run only: of two, neither may count a call that was created in
        -- the first and has changed in the second.
        max(again_at) over (partition by place order by end_place desc) as newest_beyond_at
    from of_stretches
),

others as (
    select
        last_runs.*,
        max(case when run_id <> newest_run then again_at end) over (partition by place) as other_at
    from last_runs
),

judged as (
    select
        source, kind, window_start, window_end, read_at, run_id, wanted, found,
        min(
            case
                when kind = 'run' and place > first_place then 1
                when read_at < case
                    when kind = 'run' then newest_beyond_at
                    when run_id = newest_run then other_at
                    else newest_at
                end then 1
                else 0
            end
        ) as is_read_again
    from others
    where is_short = 1
    group by source, kind, window_start, window_end, read_at, run_id, wanted, found
)

select
    s.account,
    s.stream,
    j.kind,
    j.window_start,
    j.window_end,
    cast(j.wanted as {{ callhistory.type_of('integer') }}) as wanted,
    cast(j.found as {{ callhistory.type_of('integer') }}) as found,
    case when j.is_read_again = 1 then 'warning' else 'error' end as verdict,
    j.read_at,
    j.run_id
from judged as j
inner join {{ ref('stg_ledger__sources') }} as s
    on j.source = s.source
