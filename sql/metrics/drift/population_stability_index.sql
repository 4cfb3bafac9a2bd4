-- population_stability_index: population stability index of the binned shares
--
-- defines  value = sum over bins of (q - p) * ln(q / p)
--          p, q = smoothed share of the reference, of production in the bin
-- reads    bins
-- param    pseudocount: float = 0.5 in (0, 1]; rows added to every bin of both sides
-- returns  comparison; value: double, nats, in [0, inf), 0 when all shares agree
-- nulls    not counted; watch them with null_value_rate
-- source   Jeffreys (1946), doi:10.1098/rspa.1946.0056, the symmetric divergence
with

smoothed as (
    select
        comparison,
        bin,
        n_reference + {{ pseudocount }} as weight_reference,
        n_production + {{ pseudocount }} as weight_production
    from bins
    where p is not null and q is not null
),

shares as (
    select
        comparison,
        bin,
        weight_reference / sum(weight_reference) over (partition by comparison) as p,
        weight_production / sum(weight_production) over (partition by comparison) as q
    from smoothed
)

select
    comparison,
    fsum((q - p) * ln(q / p) order by bin) as value
from shares
group by comparison
