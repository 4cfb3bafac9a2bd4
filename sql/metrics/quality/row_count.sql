-- row_count: rows of the window
--
-- defines  value = count of the window's rows, all of them; reference_value = median of the row
--          counts of the last 8 windows stored before, where a threshold compares with them
-- reads    comparisons, past_windows
-- returns  comparison; value, reference_value: double, rows, in [0, inf)
-- nulls    counted; a row is a row
-- source   Driftline's own
select
    comparison,
    rows_production as value,
    (select median(row_count) from past_windows) as reference_value
from comparisons
