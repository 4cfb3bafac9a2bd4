-- out_of_bounds_rate: share of rows outside the range, or the set of values, of the reference
--
-- defines  value = outside / rows of the window; numerical: x < min, x > max or infinite;
--          categorical: a value the reference never had
--          reference_value = what chance alone gives: 2 / (n + 1) numerical, f / n categorical,
--          f = values seen once in the reference, n = its counted rows; 0 for given bounds or values
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, 1]
-- nulls    not outside; watch them with null_value_rate
-- source   Good (1953), doi:10.1093/biomet/40.3-4.237, for the chance of an unseen value
select
    comparison,
    outside_production / nullif(rows_production, 0) as value,
    outside_by_chance as reference_value
from comparisons
