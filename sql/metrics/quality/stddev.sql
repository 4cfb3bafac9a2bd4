-- stddev: sample standard deviation of a number column
--
-- defines  value = sqrt(sum of (x - mean)^2 / (n - 1)) over the finite values, n of them; one value has none
-- reads    comparisons
-- returns  comparison; value, reference_value: double in [0, inf); n_reference, n_production: rows
--          with a finite number
-- nulls    left out, NaN and infinities with them
-- source   textbook, with the sample divisor n - 1
select
    comparison,
    deviation_production as value,
    deviation_reference as reference_value,
    n_reference_finite as n_reference,
    n_production_finite as n_production
from comparisons
