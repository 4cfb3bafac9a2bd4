-- recall: share of the rows of a class that are predicted to be of it
--
-- defines  value = hits / happened; hits = rows of the class, predicted to be, for each class that happened or was predicted
-- reads    class_counts
-- returns  pair; side; feature: the class; value: double in [0, 1]; n: rows counted, happened
-- nulls    rows without an actual or a prediction are left out; 0 where it would be 0 / 0
-- source   scikit-learn, recall_score with average=None
select
    pair,
    side,
    class as feature,
    case when happened > 0 then hits / happened else 0 end as value,
    happened as n
from class_counts
order by pair, side, class
