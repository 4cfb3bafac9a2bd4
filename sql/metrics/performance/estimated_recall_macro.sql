-- estimated_recall_macro: expected recall of every class, averaged, without labels
--
-- defines  value = mean over the classes of right / happened; production is what is expected: a row of the window
--          counts for each class by its share among the reference's labelled rows of like prediction and score.
--          reference_value = as it happened.
--          ci: 2.5 % and 97.5 % of 1000 draws of the shares and the rows
-- reads    forecast_counts, forecast_ends
-- returns  pair; side; value: double in [0, 1]; n: rows counted, rounded; ci_low, ci_high: double
-- nulls    rows without a prediction or a score are left out; null where the reference has no labels, or none of a
--          class that is predicted
-- source   confidence-based performance estimation, as in NannyML's documentation; the intervals are Driftline's own
with

means as (
    select
        pair,
        side,
        fsum(case when happened > 0 then hits / happened else 0 end order by class) / count(*) as value,
        round(sum(happened)) as n
    from forecast_counts
    group by pair, side
)

select
    means.pair,
    means.side,
    least(means.value, 1) as value,
    means.n,
    forecast_ends.ci_low,
    forecast_ends.ci_high
from means
left join forecast_ends
    on forecast_ends.pair = means.pair and means.side = 'production' and forecast_ends.metric = 'recall_macro'
order by means.pair, means.side
