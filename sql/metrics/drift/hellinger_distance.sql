-- hellinger_distance: Hellinger distance of the binned shares
--
-- defines  value = sqrt(sum over bins of (sqrt p - sqrt q)^2 / 2)
--          p, q = share of the reference, of production in the bin
-- reads    bins
-- returns  comparison; value: double in [0, 1]
-- nulls    not counted; watch them with null_value_rate
-- source   Hellinger (1909), doi:10.1515/crll.1909.136.210
select
    comparison,
    sqrt(fsum((sqrt(p) - sqrt(q)) * (sqrt(p) - sqrt(q)) order by bin) / 2) as value
from bins
group by comparison
