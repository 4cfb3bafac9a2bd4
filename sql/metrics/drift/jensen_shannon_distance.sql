-- jensen_shannon_distance: Jensen-Shannon distance of the binned shares
--
-- defines  value = sqrt(JS / ln 2), JS = sum over bins of (p + q)/2 * (u * atanh u + ln(1 - u^2)/2),
--          u = (q - p) / (p + q); p, q = share of the reference, of production in the bin
-- reads    bins
-- returns  comparison; value: double, square root of bits, in [0, 1], 0 when all shares agree
-- nulls    not counted; watch them with null_value_rate
-- source   Lin (1991), doi:10.1109/18.61115; Endres and Schindelin (2003), doi:10.1109/TIT.2003.813506
with

leanings as (
    select
        comparison,
        bin,
        (p + q) / 2 as weight,
        (q - p) / (p + q) as u
    from bins
    where p + q > 0
),

divergences as (
    select
        comparison,
        bin,
        weight,
        -- atanh(u^2 / (2 - u^2)) is -ln(1 - u^2)/2 without the loss of digits near u = 0
        case when abs(u) < 1 then u * atanh(u) - atanh(u * u / (2 - u * u)) else ln(2) end as nats
    from leanings
)

select
    comparison,
    sqrt(greatest(fsum(weight * nats order by bin), 0) / ln(2)) as value
from divergences
group by comparison
