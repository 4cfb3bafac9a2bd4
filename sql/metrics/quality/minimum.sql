-- minimum: smallest finite value of a number column
--
-- defines  value = min of the finite values
-- reads    comparisons
-- returns  comparison; value, reference_value: double in (-inf, inf); n_reference, n_production:
--          rows with a finite number
-- nulls    left out, NaN and infinities with them
-- source   textbook
select
    comparison,
    minimum_production as value,
    minimum_reference as reference_value,
    n_reference_finite as n_reference,
    n_production_finite as n_production
from comparisons
