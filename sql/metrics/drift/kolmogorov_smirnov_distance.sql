-- kolmogorov_smirnov_distance: largest gap between the two cumulative distributions
--
-- defines  value = max over x of |F(x) - G(x)|
--          F, G = share of the reference, of production at or below x, raw values
-- reads    gaps
-- returns  comparison; value: double in [0, 1]; value_low, value_high: bounds that hold it, alike
--          where it is exact
-- nulls    null and NaN are not counted; infinities lie beyond every finite value
-- source   Smirnov (1939), On the estimation of the discrepancy between empirical curves
select
    comparison,
    widest_low / 2 + widest_high / 2 as value,
    widest_low as value_low,
    widest_high as value_high
from gaps
