-- normalized_wasserstein_distance: Wasserstein-1 distance in reference deviations
--
-- defines  value = W1 / unit, W1 = integral of |F(x) - G(x)| dx over the raw values
--          F, G = share of the reference, of production at or below x
--          unit = the reference's sample deviation; of a constant c: 0.001 * |c|, or 0.001 at c = 0
-- reads    gaps, comparisons
-- returns  comparison; value: double, reference deviations, in [0, inf); value_low, value_high: bounds
--          that hold it, alike where it is exact; unit: the divisor
-- nulls    null, NaN and infinities are left out; `reason` counts the infinities
-- source   Villani (2009), doi:10.1007/978-3-540-71050-9; Ramdas et al. (2017), doi:10.3390/e19020047
select
    comparison,
    (area_low / 2 + area_high / 2) / unit as value,
    area_low / unit as value_low,
    area_high / unit as value_high,
    unit
from gaps
inner join comparisons using (comparison)
where area_low is not null
