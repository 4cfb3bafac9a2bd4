-- estimated_accuracy: share of predictions that should turn out right, without labels
--
-- defines  value = rows whose prediction is the actual / n; production is what is expected: a row of the window
--          counts for each class by its share among the reference's labelled rows of like prediction and score.
--          reference_value = as it happened.
--          ci = value +- 1.96 * sqrt(sum over cells of m * a * (1 - a) / n^2 + (m / n)^2 * a * (1 - a) / r); m, r = rows
--          of production, of the reference; a = share that is right
-- reads    forecast, forecast_ends
-- returns  pair; side; value: double in [0, 1]; n: rows counted; ci_low, ci_high: double
-- nulls    rows without a prediction or a score are left out; null where the reference has no labels, or none of a
--          class that is predicted
-- source   confidence-based performance estimation, as in NannyML's documentation; the intervals are Driftline's own
with

shares as (
    select
        pair,
        side,
        fsum(case when actual = predicted then n else 0 end order by actual, predicted) / fsum(n order by actual, predicted) as value,
        round(fsum(n order by actual, predicted)) as n
    from forecast
    group by pair, side
)

select
    shares.pair,
    shares.side,
    least(shares.value, 1) as value,
    shares.n,
    forecast_ends.ci_low,
    forecast_ends.ci_high
from shares
left join forecast_ends
    on forecast_ends.pair = shares.pair and shares.side = 'production' and forecast_ends.metric = 'accuracy'
order by shares.pair, shares.side
