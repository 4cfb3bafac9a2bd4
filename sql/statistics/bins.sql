-- bins: the rows and shares that every binned distance compares
--
-- What binned says belongs together is one bin, what belongs nowhere is dropped.
--
-- reads    binned
-- returns  comparison; bin; n_reference, n_production; p, q: shares, null where a side has no rows
select
    comparison,
    cell as bin,
    sum(n_reference) as n_reference,
    sum(n_production) as n_production,
    sum(n_reference) / nullif(sum(sum(n_reference)) over everything, 0) as p,
    sum(n_production) / nullif(sum(sum(n_production)) over everything, 0) as q
from binned
where cell is not null
group by comparison, cell
window everything as (partition by comparison)
order by comparison, bin
