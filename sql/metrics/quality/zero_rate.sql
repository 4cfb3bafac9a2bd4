-- zero_rate: share of rows that hold zero
--
-- defines  value = rows equal to 0 / rows of the window
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, 1]
-- nulls    not zero; watch them with null_value_rate
-- source   Driftline's own
select
    comparison,
    zeros_production / nullif(rows_production, 0) as value,
    zeros_reference / nullif(rows_reference, 0) as reference_value
from comparisons
