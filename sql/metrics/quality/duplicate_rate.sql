-- duplicate_rate: share of rows whose correlation id occurred before in the window
--
-- defines  value = (rows with an id - distinct ids) / rows of the window
-- reads    comparisons, pairs, arrivals
-- returns  comparison; value: double in [0, 1]
-- nulls    rows without an id repeat nothing; watch them with null_value_rate
-- source   Driftline's own
select
    comparisons.comparison,
    case
        when arrivals.ids > 0 then
            (arrivals.ids - arrivals.distinct_ids) / nullif(comparisons.rows_production, 0)
    end as value
from comparisons
inner join pairs on pairs.pair = comparisons.pair
inner join arrivals
    on arrivals.scan = pairs.production_scan and arrivals.window_id = pairs.production_window
    and arrivals.segment = pairs.segment
