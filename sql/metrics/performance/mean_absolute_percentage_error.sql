-- mean_absolute_percentage_error: how far predictions are from what happened, as a share of it
--
-- defines  value = sum of |actual - prediction| / |actual| / n; n = rows with both, actual not 0
-- reads    errors
-- returns  pair; side; value: double in [0, inf), 1 is 100 %; n: rows counted; reason: text
-- nulls    rows without a finite actual or prediction, or whose actual is 0 (below 1e-150), are left out:
--          of the latter the reason says how many
-- source   scikit-learn, mean_absolute_percentage_error, which divides by 2^-52 where the actual is 0
select
    pair,
    side,
    case when n_nonzero > 0 then relative / n_nonzero end as value,
    n_nonzero as n,
    case when n > n_nonzero then concat('left out, their actual being 0: ', n - n_nonzero, ' rows') end as reason
from errors
order by pair, side
