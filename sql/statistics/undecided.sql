-- undecided: fine bins whose single values can still change a result
--
-- reads    active (features still in question), cells, steps, scans, edges, bounds_given, features,
--          asked, scan_rows
-- returns  feature, bin; heavy: the bin may hide a point, which moves every other edge
with

counted as (
    select
        comparison,
        steps.feature,
        bin,
        n_reference,
        n_production,
        below_reference,
        below_production,
        max(below_reference) over everything as all_reference,
        max(below_production) over everything as all_production,
        -- infinities are the first and the last step of D; W1 leaves them out
        min(below_reference) filter (low = '-infinity') over everything as least_reference,
        min(below_production) filter (low = '-infinity') over everything as least_production,
        sum(n_reference) filter (isfinite(low)) over everything as finite_reference,
        sum(n_production) filter (isfinite(low)) over everything as finite_production
    from steps
    inner join active on active.feature = steps.feature
    window everything as (partition by comparison)
),

gaps as (
    select
        comparison,
        feature,
        bin,
        n_reference / all_reference as p,
        n_production / all_production as q,
        below_reference / all_reference - below_production / all_production as after_,
        n_reference / finite_reference as p_finite,
        n_production / finite_production as q_finite,
        (below_reference - coalesce(least_reference, 0)) / finite_reference
            - (below_production - coalesce(least_production, 0)) / finite_production as after_finite
    from counted
),

widest as (
    select
        comparison,
        max(abs(after_)) as widest
    from gaps
    group by comparison
),

-- inside a bin the gap of the two distributions runs from before - q to before + p: D needs the
-- bins where it may grow beyond the widest known, W1 those where it may change its sign
open_distances as (
    select feature, bin
    from (
        select
            *,
            after_ - p + q as before_,
            after_finite - p_finite + q_finite as before_finite
        from gaps
        where bin is not null
    ) as bins
    inner join widest on widest.comparison = bins.comparison
    where before_ + p > widest
        or q - before_ > widest
        or (before_finite - q_finite < 0 and before_finite + p_finite > 0)
),

fine as (
    select
        cells.feature,
        bin,
        min(low) as low,
        max(high) as high
    from cells
    inner join active on active.feature = cells.feature
    where bin is not null
    group by cells.feature, bin
),

totals as (
    select
        scan,
        window_id,
        segment,
        cells.feature,
        max(below) as all_rows,
        min(low) as least_value,
        max(high) as greatest_value,
        count(*) as cells
    from cells
    inner join active on active.feature = cells.feature
    group by all
),

open_quantiles as (
    select cells.feature, cells.bin
    from cells
    inner join totals using (scan, window_id, segment, feature)
    cross join (values (5), (25), (50), (75), (95)) as shares(share)
    where cells.bin is not null
        and cells.below * 100 >= all_rows * share
        and (cells.below - cells.n) * 100 < all_rows * share
),

-- an end of a reference's range, a given bound, or an edge of a report bin inside a fine bin
limits as (
    select feature, least_value as limit_ from totals
    inner join scans on scans.scan = totals.scan and scans.side = 'reference'
    union
    select feature, greatest_value from totals
    inner join scans on scans.scan = totals.scan and scans.side = 'reference'
    union
    select feature, lower_bound from bounds_given
    union
    select feature, upper_bound from bounds_given
    union
    select feature, start from edges where not settled
),

open_limits as (
    select fine.feature, fine.bin
    from fine
    inner join limits
        on limits.feature = fine.feature and fine.low <= limit_ and fine.high >= limit_
),

-- whole numbers in so few bins, or counted to be so few, may be few enough to be categories
open_types as (
    select fine.feature, fine.bin
    from fine
    inner join features on features.feature = fine.feature and features.may_be_categorical
    inner join totals on totals.feature = fine.feature
    inner join scans on scans.scan = totals.scan and scans.is_primary
    inner join scan_rows
        on scan_rows.scan = totals.scan and scan_rows.window_id = totals.window_id
        and scan_rows.segment = totals.segment
    left join asked
        on asked.scan = totals.scan and asked.window_id = totals.window_id
        and asked.segment = totals.segment and asked.feature = totals.feature
    where case
        when features.most_distinct_share is null then totals.cells <= features.most_distinct
        else asked.whole_values < features.most_distinct_share * scan_rows.row_count
    end
),

-- a monotone grid never lets one bin reach into the next; if one does, every value is read
torn as (
    select distinct feature
    from (
        select
            feature,
            low <= lag(high) over (partition by feature order by low, high) as reaches_back
        from fine
    ) as neighbours
    where reaches_back
),

open as (
    select * from open_distances
    union
    select * from open_quantiles
    union
    select * from open_limits
    union
    select * from open_types
    union
    select fine.feature, fine.bin
    from fine
    inner join torn on torn.feature = fine.feature
)

select
    open.feature,
    open.bin,
    count(edges.feature) > 0 as heavy
from open
inner join fine on fine.feature = open.feature and fine.bin = open.bin
left join edges
    on edges.feature = open.feature and edges.kind = 'point' and not edges.settled
    and edges.start between fine.low and fine.high
group by open.feature, open.bin
