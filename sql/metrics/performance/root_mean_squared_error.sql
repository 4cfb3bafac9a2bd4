-- root_mean_squared_error: how far predictions are from what happened, large errors counting more
--
-- defines  value = sqrt(sum of (actual - prediction)^2 / n); n = rows with both
-- reads    errors
-- returns  pair; side; value: double in [0, inf), in the unit of the actual; n: rows counted
-- nulls    rows without a finite actual or prediction are left out
-- source   scikit-learn, root_mean_squared_error
select
    pair,
    side,
    case when n > 0 then sqrt(squared / n) end as value,
    n
from errors
order by pair, side
