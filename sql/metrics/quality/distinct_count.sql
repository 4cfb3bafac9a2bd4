-- distinct_count: how many different values a column holds
--
-- defines  value = number of different values of the window; infinities and NaN are none
-- reads    comparisons
-- returns  comparison; value, reference_value: double, values, in [0, inf), exact; n_reference,
--          n_production: rows with a value
-- nulls    no value
-- source   Driftline's own
select
    comparison,
    case when n_production > 0 then coalesce(distinct_values_production, 0) end as value,
    case when n_reference > 0 then coalesce(distinct_values_reference, 0) end as reference_value,
    n_reference,
    n_production
from comparisons
