-- f1: harmonic mean of precision and recall of a class
--
-- defines  value = 2 * hits / (happened + predicted), for each class that happened or was predicted
-- reads    class_counts
-- returns  pair; side; feature: the class; value: double in [0, 1]; n: rows counted, happened + predicted - hits
-- nulls    rows without an actual or a prediction are left out; 0 where it would be 0 / 0
-- source   scikit-learn, f1_score with average=None
select
    pair,
    side,
    class as feature,
    case when happened + predicted > 0 then 2 * hits / (happened + predicted) else 0 end as value,
    happened + predicted - hits as n
from class_counts
order by pair, side, class
