-- data_type_error_rate: share of rows whose value does not cast to the reference's type
--
-- defines  value = type errors / rows of the window
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, 1]
-- nulls    not type errors; watch them with null_value_rate
-- source   Azure Machine Learning, model monitoring, data type error rate
select
    comparison,
    type_errors_production / nullif(rows_production, 0) as value,
    type_errors_reference / nullif(rows_reference, 0) as reference_value
from comparisons
