-- class_counts: rows of every class that happened or was predicted
--
-- reads    confusion
-- returns  pair; side; class; happened, predicted, hits: rows whose actual, whose prediction, whose both it is
select
    pair,
    side,
    class,
    sum(happened) as happened,
    sum(predicted) as predicted,
    sum(hits) as hits
from (
    select
        pair,
        side,
        actual as class,
        n as happened,
        0 as predicted,
        case when actual = predicted then n else 0 end as hits
    from confusion
    union all
    select
        pair,
        side,
        predicted as class,
        0 as happened,
        n as predicted,
        0 as hits
    from confusion
) as counted
group by pair, side, class
