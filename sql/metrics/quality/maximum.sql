-- maximum: largest finite value of a number column
--
-- defines  value = max of the finite values
-- reads    comparisons
-- returns  comparison; value, reference_value: double in (-inf, inf); n_reference, n_production:
--          rows with a finite number
-- nulls    left out, NaN and infinities with them
-- source   textbook
select
    comparison,
    maximum_production as value,
    maximum_reference as reference_value,
    n_reference_finite as n_reference,
    n_production_finite as n_production
from comparisons
