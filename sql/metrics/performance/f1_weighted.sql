-- f1_weighted: f1 of every class, averaged by how often each happened
--
-- defines  value = sum over the classes of happened * 2 * hits / (happened + predicted) / n
-- reads    class_counts
-- returns  pair; side; value: double in [0, 1]; n: rows counted
-- nulls    rows without an actual or a prediction are left out; 0 where it would be 0 / 0
-- source   scikit-learn, f1_score with average="weighted"
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
    fsum(happened * of_class order by class) / sum(happened) as value,
    sum(happened) as n
from of_classes
group by pair, side
order by pair, side
