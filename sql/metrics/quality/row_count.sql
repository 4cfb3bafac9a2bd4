-- row_count: rows of the window
--
-- defines  value = count of the window's rows, all of them; reference_value = median of the row
--          counts of the last 8 windows stored before, where a threshold compares with them
-- reads    comparisons, pairs, past_windows
-- returns  comparison; value, reference_value: double, rows, in [0, inf)
-- nulls    counted; a row is a row
-- source   Driftline's own
with

medians as (
    select
        window_id,
        median(row_count) as median_rows
    from past_windows
    group by window_id
)

select
    comparisons.comparison,
    comparisons.rows_production as value,
    medians.median_rows as reference_value
from comparisons
inner join pairs on pairs.pair = comparisons.pair
left join medians on medians.window_id = pairs.production_window
