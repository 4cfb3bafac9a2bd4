-- empty_string_rate: share of rows that hold an empty text
--
-- defines  value = rows whose text has no characters, not even spaces / rows of the window; a category
--          that is a number is never empty
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, 1]
-- nulls    not empty texts; watch them with null_value_rate
-- source   Driftline's own
select
    comparison,
    coalesce(empty_texts_production, 0) / nullif(rows_production, 0) as value,
    coalesce(empty_texts_reference, 0) / nullif(rows_reference, 0) as reference_value
from comparisons
