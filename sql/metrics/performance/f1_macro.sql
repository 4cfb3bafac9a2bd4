-- f1_macro: f1 of every class, averaged
--
-- defines  value = mean over the classes that happened or were predicted of
--          2 * hits / (happened + predicted)
-- reads    class_counts
-- returns  pair; side; value: double in [0, 1]; n: rows counted
-- nulls    rows without an actual or a prediction are left out; 0 where it would be 0 / 0
-- source   scikit-learn, f1_score with average="macro"
with

of_classes as (
    select
        pair,
        side,
        class,
        happened,
        case when happened + predicted > 0 then 2 * hits / (happened + predicted) else 0 end as of_class
    from class_counts
)

select
    pair,
    side,
    fsum(of_class order by class) / count(*) as value,
    sum(happened) as n
from of_classes
group by pair, side
order by pair, side
