-- out_of_bounds_rate: share of rows outside the reference's range or set of texts, to five decimals
--
-- defines  value = outside / rows of the window, rounded; numerical: x < min, x > max or infinite;
--          text: a value the reference does not have; other categories have no rate
--          reference_value = 0: nothing of the reference is outside itself
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, 1]
-- nulls    not outside; watch them with null_value_rate
-- source   Azure Machine Learning, model monitoring, out of bounds rate
select
    comparison,
    round(outside_production / nullif(rows_production, 0), 5) as value,
    case when outside_by_chance is not null then 0.0::double end as reference_value
from comparisons
