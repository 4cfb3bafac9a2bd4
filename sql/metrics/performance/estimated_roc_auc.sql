-- estimated_roc_auc: how often rows of the positive class should have a higher score than others, without labels
--
-- defines  value = wins / (positives * negatives) + offset; wins = sum over parts in order of scores of
--          hits * (others below + others / 2); hits, others = expected rows of the positive class, of the other.
--          reference_value = the area of the reference; offset = it less the same sum over its own parts.
--          ci: 2.5 % and 97.5 % of 1000 draws of the shares and the rows
-- reads    forecast_parts, forecast_ends
-- returns  pair; side; value: double in [0, 1]; n: rows counted; ci_low, ci_high: double
-- nulls    rows without a prediction or a score are left out; null with other than two classes, or fewer than 2000
--          labelled rows in the reference
-- source   confidence-based performance estimation, as in NannyML's documentation; the intervals are Driftline's own
with

below as (
    select
        own.pair,
        own.side,
        own.place,
        own.hits,
        own.others,
        own.beyond,
        -- of the first part there are none
        coalesce(fsum(lower.others order by lower.place), 0) as lower_ones
    from forecast_parts as own
    left join forecast_parts as lower
        on lower.pair = own.pair and lower.side = own.side and lower.place < own.place
    group by all
),

areas as (
    select
        pair,
        side,
        fsum(hits * (lower_ones + others / 2) order by place) as wins,
        fsum(hits order by place) as positives,
        fsum(others order by place) as negatives,
        max(beyond) as beyond
    from below
    group by pair, side
)

select
    areas.pair,
    areas.side,
    case
        when positives > 0 and negatives > 0
            then greatest(0, least(1, wins / (positives * negatives) + beyond))
    end as value,
    round(positives + negatives) as n,
    forecast_ends.ci_low,
    forecast_ends.ci_high
from areas
left join forecast_ends
    on forecast_ends.pair = areas.pair and areas.side = 'production' and forecast_ends.metric = 'roc_auc'
order by areas.pair, areas.side
