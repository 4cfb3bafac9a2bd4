-- binned: every bin of every comparison with its rows on both sides, empty bins included
--
-- numerical: by the feature's edges; categorical: the reference's values, other, and the new ones.
--
-- reads    intervals, categories, comparisons, members, features
-- returns  comparison; bin, from 0; kind: interval, point, category, other or new; label of a
--          category; lower_bound, upper_bound of a number (null where open); n_reference, n_production;
--          cell: the bin of the distances it counts in, null for none (no rows on either side), -2 for
--          new categories that are one; least, greatest: where a range ends that the outer bins are of
with

numerical as (
    select
        comparisons.comparison,
        intervals.bin,
        intervals.kind,
        null::varchar as label,
        intervals.lower_bound,
        intervals.upper_bound,
        intervals.n_reference::double as n_reference,
        intervals.n_production::double as n_production,
        case
            when features.keeps_empty or intervals.n_reference + intervals.n_production > 0 then
                intervals.bin
        end as cell,
        intervals.least,
        intervals.greatest
    from comparisons
    inner join features on features.feature = comparisons.feature
    inner join intervals on intervals.comparison = comparisons.comparison
    where comparisons.feature_type = 'numerical'
),

counted as (
    select
        comparisons.comparison,
        categories.kind,
        categories.value as label,
        sum(case when members.side = 'reference' then n else 0 end) as n_reference,
        sum(case when members.side = 'production' then n else 0 end) as n_production
    from comparisons
    inner join members on members.pair = comparisons.pair
    inner join categories
        on categories.scan = members.scan and categories.window_id = members.window_id
        and categories.segment = members.segment and categories.feature = comparisons.feature
    where comparisons.feature_type = 'categorical'
        and categories.kind in ('category', 'other', 'new')
    group by comparisons.comparison, categories.kind, categories.value
),

-- whose values they are: the primary reference's, or those of the pair's own reference
told as (
    select
        counted.*,
        features.own_categories,
        case
            when not features.own_categories then counted.kind
            when counted.n_reference > 0 then 'category'
            else 'new'
        end as told
    from counted
    inner join comparisons on comparisons.comparison = counted.comparison
    inner join features on features.feature = comparisons.feature
),

placed as (
    select
        comparison,
        row_number() over (
            partition by comparison
            order by
                case told when 'category' then 0 when 'other' then 1 else 2 end,
                label is null,
                case when told = 'new' then n_production else n_reference end desc,
                label
        ) - 1 as bin,
        told as kind,
        own_categories,
        label,
        n_reference::double as n_reference,
        n_production::double as n_production
    from told
),

categorical as (
    select
        comparison,
        bin,
        kind,
        label,
        null::double as lower_bound,
        null::double as upper_bound,
        n_reference,
        n_production,
        case
            when kind = 'new' and not own_categories then -2
            when n_reference + n_production > 0 then bin
        end as cell,
        null::double as least,
        null::double as greatest
    from placed
)

select * from numerical
union all
select * from categorical
order by comparison, bin
