-- outside: production's finite numbers beyond the reference's range or given bounds, and its new values
--
-- reads    pairs, beyond, columns, categories, features
-- returns  pair, feature; below, above: rows of numbers; unseen: rows of categories that the primary
--          reference does not have, or the pair's own where the categories are the pair's
with

numbers as (
    select
        pairs.pair,
        p.feature,
        coalesce(beyond.below, 0)::double as below,
        coalesce(beyond.above, 0)::double as above
    from pairs
    inner join columns as p
        on p.scan = pairs.production_scan and p.window_id = pairs.production_window
        and p.segment = pairs.segment
    left join beyond on beyond.pair = pairs.pair and beyond.feature = p.feature
),

news as (
    select
        pairs.pair,
        p.feature,
        sum(p.n)::double as unseen
    from pairs
    inner join categories as p
        on p.scan = pairs.production_scan and p.window_id = pairs.production_window
        and p.segment = pairs.segment and p.kind in ('category', 'new')
    inner join features on features.feature = p.feature
    left join categories as r
        on r.scan = pairs.reference_scan and r.window_id = pairs.reference_window
        and r.segment = pairs.segment and r.feature = p.feature and r.value = p.value
        and r.kind in ('category', 'new')
    where case when features.own_categories then r.value is null else p.kind = 'new' end
    group by pairs.pair, p.feature
)

select
    numbers.*,
    news.unseen
from numbers
left join news on news.pair = numbers.pair and news.feature = numbers.feature
