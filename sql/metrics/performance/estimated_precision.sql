-- estimated_precision: share of the rows predicted to be of a class that should turn out so, without labels
--
-- defines  value = right / predicted, of each class; production is what is expected: a row of the window
--          counts for each class by its share among the reference's labelled rows of like prediction and score.
--          reference_value = as it happened.
--          ci: as of estimated_accuracy, of the rows so predicted
-- reads    forecast, forecast_ends
-- returns  pair; side; feature: the class; value: double in [0, 1]; n: rows counted, predicted, rounded; ci_low, ci_high: double
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
    least(case when predicted > 0 then right_ones / predicted else 0 end, 1) as value,
    round(predicted) as n,
    forecast_ends.ci_low,
    forecast_ends.ci_high
from counts
left join forecast_ends
    on forecast_ends.pair = counts.pair
        and counts.side = 'production'
        and forecast_ends.metric = 'precision'
        and forecast_ends.class = counts.class
order by counts.pair, counts.side, counts.class
