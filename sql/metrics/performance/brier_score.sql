-- brier_score: how far scores are from what happened, squared
--
-- defines  value = sum of (score - happened)^2 / n, happened = 1 or 0: of the positive class, of three
--          classes or more summed over all
-- reads    reliability
-- returns  pair; side; value: double in [0, 2], up to 1 of two classes; n: rows counted; reason: text
-- nulls    rows without an actual or one of the scores are left out; null where a score is outside [0, 1]
-- source   scikit-learn, brier_score_loss
with

sides as (
    select
        pair,
        side,
        sum(n) as n,
        sum(case when bin < 0 then n else 0 end) as outside,
        fsum(brier order by bin) as total
    from reliability
    group by pair, side
)

select
    pair,
    side,
    case when outside = 0 then total / n end as value,
    n,
    case when outside > 0 then concat(outside, ' rows left no value: a score outside [0, 1] is no probability') end as reason
from sides
order by pair, side
