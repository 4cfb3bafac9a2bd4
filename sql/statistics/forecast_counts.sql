-- forecast_counts: rows of every class that happened or was predicted, as they are expected
--
-- Rows are no whole numbers: they are summed in one order, down to the zeros among them, which carry what a sum
-- has rounded away.
--
-- reads    forecast
-- returns  pair; side; class; happened, predicted, hits: rows whose actual, whose prediction, whose both it is
select
    pair,
    side,
    class,
    fsum(happened order by other, happened) as happened,
    fsum(predicted order by other, predicted) as predicted,
    fsum(hits order by other, hits) as hits
from (
    select
        pair,
        side,
        actual as class,
        predicted as other,
        n as happened,
        0 as predicted,
        n as n_rows,
        case when actual = predicted then n else 0 end as hits
    from forecast
    union all
    select
        pair,
        side,
        predicted as class,
        actual as other,
        0 as happened,
        n as predicted,
        n as n_rows,
        0 as hits
    from forecast
) as told
group by pair, side, class
having max(n_rows) > 0
