-- kolmogorov_smirnov_distance: largest gap between the two cumulative distributions
--
-- defines  value = max over x of |F(x) - G(x)|
--          F, G = share of the reference, of production at or below x, raw values
-- reads    steps, comparisons
-- returns  comparison; value: double in [0, 1]
-- nulls    null and NaN are not counted; infinities lie beyond every finite value
-- source   Smirnov (1939), On the estimation of the discrepancy between empirical curves
with

climbs as (
    select
        steps.comparison,
        steps.below_reference / nullif(comparisons.n_reference, 0) as f,
        steps.below_production / nullif(comparisons.n_production, 0) as g
    from steps
    inner join comparisons on comparisons.comparison = steps.comparison
)

select
    comparison,
    max(abs(f - g)) as value
from climbs
group by comparison
