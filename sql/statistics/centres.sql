-- centres: the constant that every sum of a feature is taken around, so that nothing cancels
--
-- reads    grids, ties, features
-- returns  feature; centre: double, the grid's, else the primary reference's median value
with

climbs as (
    select
        ties.feature,
        value,
        sum(n) over (partition by ties.feature order by value rows unbounded preceding) as below,
        sum(n) over (partition by ties.feature) as total
    from ties
    inner join scans on scans.scan = ties.scan
    where scans.is_primary and bin = 0
),

medians as (
    select
        feature,
        min(value) as median
    from climbs
    where 2 * below >= total
    group by feature
)

select
    features.feature,
    coalesce(grids.centre, medians.median, 0) as centre
from features
left join grids on grids.feature = features.feature
left join medians on medians.feature = features.feature
