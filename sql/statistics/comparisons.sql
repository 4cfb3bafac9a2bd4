-- comparisons: one row a feature of a pair (production window, reference, segment), both sides' counts
--
-- reads    pairs, numbered, features, columns, outside
-- returns  comparison, pair, feature, feature_type; rows_, n_, nulls_, nans_, type_errors_,
--          below_infinity_, above_infinity_, zeros_, empty_texts_, distinct_values_, mean_, deviation_,
--          minimum_, maximum_ of either side (`_reference`, `_production`); unit: W1's divisor; outside_production
--          (under_production, over_production), unseen_production: rows out of bounds, of new categories; outside_by_chance: rate that
--          chance alone gives
select
    numbered.comparison,
    pairs.pair,
    features.feature,
    features.feature_type,
    r.row_count as rows_reference,
    p.row_count as rows_production,
    r.n as n_reference,
    p.n as n_production,
    r.null_count as nulls_reference,
    p.null_count as nulls_production,
    r.nan_count as nans_reference,
    p.nan_count as nans_production,
    r.type_error_count as type_errors_reference,
    p.type_error_count as type_errors_production,
    r.finite as n_reference_finite,
    p.finite as n_production_finite,
    r.below_infinity as below_infinity_reference,
    p.below_infinity as below_infinity_production,
    r.above_infinity as above_infinity_reference,
    p.above_infinity as above_infinity_production,
    r.zeros as zeros_reference,
    p.zeros as zeros_production,
    r.empty_texts as empty_texts_reference,
    p.empty_texts as empty_texts_production,
    r.distinct_values as distinct_values_reference,
    p.distinct_values as distinct_values_production,
    r.mean as mean_reference,
    p.mean as mean_production,
    r.deviation as deviation_reference,
    p.deviation as deviation_production,
    r.minimum as minimum_reference,
    p.minimum as minimum_production,
    r.maximum as maximum_reference,
    p.maximum as maximum_production,
    case
        when r.deviation is null and r.finite > 1 then null
        when r.deviation > 1e-12::double * greatest(abs(r.minimum), abs(r.maximum)) then r.deviation
        -- a thousandth of the smallest numbers is 0: the least number stands for it
        when abs(r.minimum) > 0 then greatest(0.001::double * abs(r.minimum), 5e-324::double)
        else 0.001::double
    end as unit,
    case features.feature_type
        when 'numerical' then outside.below + outside.above + p.below_infinity + p.above_infinity
        when 'categorical' then coalesce(p.n - p.allowed, outside.unseen, 0)
    end as outside_production,
    outside.below + p.below_infinity as under_production,
    outside.above + p.above_infinity as over_production,
    case when features.feature_type = 'categorical' then coalesce(outside.unseen, 0) end as unseen_production,
    case
        when features.bounded then 0
        when r.n = 0 then null
        when features.feature_type = 'numerical' then 2 / (r.n + 1)
        else coalesce(r.once, 0) / r.n
    end as outside_by_chance
from pairs
inner join numbered on numbered.pair = pairs.pair
inner join features on features.feature = numbered.feature
inner join columns as r
    on r.scan = pairs.reference_scan and r.window_id = pairs.reference_window
    and r.segment = pairs.segment and r.feature = features.feature
inner join columns as p
    on p.scan = pairs.production_scan and p.window_id = pairs.production_window
    and p.segment = pairs.segment and p.feature = features.feature
left join outside
    on outside.pair = pairs.pair and outside.feature = features.feature
order by comparison
