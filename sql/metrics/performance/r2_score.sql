-- r2_score: share of what the actuals vary by that predictions explain
--
-- defines  value = 1 - sum of (actual - prediction)^2 / sum of (actual - mean of actuals)^2
-- reads    errors
-- returns  pair; side; value: double in (-inf, 1]; n: rows counted; reason: text
-- nulls    rows without a finite actual or prediction are left out; null where the actuals do not vary
-- source   scikit-learn, r2_score, which says 0 or 1 where the actuals do not vary
select
    pair,
    side,
    case when spread > 0 then 1 - squared / spread end as value,
    n,
    case when n > 0 and spread = 0 then 'the actuals do not vary' end as reason
from errors
order by pair, side
