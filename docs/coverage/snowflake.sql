-- The proof of each stream's history, from the ledger and the loaded calls. See docs/coverage.md.
-- dbt makes this text from the models in transform/models/ledger.
with stg_ledger__moments as (
-- The time of every loaded call, once for each column that its windows may have been read by.
    select
        1 as source, cast(created_at as timestamp_ntz) as moment,
        1 as is_loaded
    from callhistory.kavenegar_calls
    where created_at is not null and _sdc_deleted_at is null
    union all
    select
        2 as source, cast(created_at as timestamp_ntz) as moment,
        1 as is_loaded
    from callhistory.etelecom_call_logs
    where created_at is not null and _sdc_deleted_at is null
    union all
    select
        3 as source, cast(created_at as timestamp_ntz) as moment,
        1 as is_loaded
    from callhistory.twin_call_sessions
    where created_at is not null and _sdc_deleted_at is null
    union all
    select
        4 as source, cast(updated_at as timestamp_ntz) as moment,
        1 as is_loaded
    from callhistory.twin_call_sessions
    where updated_at is not null and _sdc_deleted_at is null
    union all
    select
        5 as source, cast(call_date as timestamp_ntz) as moment,
        1 as is_loaded
    from callhistory.cinnox_call_details
    where call_date is not null and _sdc_deleted_at is null
    union all
    select
        6 as source, cast(date_time as timestamp_ntz) as moment,
        1 as is_loaded
    from callhistory.utel_call_history
    where date_time is not null and _sdc_deleted_at is null
    union all
    select 0 as source, cast(null as timestamp_ntz) as moment, 0 as is_loaded where 1 = 0
),
stg_ledger__sources as (
-- The columns of the raw tables that the ledger is held against, with a number for each.
    select
        1 as source,
        cast('callhistory' as varchar) as account,
        cast('kavenegar_calls' as varchar) as stream,
        cast('created_at' as varchar) as read_by,
        false as moves,
        true as is_loaded
    union all
    select
        2 as source,
        cast('callhistory' as varchar) as account,
        cast('etelecom_call_logs' as varchar) as stream,
        cast('created_at' as varchar) as read_by,
        false as moves,
        true as is_loaded
    union all
    select
        3 as source,
        cast('callhistory' as varchar) as account,
        cast('twin_call_sessions' as varchar) as stream,
        cast('created_at' as varchar) as read_by,
        false as moves,
        true as is_loaded
    union all
    select
        4 as source,
        cast('callhistory' as varchar) as account,
        cast('twin_call_sessions' as varchar) as stream,
        cast('updated_at' as varchar) as read_by,
        true as moves,
        true as is_loaded
    union all
    select
        5 as source,
        cast('callhistory' as varchar) as account,
        cast('cinnox_call_details' as varchar) as stream,
        cast('call_date' as varchar) as read_by,
        false as moves,
        true as is_loaded
    union all
    select
        6 as source,
        cast('callhistory' as varchar) as account,
        cast('utel_call_history' as varchar) as stream,
        cast('date_time' as varchar) as read_by,
        false as moves,
        true as is_loaded
),
stg_ledger__readings as (
-- The ledger's rows of known streams and accounts, each once, with the number of the column that
-- their windows were read by.
with entered as (
        select
            cast(
                case when account in ('callhistory') then account else 'callhistory' end
                as varchar
            ) as account,
            cast(case when account not in ('callhistory') then account end as varchar) as label,
            cast(stream as varchar)
        as stream,
    cast(window_start as timestamp_ntz)
        as window_start,
    cast(window_end as timestamp_ntz)
        as window_end,
    cast(read_at as timestamp_ntz)
        as read_at,
    cast(purpose as varchar)
        as purpose,
    cast(run_id as varchar)
        as run_id,
    cast(run_began as timestamp_ntz)
        as run_began,
    cast(start_date as timestamp_ntz)
        as start_date,
    cast(continues_from as timestamp_ntz)
        as continues_from,
    cast(read_by as varchar)
        as read_by,
    cast(moving as boolean)
        as moving,
    cast(calls_written as bigint)
        as calls_written,
    cast(calls_born as bigint)
        as calls_born,
    cast(complete as boolean)
        as complete,
    cast(scope as varchar)
        as scope,
    cast(timezone as varchar)
        as timezone
        from callhistory.callhistory_windows
),
-- Two tenants in one schema cannot be told apart there. The label that most rows of a stream have
-- is the schema's own; rows with another are left out, and a test says so.
labels as (
    select
        account,
        stream,
        label,
        row_number() over (partition by account, stream order by count(*) desc, label) as place
    from entered
    where label is not null
    group by account, stream, label
),
known as (
    select
        e.*,
        s.source,
        -- An append-only loader enters a row more than once. Two runs' rows are never one: which of
        -- them stayed would be left to chance, and each run's calls are counted together.
        row_number() over (
            partition by e.account, e.stream, e.window_start, e.read_at, e.run_id
            order by e.window_end
        ) as copy
    from entered as e
    inner join stg_ledger__sources as s
        on e.account = s.account and e.stream = s.stream and e.read_by = s.read_by
    left join labels as l
        on e.account = l.account and e.stream = l.stream and l.place = 1
    where e.label is null or e.label = l.label
)
select * from known
where copy = 1
),
stg_ledger__spans as (
-- Per account and stream: where history should begin, and how far the ledger goes.
select
    account,
    stream,
    case
        when cast(null as timestamp_ntz) > coalesce(cast(null as timestamp_ntz), min(start_date)) then cast(null as timestamp_ntz)
        else coalesce(cast(null as timestamp_ntz), min(start_date))
    end as history_from,
    max(window_end) as read_until,
    max(read_at) as last_read_at,
    min(read_at) as ledger_since
from stg_ledger__readings
group by account, stream
),
coverage_gaps as (
-- Stretches of history that no complete reading of today's scope covers. The ends of all spans in
-- one order, with running counts of the spans that are open there.
with readings as (
    select
        r.*,
        first_value(scope) over (
            partition by account, stream order by read_at desc
            rows between unbounded preceding and unbounded following
        ) as newest_scope
    from stg_ledger__readings as r
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
    from stg_ledger__spans
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
    inner join stg_ledger__spans as h
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
),
missing_calls as (
-- Every reading of a window is a claim: so many calls of it left the tap. A claim of which fewer
-- calls are loaded is a row here.
with readings as  (
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
    from stg_ledger__readings as r
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
        -- Calls that move on when they change are where they were read until another run reads.
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
    inner join stg_ledger__sources as s
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
claims as  (
    select * from all_claims
),
-- The calls and the two ends of every claim in one order, so that one sort counts them all: a claim
-- is met by the calls before its end less those before its start. Calls that have moved on may be
-- anywhere behind what their run has read. From here on every row carries all that is said of its
-- claim: a join that a planner takes for small costs minutes where much is missing.
in_order as (
    select
        source, moment, 1 as is_call, 0 as side,
        cast(null as varchar) as kind,
        cast(null as timestamp_ntz) as window_start,
        cast(null as timestamp_ntz) as window_end,
        cast(null as timestamp_ntz) as read_at,
        cast(null as varchar) as run_id,
        cast(null as bigint) as wanted
    from stg_ledger__moments
    union all
    select
        source, window_start as moment, 0, -1,
        kind, window_start, window_end, read_at, run_id, wanted
    from claims
    union all
    select
        source, window_end as moment, 0, 1,
        kind, window_start, window_end, read_at, run_id, wanted
    from claims
    union all
    select
        source, run_until as moment, 0, -1,
        kind, window_start, window_end, read_at, run_id, wanted
    from claims
    where moving
    union all
    select
        source, cast('9999-01-01' as timestamp_ntz) as moment, 0, 1,
        kind, window_start, window_end, read_at, run_id, wanted
    from claims
    where moving
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
short as  (
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
    where complete and source in (select short.source from short)
    union all
    select 0, source, kind, window_start, window_end, read_at, run_id, null, null
    from claims_of_runs
    where is_whole = 1 and source in (select short.source from short)
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
placed as  (
    select
        is_short, source, kind, window_start, window_end, read_at, run_id, wanted, found,
        cast(
            min(case when side = -1 then place end) as bigint
        ) as first_place,
        cast(
            max(case when side = 1 then place end) as bigint
        ) as end_place
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
    cross join lateral flatten(input => array_generate_range(first_place, end_place)) as numbers
),
-- Of each stretch, the newest reading, and what else was read of it.
last_runs as (
    select
        of_stretches.*,
        max(again_at) over (partition by place) as newest_at,
        first_value(run_id) over (
            partition by place order by is_short asc, read_at desc
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
                when kind = 'run' and read_at < newest_beyond_at then 1
                when kind = 'window' and run_id = newest_run and read_at < other_at then 1
                when kind = 'window' and run_id <> newest_run and read_at < newest_at then 1
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
    cast(j.wanted as bigint) as wanted,
    cast(j.found as bigint) as found,
    case when j.is_read_again = 1 then 'warning' else 'error' end as verdict,
    j.read_at,
    j.run_id
from judged as j
inner join stg_ledger__sources as s
    on j.source = s.source
),
coverage as (
-- One row per account and stream that is loaded or in the ledger: from when until when its history
-- is whole.
with counted as (
    select
        source, sum(is_loaded) as calls, min(moment) as first_call_at, max(moment) as last_call_at
    from stg_ledger__moments
    group by source
),
loaded as (
    select
        s.account, s.stream, coalesce(c.calls, 0) as calls, c.first_call_at, c.last_call_at
    from stg_ledger__sources as s
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
    from stg_ledger__spans as h
    left join coverage_gaps as g
        on h.account = g.account and h.stream = g.stream
    left join coverage_gaps as n
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
    from stg_ledger__spans as h
    inner join first_whole as f
        on h.account = f.account and h.stream = f.stream
    left join coverage_gaps as g
        on h.account = g.account and h.stream = g.stream
    group by
        h.account, h.stream, h.history_from, h.read_until, h.last_read_at, h.ledger_since,
        f.whole_from
),
short as (
    select account, stream, count(*) as short_windows
    from missing_calls
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
    cast(j.calls as bigint) as calls,
    j.first_call_at,
    j.last_call_at,
    cast(
        case when j.ledger_since is not null then coalesce(s.short_windows, 0) end
        as bigint
    ) as short_windows,
    cast(j.gaps as bigint) as gaps,
    j.history_from,
    j.read_until,
    j.ledger_since
from joined as j
left join short as s
    on j.account = s.account and j.stream = s.stream
)
-- From when until when the history of each stream is whole.
-- For its gaps, with their dates: select * from coverage_gaps.
-- For the windows of which calls are missing: select * from missing_calls.
select * from coverage
order by account, stream
