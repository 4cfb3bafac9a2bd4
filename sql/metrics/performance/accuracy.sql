-- accuracy: share of predictions that are right
--
-- defines  value = rows whose prediction is the actual / n; n = rows with both
-- reads    confusion
-- returns  pair; side; value: double in [0, 1]; n: rows counted
-- nulls    rows without an actual or a prediction are left out; null without any
-- source   scikit-learn, accuracy_score
select
    pair,
    side,
    sum(case when actual = predicted then n else 0 end) / sum(n) as value,
    sum(n) as n
from confusion
group by pair, side
order by pair, side
