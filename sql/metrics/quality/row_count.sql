-- row_count: rows of the window
--
-- defines  value = count of the window's rows, all of them
-- reads    comparisons
-- returns  comparison; value, reference_value: double, rows, in [0, inf)
-- nulls    counted; a row is a row
-- source   Driftline's own
select
    comparison,
    rows_production as value,
    rows_reference as reference_value
from comparisons
