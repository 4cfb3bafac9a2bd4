-- pearsons_chi_squared_test: probability of production's counts if the reference's shares hold
--
-- defines  value = P(X2 >= statistic), statistic = sum over categories of (b - f)^2 / f, f = a / n * m
--          a, b = rows of the reference, of production in the category; n, m = their totals; the law
--          is chi-squared with categories - 1 degrees of freedom; 0 where some f is 0
-- reads    bins
-- returns  comparison; statistic: double in [0, inf), null where it is infinite or has no law;
--          categories; unexpected: production's rows in categories that the reference does not have;
--          n_reference, n_production: rows counted; reason: why there is no value
-- nulls    not counted; watch them with null_value_rate
-- source   Azure Machine Learning, model monitoring, Pearson's chi-squared test: a goodness of fit
with

expected as (
    select
        comparison,
        bin,
        n_reference as a,
        n_production as b,
        sum(n_reference) over everything as n,
        sum(n_production) over everything as m
    from bins
    window everything as (partition by comparison)
),

fits as (
    select
        comparison,
        any_value(n) as n,
        any_value(m) as m,
        count(*) as categories,
        sum(case when a = 0 then b else 0 end) as unexpected,
        fsum(
            case when a > 0 then (b - a / n * m) * ((b - a / n * m) / (a / n * m)) end
            order by bin
        ) as statistic
    from expected
    where n > 0 and m > 0
    group by comparison
)

select
    comparison,
    case when categories > 1 and unexpected = 0 then statistic end as statistic,
    categories,
    unexpected,
    n as n_reference,
    m as n_production,
    case when categories = 1 then 'both sides have one and the same category: nothing to test' end
        as reason
from fits
