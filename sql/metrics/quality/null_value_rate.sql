-- null_value_rate: share of rows without a value
--
-- defines  value = (SQL nulls + NaN) / rows of the window
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, 1]
-- nulls    they are what is counted, NaN with them
-- source   Azure Machine Learning, model monitoring, null value rate
select
    comparison,
    (nulls_production + nans_production) / nullif(rows_production, 0) as value,
    (nulls_reference + nans_reference) / nullif(rows_reference, 0) as reference_value
from comparisons
