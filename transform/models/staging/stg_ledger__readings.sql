-- The ledger's rows of known streams and accounts, each once, with the number of the column that
-- their windows were read by.
with entered as (
    {{ callhistory.ledger_rows() }}
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
    inner join {{ ref('stg_ledger__sources') }} as s
        on e.account = s.account and e.stream = s.stream and e.read_by = s.read_by
    left join labels as l
        on e.account = l.account and e.stream = l.stream and l.place = 1
    where e.label is null or e.label = l.label
)

select * from known
where copy = 1
