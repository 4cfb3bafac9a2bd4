-- expected_calibration_error: how far scores are from how often it happens
--
-- defines  value = sum over 10 bins of equal width of |hits - sum of x| / n; x = the score of the positive
--          class, of three classes or more that of the predicted one; hits = rows where that happened.
--          reference_value = what a perfect model scores with as many rows by chance: sum over the bins of
--          sqrt(2 / pi * sum of x * (1 - x)) / n
-- reads    reliability
-- returns  pair; side; value, reference_value: double in [0, 1]; n: rows counted; reason: text
-- nulls    rows without an actual or one of the scores are left out; null where a score is outside [0, 1]
-- source   Naeini, Cooper and Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning
with

sides as (
    select
        pair,
        side,
        sum(n) as n,
        sum(case when bin < 0 then n else 0 end) as outside,
        fsum(abs(hits - x) order by bin) as apart,
        fsum(sqrt(2 / pi() * doubt) order by bin) as by_chance
    from reliability
    group by pair, side
)

select
    pair,
    side,
    case when outside = 0 then least(apart / n, 1) end as value,
    case when outside = 0 then least(by_chance / n, 1) end as reference_value,
    n,
    case when outside > 0 then concat(outside, ' rows left no value: a score outside [0, 1] is no probability') end as reason
from sides
order by pair, side
