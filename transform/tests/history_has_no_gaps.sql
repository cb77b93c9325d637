{{ config(severity='warn') }}
-- Stretches of history that no complete reading covers.
select * from {{ ref('coverage_gaps') }}
