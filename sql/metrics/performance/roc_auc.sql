-- roc_auc: how often rows of a class have a higher score for it than other rows
--
-- defines  value = wins / (2 * positives * negatives); wins = twice the pairs of a row of the class and another
--          in which the first has the higher score, ties by half. Of three classes or more the mean over
--          the classes. ci = value +- 1.96 * sqrt(s10 / positives + s01 / negatives), s10 and s01 the
--          sample variances, over each side's rows, of the share of the other side that is outscored;
--          within [0, 1], and of one score alone
-- reads    ranks
-- returns  pair; side; value: double in [0, 1]; n: rows counted; ci_low, ci_high: double; reason: text
-- nulls    rows without an actual or the score are left out; null where all are of one class
-- source   Hanley and McNeil (1982), doi:10.1148/radiology.143.1.7063747; DeLong, DeLong and Clarke-Pearson (1988),
--          doi:10.2307/2531595; scikit-learn, roc_auc_score with multi_class="ovr"
with

areas as (
    select
        pair,
        side,
        target,
        positives,
        negatives,
        positives > 0 and negatives > 0 as computable,
        positives > 1 and negatives > 1 as varies,
        wins / (2 * positives * negatives) as area,
        1 - wins / (2 * positives * negatives) as rest,
        missed,
        passed
    from ranks
),

spreads as (
    select
        pair,
        side,
        target,
        positives + negatives as rows,
        case when computable then area end as area,
        case
            when varies
                then sqrt(greatest(0, (missed - positives * rest * rest) / (positives - 1) / positives)
                          + greatest(0, (passed - negatives * rest * rest) / (negatives - 1) / negatives))
        end as error
    from areas
),

means as (
    select
        pair,
        side,
        fsum(area order by target) / count(area) as value,
        max(rows) as n,
        case when count(*) = 1 then max(error) end as error,
        string_agg(case when area is null then target end, ', ' order by target) as silent
    from spreads
    group by pair, side
)

select
    pair,
    side,
    value,
    n,
    case when error is not null then greatest(0, value - 1.959963984540054 * error) end as ci_low,
    case when error is not null then least(1, value + 1.959963984540054 * error) end as ci_high,
    case when silent is not null then concat('all rows or none are of the class ', silent) end as reason
from means
order by pair, side
