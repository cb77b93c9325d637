-- Windows of which fewer calls are loaded than left the tap, and that nothing explains.
select * from {{ ref('missing_calls') }}
where verdict = 'error'
