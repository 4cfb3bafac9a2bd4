-- null_value_rate: share of rows without a value, to five decimals
--
-- defines  value = SQL nulls / rows of the window, rounded
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, 1]
-- nulls    they are what is counted; NaN is a value
-- source   Azure Machine Learning, model monitoring, null value rate
select
    comparison,
    round(nulls_production / nullif(rows_production, 0), 5) as value,
    round(nulls_reference / nullif(rows_reference, 0), 5) as reference_value
from comparisons
