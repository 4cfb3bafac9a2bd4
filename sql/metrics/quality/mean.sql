-- mean: arithmetic mean of a number column
--
-- defines  value = sum of the finite values / their count
-- reads    comparisons
-- returns  comparison; value, reference_value: double in (-inf, inf); n_reference, n_production:
--          rows with a finite number
-- nulls    left out, NaN and infinities with them
-- source   textbook; sums are of distances from a fixed centre, so a spread of 1e6 around 1e12 keeps nine digits
select
    comparison,
    mean_production as value,
    mean_reference as reference_value,
    n_reference_finite as n_reference,
    n_production_finite as n_production
from comparisons
