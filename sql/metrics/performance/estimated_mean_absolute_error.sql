-- estimated_mean_absolute_error: how far the model itself thinks its predictions are from what will happen
--
-- defines  value = sum of expected_error / n; n = rows that have one. reference_value = the mean absolute
--          error of the reference, as it happened. ci = value +- 1.96 standard errors of the mean
-- reads    errors
-- returns  pair; side; value: double in [0, inf), in the unit of the actual; n: rows counted; ci_low, ci_high: double
-- nulls    rows without a finite expected error are left out
-- source   Driftline's own; the expected error is the model's, columns.expected_error
select
    pair,
    side,
    case
        when side = 'production' and n_expected > 0 then expected / n_expected
        when side = 'reference' and n > 0 then absolute / n
    end as value,
    case when side = 'production' then n_expected else n end as n,
    case
        when n_expected > 1 then expected / n_expected - 1.959963984540054 * expected_deviation / sqrt(n_expected)
    end as ci_low,
    case
        when n_expected > 1 then expected / n_expected + 1.959963984540054 * expected_deviation / sqrt(n_expected)
    end as ci_high
from errors
order by pair, side
