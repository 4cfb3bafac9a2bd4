-- total_variation_distance: share of rows that changed bins
--
-- defines  value = sum over bins of |p - q| / 2
--          p, q = share of the reference, of production in the bin
-- reads    bins
-- returns  comparison; value: double in [0, 1]
-- nulls    not counted; watch them with null_value_rate
-- source   Levin and Peres (2017), Markov Chains and Mixing Times, section 4.1
select
    comparison,
    fsum(abs(p - q) order by bin) / 2 as value
from bins
group by comparison
