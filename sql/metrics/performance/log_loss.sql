-- log_loss: how surprised scores are by what happened
--
-- defines  value = sum of -ln(score of the class that happened) / n; scores below 2^-52 are 2^-52
-- reads    reliability
-- returns  pair; side; value: double in [0, inf), nats; n: rows counted; reason: text
-- nulls    rows without an actual or one of the scores are left out; null where a score is outside [0, 1]
-- source   scikit-learn, log_loss
with

sides as (
    select
        pair,
        side,
        sum(n) as n,
        sum(case when bin < 0 then n else 0 end) as outside,
        fsum(loss order by bin) as total
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
