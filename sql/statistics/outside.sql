-- outside: production's finite numbers beyond the reference's range, or beyond given bounds
--
-- reads    pairs, cells, columns, bounds_given
-- returns  pair, feature; below, above: rows
select
    pairs.pair,
    p.feature,
    coalesce(sum(case
        when cells.low < coalesce(bounds_given.lower_bound, r.minimum) then cells.n
    end), 0)::double as below,
    coalesce(sum(case
        when cells.high > coalesce(bounds_given.upper_bound, r.maximum) then cells.n
    end), 0)::double as above
from pairs
inner join columns as p
    on p.scan = pairs.production_scan and p.window_id = pairs.production_window
    and p.segment = pairs.segment
inner join columns as r
    on r.scan = pairs.reference_scan and r.window_id = pairs.reference_window
    and r.segment = pairs.segment and r.feature = p.feature
left join bounds_given on bounds_given.feature = p.feature
left join cells
    on cells.scan = p.scan and cells.window_id = p.window_id and cells.segment = p.segment
    and cells.feature = p.feature
group by pairs.pair, p.feature
