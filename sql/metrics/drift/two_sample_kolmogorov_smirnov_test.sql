-- two_sample_kolmogorov_smirnov_test: probability of a gap this large without drift
--
-- defines  value = P(D >= statistic), statistic = max over x of |F(x) - G(x)|
--          F, G = share of the reference, of production at or below x, raw values
-- reads    gaps, comparisons
-- returns  comparison; statistic: double in [0, 1]; statistic_low, statistic_high: bounds that hold
--          it, alike where it is exact; below_reference, below_production: rows at or
--          below the x of the largest gap; n_reference, n_production: rows counted
-- nulls    null and NaN are not counted; infinities lie beyond every finite value
-- source   Hodges (1958), doi:10.1007/BF02589501; exact for n * m <= 1e6, else asymptotic (under
--          conventions: azure exact up to 10 000 rows a side, which is what SciPy chooses by itself)
select
    comparison,
    widest_low / 2 + widest_high / 2 as statistic,
    widest_low as statistic_low,
    widest_high as statistic_high,
    below_reference,
    below_production,
    n_reference,
    n_production
from gaps
inner join comparisons using (comparison)
