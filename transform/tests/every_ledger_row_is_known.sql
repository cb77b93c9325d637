{{ config(severity='warn') }}
{%- set streams = "('" ~ callhistory.streams() | join("', '") ~ "')" %}
-- Rows of the ledger that are left out: of a stream or a column that the models do not know, or of
-- another account than the one whose tables lie in the schema.
with entered as (
    {{ callhistory.ledger_rows() }}
),

known as (
    select distinct account, stream, read_by, coalesce(label, '') as label
    from {{ ref('stg_ledger__readings') }}
)

select
    e.account, e.label, e.stream, e.read_by,
    case
        when e.stream in {{ streams }}
            then 'another account, or an unknown column'
        else 'unknown stream'
    end as reason,
    count(*) as left_out
from entered as e
left join known as k
    on e.account = k.account and e.stream = k.stream
        and coalesce(e.read_by, '') = k.read_by and coalesce(e.label, '') = k.label
where k.account is null
group by e.account, e.label, e.stream, e.read_by
