-- mean_absolute_error: how far predictions are from what happened, on average
--
-- defines  value = sum of |actual - prediction| / n; n = rows with both
-- reads    errors
-- returns  pair; side; value: double in [0, inf), in the unit of the actual; n: rows counted
-- nulls    rows without a finite actual or prediction are left out
-- source   scikit-learn, mean_absolute_error
select
    pair,
    side,
    case when n > 0 then absolute / n end as value,
    n
from errors
order by pair, side
