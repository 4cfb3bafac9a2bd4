-- normalized_wasserstein_distance: Wasserstein-1 distance in reference deviations, with a fixed floor
--
-- defines  value = W1 / max(s, 0.001), W1 = integral of |F(x) - G(x)| dx over the raw values
--          F, G = share of the reference, of production at or below x
--          s = the reference's sample deviation; of a single row or a constant 0
-- reads    steps, comparisons
-- returns  comparison; value: double, reference deviations, in [0, inf); unit: the divisor
-- nulls    null, NaN and infinities are left out; `reason` counts the infinities
-- source   Azure Machine Learning, model monitoring, normalized Wasserstein distance
with

climbs as (
    select
        steps.comparison,
        low,
        high,
        next_low,
        -- without a deviation of several rows their squares leave the range of a double
        case
            when deviation_reference is not null or n_reference_finite < 2 then
                greatest(coalesce(deviation_reference, 0), 0.001::double)
        end as unit,
        (below_reference - below_infinity_reference) / nullif(n_reference_finite, 0)
            - (below_production - below_infinity_production) / nullif(n_production_finite, 0) as gap,
        steps.n_reference / nullif(n_reference_finite, 0)
            - steps.n_production / nullif(n_production_finite, 0) as climb,
        -- the rows' mean distance to the cell's end, weighted by the cell's share of each side
        room_reference / nullif(n_reference_finite, 0)
            - room_production / nullif(n_production_finite, 0) as room
    from steps
    inner join comparisons on comparisons.comparison = steps.comparison
    where isfinite(low)
),

areas as (
    select
        comparison,
        unit,
        low,
        abs((gap - climb) * (high - low) + room)
            + case when isfinite(next_low) then abs(gap) * (next_low - high) else 0 end as area
    from climbs
)

select
    comparison,
    fsum(area order by low) / any_value(unit) as value,
    any_value(unit) as unit
from areas
group by comparison
