-- precision: share of the rows predicted to be of a class that are of it
--
-- defines  value = hits / predicted; hits = rows of the class, predicted to be, for each class that happened or was predicted
-- reads    class_counts
-- returns  pair; side; feature: the class; value: double in [0, 1]; n: rows counted, predicted
-- nulls    rows without an actual or a prediction are left out; 0 where it would be 0 / 0
-- source   scikit-learn, precision_score with average=None
select
    pair,
    side,
    class as feature,
    case when predicted > 0 then hits / predicted else 0 end as value,
    predicted as n
from class_counts
order by pair, side, class
