-- estimated_recall: share of the rows of a class that should be predicted to be of it, without labels
--
-- defines  value = right / happened, of each class; production is what is expected: a row of the window
--          counts for each class by its share among the reference's labelled rows of like prediction and score.
--          reference_value = as it happened.
--          ci: 2.5 % and 97.5 % of 1000 draws of the shares and the rows
-- reads    forecast, forecast_ends
-- returns  pair; side; feature: the class; value: double in [0, 1]; n: rows counted, happened, rounded; ci_low, ci_high: double
-- nulls    rows without a prediction or a score are left out; null where the reference has no labels, or none of a
--          class that is predicted
-- source   confidence-based performance estimation, as in NannyML's documentation; the intervals are Driftline's own
with

counts as (
    select
        pair,
        side,
        class,
        fsum(happened order by other) as happened,
        fsum(predicted order by other) as predicted,
        fsum(right_ones order by other) as right_ones
    from (
        select
            pair,
            side,
            actual as class,
            predicted as other,
            n as happened,
            0 as predicted,
            n as n_rows,
            case when actual = predicted then n else 0 end as right_ones
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
            0 as right_ones
        from forecast
    ) as told
    group by pair, side, class
    having fsum(n_rows order by other) > 0
)

select
    counts.pair,
    counts.side,
    counts.class as feature,
    least(case when happened > 0 then right_ones / happened else 0 end, 1) as value,
    round(happened) as n,
    forecast_ends.ci_low,
    forecast_ends.ci_high
from counts
left join forecast_ends
    on forecast_ends.pair = counts.pair
        and counts.side = 'production'
        and forecast_ends.metric = 'recall'
        and forecast_ends.class = counts.class
order by counts.pair, counts.side, counts.class
