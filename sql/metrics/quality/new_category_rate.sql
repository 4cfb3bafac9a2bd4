-- new_category_rate: share of rows with a category the reference never had
--
-- defines  value = rows of unseen categories / rows with a value
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, 1]; the reference's own is 0;
--          n_reference, n_production: rows with a value
-- nulls    not counted; watch them with null_value_rate
-- source   Driftline's own; unseen values are defined as in out_of_bounds_rate
select
    comparison,
    unseen_production / nullif(n_production, 0) as value,
    case when n_reference > 0 then 0.0::double end as reference_value,
    n_reference,
    n_production
from comparisons
