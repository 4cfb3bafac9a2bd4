-- binned: every bin of every comparison with its rows on both sides, empty bins included
--
-- numerical: edges decided once; categorical: the reference's values, other, and the new ones.
--
-- reads    steps, edges, categories, comparisons, members, scans
-- returns  comparison; bin, from 0; kind: interval, point, category, other or new; label of a
--          category; lower_bound, upper_bound of a number (null where open); n_reference, n_production
with

numbered as (
    select
        feature,
        kind,
        start,
        row_number() over ordered - 1 as bin,
        case when kind = 'point' then start else lead(start) over ordered end as until_
    from (select distinct feature, kind, start from edges)
    window ordered as (partition by feature order by start, kind desc)
),

intervals as (
    select * from numbered where kind = 'interval'
),

points as (
    select * from numbered where kind = 'point'
),

assigned as (
    select
        steps.comparison,
        coalesce(points.bin, intervals.bin) as bin,
        sum(steps.n_reference) as n_reference,
        sum(steps.n_production) as n_production
    from (
        select steps.*
        from steps
        inner join comparisons
            on comparisons.comparison = steps.comparison
            and comparisons.feature_type = 'numerical'
    ) as steps
    asof left join intervals
        on intervals.feature = steps.feature and steps.low >= intervals.start
    left join points
        on points.feature = steps.feature and steps.low = points.start
    group by all
),

numerical as (
    select
        comparisons.comparison,
        numbered.bin,
        numbered.kind,
        null::varchar as label,
        case when isfinite(numbered.start) then numbered.start end as lower_bound,
        numbered.until_ as upper_bound,
        coalesce(assigned.n_reference, 0) as n_reference,
        coalesce(assigned.n_production, 0) as n_production
    from comparisons
    inner join numbered on numbered.feature = comparisons.feature
    left join assigned
        on assigned.comparison = comparisons.comparison and assigned.bin = numbered.bin
    where comparisons.feature_type = 'numerical'
),

counted as (
    select
        comparisons.comparison,
        categories.kind,
        categories.value as label,
        sum(case when members.side = 'reference' then n else 0 end) as n_reference,
        sum(case when members.side = 'production' then n else 0 end) as n_production,
        sum(case when scans.is_primary then n else 0 end) as n_primary
    from comparisons
    inner join members on members.pair = comparisons.pair
    inner join scans on scans.scan = members.scan
    inner join categories
        on categories.scan = members.scan and categories.window_id = members.window_id
        and categories.segment = members.segment and categories.feature = comparisons.feature
    where comparisons.feature_type = 'categorical'
        and categories.kind in ('category', 'other', 'new')
    group by comparisons.comparison, categories.kind, categories.value
),

categorical as (
    select
        comparison,
        row_number() over (
            partition by comparison
            order by
                case kind when 'category' then 0 when 'other' then 1 else 2 end,
                label is null,
                case when kind = 'new' then n_production else n_reference end desc,
                label
        ) - 1 as bin,
        kind,
        label,
        null::double as lower_bound,
        null::double as upper_bound,
        n_reference::double as n_reference,
        n_production::double as n_production
    from counted
)

select * from numerical
union all
select * from categorical
order by comparison, bin
