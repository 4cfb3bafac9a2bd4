-- bins: the rows and shares that every binned distance compares
--
-- New categories count as one bin; bins with no row on either side are dropped.
--
-- reads    binned
-- returns  comparison; bin; n_reference, n_production; p, q: shares, null where a side has no rows
select
    comparison,
    case when kind = 'new' then -2 else bin end as bin,
    sum(n_reference) as n_reference,
    sum(n_production) as n_production,
    sum(n_reference) / nullif(sum(sum(n_reference)) over everything, 0) as p,
    sum(n_production) / nullif(sum(sum(n_production)) over everything, 0) as q
from binned
where n_reference + n_production > 0
group by comparison, case when kind = 'new' then -2 else bin end
window everything as (partition by comparison)
order by comparison, bin
