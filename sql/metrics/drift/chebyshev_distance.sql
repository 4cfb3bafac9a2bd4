-- chebyshev_distance: largest change of any bin's share
--
-- defines  value = max over bins of |p - q|
--          p, q = share of the reference, of production in the bin
-- reads    bins
-- returns  comparison; value: double in [0, 1]
-- nulls    not counted; watch them with null_value_rate
-- source   Deza and Deza (2016), doi:10.1007/978-3-662-52844-0, the L-infinity metric
select
    comparison,
    max(abs(p - q)) as value
from bins
group by comparison
