-- estimated_recall: share of the rows of a class that should be predicted to be of it, without labels
--
-- defines  value = right / happened, of each class; production is what is expected: a row of the window
--          counts for each class by its share among the reference's labelled rows of like prediction and score.
--          reference_value = as it happened.
--          ci: 2.5 % and 97.5 % of 1000 draws of the shares and the rows
-- reads    forecast_counts, forecast_ends
-- returns  pair; side; feature: the class; value: double in [0, 1]; n: rows counted, happened, rounded; ci_low, ci_high: double
-- nulls    rows without a prediction or a score are left out; null where the reference has no labels, or none of a
--          class that is predicted
-- source   confidence-based performance estimation, as in NannyML's documentation; the intervals are Driftline's own
select
    forecast_counts.pair,
    forecast_counts.side,
    forecast_counts.class as feature,
    least(case when happened > 0 then hits / happened else 0 end, 1) as value,
    round(happened) as n,
    forecast_ends.ci_low,
    forecast_ends.ci_high
from forecast_counts
left join forecast_ends
    on forecast_ends.pair = forecast_counts.pair
        and forecast_counts.side = 'production'
        and forecast_ends.metric = 'recall'
        and forecast_ends.class = forecast_counts.class
order by forecast_counts.pair, forecast_counts.side, forecast_counts.class
