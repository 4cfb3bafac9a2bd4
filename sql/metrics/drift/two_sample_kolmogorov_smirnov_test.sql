-- two_sample_kolmogorov_smirnov_test: probability of a gap this large without drift
--
-- defines  value = P(D >= statistic), statistic = max over x of |F(x) - G(x)|
--          F, G = share of the reference, of production at or below x, raw values
-- reads    steps, comparisons
-- returns  comparison; statistic: double in [0, 1]; below_reference, below_production: rows at or
--          below the x of the largest gap; n_reference, n_production: rows counted
-- nulls    null and NaN are not counted; infinities lie beyond every finite value
-- source   Hodges (1958), doi:10.1007/BF02589501; exact for n * m <= 1e6, else asymptotic (under
--          conventions: azure exact up to 10 000 rows a side, which is what SciPy chooses by itself)
with

gaps as (
    select
        steps.comparison,
        steps.low,
        steps.below_reference,
        steps.below_production,
        comparisons.n_reference,
        comparisons.n_production,
        abs(
            steps.below_reference / comparisons.n_reference
            - steps.below_production / comparisons.n_production
        ) as gap
    from steps
    inner join comparisons on comparisons.comparison = steps.comparison
    where comparisons.n_reference > 0 and comparisons.n_production > 0
)

select
    comparison,
    max(gap) as statistic,
    arg_max(below_reference, (gap, -low)) as below_reference,
    arg_max(below_production, (gap, -low)) as below_production,
    max(n_reference) as n_reference,
    max(n_production) as n_production
from gaps
group by comparison
