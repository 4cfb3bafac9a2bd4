-- edges: where the bins of every comparison of numbers start
--
-- By the primary reference, alike for all comparisons of a feature, but for shared_width.
-- quantile: values that alone hold 1 / count of the rows are points; each gap of share g between
-- points gets max(1, round(g * count)) intervals at its own quantiles (the smallest value v with
-- F(v) at or above the wanted share). equal_width: equal steps over the finite range. edges: given.
-- shared_width: ceil(log2(rows of the smaller side) + 1) equal steps over the finite range of both
-- sides; of a constant one bin, half a percent of it to either side.
--
-- reads    cells, scans, rules, given, numbered, steps
-- returns  comparison; feature; kind: interval or point; start: the interval's lower end (open after a
--          point, -infinity for the first), or the point itself; step: its place among those that start
--          at one number; settled: false while it is only known to lie in a fine bin; least, greatest:
--          the range of shared_width
with

counted as (
    select
        cells.feature,
        cells.bin,
        cells.low,
        cells.high,
        cells.n,
        cells.below,
        max(cells.below) over (partition by cells.feature) as total,
        rules.rule,
        rules.count
    from cells
    inner join scans on scans.scan = cells.scan and scans.is_primary
    inner join rules on rules.feature = cells.feature
),

heavy as (
    select * from counted where rule = 'quantile' and n * count >= total
),

points as (
    select * from heavy where bin is null
),

-- a gap is the rows after one point and before the next
gap_starts as (
    select feature, count, total, below as start_, low from points
    union all
    select feature, any_value(count), any_value(total), 0, '-infinity'::double
    from counted
    where rule = 'quantile'
    group by feature
),

gaps as (
    select
        gap_starts.feature,
        gap_starts.start_,
        gap_starts.total,
        gap_starts.count,
        coalesce(
            lead(points.below - points.n) over (
                partition by gap_starts.feature
                order by gap_starts.low
            ),
            gap_starts.total
        ) as end_
    from gap_starts
    left join points on points.feature = gap_starts.feature and points.low = gap_starts.low
),

shares as (
    select
        feature,
        start_,
        end_,
        end_ - start_ as gap_rows,
        greatest(1, round((end_ - start_) * count / total))::bigint as k
    from gaps
    where end_ > start_
),

quantiles as (
    select
        counted.feature,
        counted.low as start,
        counted.bin is null as settled
    from counted
    inner join shares
        on shares.feature = counted.feature
        and counted.below > shares.start_
        and counted.below <= shares.end_
    where least((counted.below - shares.start_) * shares.k // shares.gap_rows, shares.k - 1)
        > (counted.below - counted.n - shares.start_) * shares.k // shares.gap_rows
),

ranges as (
    select
        steps.comparison,
        steps.feature,
        min(case when isfinite(steps.low) then steps.low end) as low,
        max(case when isfinite(steps.high) then steps.high end) as high,
        least(sum(steps.n_reference), sum(steps.n_production)) as smaller
    from steps
    inner join rules on rules.feature = steps.feature and rules.rule = 'shared_width'
    group by steps.comparison, steps.feature
),

widths as (
    select
        numbered.comparison,
        counted.feature,
        min(counted.low) as low,
        max(counted.high) as high,
        any_value(counted.count) as count,
        null::double as pad
    from counted
    inner join numbered on numbered.feature = counted.feature
    where counted.rule = 'equal_width'
    group by numbered.comparison, counted.feature
    union all
    select
        comparison,
        feature,
        low,
        high,
        case when low < high then ceil(log2(greatest(smaller, 1)) + 1) else 1 end::bigint,
        case when low < high then 0 else 0.005::double * coalesce(nullif(abs(low), 0), 1) end
    from ranges
    where low is not null
),

wanted as (
    select
        comparison,
        feature,
        case
            when isfinite(count * (high - low)) then low + step * (high - low) / count
            -- the widest ranges leave that of a double
            else low + step * (high / count - low / count)
        end as start,
        case when pad is null then 0 else step end as step
    from widths
    cross join range(1, 1000) as counting(step)
    where step < count
    union
    select numbered.comparison, given.feature, given.start, 0
    from given
    inner join numbered on numbered.feature = given.feature
),

fine as (
    select
        feature,
        min(low) as low,
        max(high) as high
    from cells
    where bin is not null
    group by feature, bin
),

fixed as (
    select
        wanted.comparison,
        wanted.feature,
        wanted.start,
        wanted.step,
        count(fine.feature) = 0 as settled
    from wanted
    left join fine
        on fine.feature = wanted.feature
        and fine.low < wanted.start
        and fine.high >= wanted.start
    group by wanted.comparison, wanted.feature, wanted.start, wanted.step
),

alike as (
    select feature, 'interval' as kind, '-infinity'::double as start, true as settled from rules
    union
    select feature, 'interval', start, settled from quantiles
    union
    select feature, 'interval', low, true from points
    union
    -- too many rows in one fine bin: it may hide a point
    select feature, 'point', low, bin is null from heavy
),

placed as (
    select numbered.comparison, alike.feature, alike.kind, alike.start, 0 as step, alike.settled
    from alike
    inner join numbered on numbered.feature = alike.feature
    union
    select comparison, feature, 'interval', start, step, settled from fixed
)

select
    placed.*,
    widths.low - widths.pad as least,
    widths.high + widths.pad as greatest
from placed
left join widths on widths.comparison = placed.comparison
