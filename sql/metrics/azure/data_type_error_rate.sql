-- data_type_error_rate: share of rows that do not cast to the reference's type, to five decimals
--
-- defines  value = type errors / rows of the window, rounded; the text 1.5 casts to a whole number
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, 1]
-- nulls    not type errors; watch them with null_value_rate
-- source   Azure Machine Learning, model monitoring, data type error rate
select
    comparison,
    round(type_errors_production / nullif(rows_production, 0), 5) as value,
    round(type_errors_reference / nullif(rows_reference, 0), 5) as reference_value
from comparisons
