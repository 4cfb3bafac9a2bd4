-- normalized_wasserstein_distance: Wasserstein-1 distance in reference deviations, with a fixed floor
--
-- defines  value = W1 / max(s, 0.001), W1 = integral of |F(x) - G(x)| dx over the raw values
--          F, G = share of the reference, of production at or below x
--          s = the reference's sample deviation; of a single row or a constant 0
-- reads    gaps, comparisons
-- returns  comparison; value: double, reference deviations, in [0, inf); value_low, value_high: bounds
--          that hold it, alike where it is exact; unit: the divisor
-- nulls    null, NaN and infinities are left out; `reason` counts the infinities
-- source   Azure Machine Learning, model monitoring, normalized Wasserstein distance
with

units as (
    select
        comparison,
        -- without a deviation of several rows their squares leave the range of a double
        case
            when deviation_reference is not null or n_reference_finite < 2 then
                greatest(coalesce(deviation_reference, 0), 0.001::double)
        end as unit
    from comparisons
)

select
    comparison,
    (area_low / 2 + area_high / 2) / unit as value,
    area_low / unit as value_low,
    area_high / unit as value_high,
    unit
from gaps
inner join units using (comparison)
where area_low is not null
