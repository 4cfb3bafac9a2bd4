-- each_category: rows of every category of a comparison, the new ones one by one
--
-- Whether a value is known depends on the reference's own rows, so that new ones, counted as a single
-- bin, are many even without drift. One by one they are what rare ones of the reference are.
-- Beyond the largest new ones their number and sum are known: those seen in one row, and the rest.
-- Where the reference's rare values are pooled as other, those join them.
--
-- reads    comparisons, members, scans, categories
-- returns  comparison; cell: its order; n_reference, n_production; categories: as many equal ones
with

counted as (
    select
        comparisons.comparison,
        categories.kind,
        categories.value,
        members.side,
        categories.n,
        categories.once,
        categories.distinct_count as categories,
        bool_or(categories.kind = 'other') over (
            partition by comparisons.comparison
        ) as has_other
    from comparisons
    inner join members on members.pair = comparisons.pair
    inner join categories
        on categories.scan = members.scan and categories.window_id = members.window_id
        and categories.segment = members.segment and categories.feature = comparisons.feature
    where comparisons.feature_type = 'categorical'
        and categories.kind in ('category', 'other', 'new')
),

split as (
    select comparison, kind, value, side, n, 1 as categories
    from counted
    where kind <> 'new' or value is not null
    union all
    select comparison, 'other', null, side, n, 1
    from counted
    where kind = 'new' and value is null and has_other
    union all
    select comparison, 'once', null, side, once, once
    from counted
    where kind = 'new' and value is null and not has_other
    union all
    select comparison, 'rest', null, side, n - once, categories - once
    from counted
    where kind = 'new' and value is null and not has_other
)

select
    comparison,
    row_number() over (partition by comparison order by kind, value) as cell,
    sum(case when side = 'reference' then n else 0 end)::double as n_reference,
    sum(case when side = 'production' then n else 0 end)::double as n_production,
    max(categories)::double as categories
from split
where n > 0
group by comparison, kind, value
order by comparison, cell
