-- population_stability_index: population stability index, a row added to every bin
--
-- defines  value = sum over bins of (q - p) * ln(q / p)
--          p = (a + 1) / (n + k), q = (b + 1) / (m + k); a, b = rows of the reference, of production
--          in the bin; n, m = their totals; k = bins, those without a row on either side among them
-- reads    bins
-- param    pseudocount: float = 1 in (0, 1]; rows added to every bin of both sides
-- returns  comparison; value: double, nats, in [0, inf), 0 when all counts agree
-- nulls    not counted; watch them with null_value_rate
-- source   Azure Machine Learning, model monitoring, population stability index
with

smoothed as (
    select
        comparison,
        bin,
        (n_reference + {{ pseudocount }}) / (
            sum(n_reference) over everything + {{ pseudocount }} * count(*) over everything
        ) as p,
        (n_production + {{ pseudocount }}) / (
            sum(n_production) over everything + {{ pseudocount }} * count(*) over everything
        ) as q
    from bins
    where p is not null and q is not null
    window everything as (partition by comparison)
)

select
    comparison,
    fsum((q - p) * ln(q / p) order by bin) as value
from smoothed
group by comparison
