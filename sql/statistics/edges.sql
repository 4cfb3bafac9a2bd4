-- edges: where the bins of every numerical feature start, decided by the primary reference
--
-- quantile: values that alone hold 1 / count of the rows are points; each gap of share g between
-- points gets max(1, round(g * count)) intervals at its own quantiles (the smallest value v with
-- F(v) at or above the wanted share). equal_width: equal steps over the finite range. edges: given.
--
-- reads    cells, scans, rules, given
-- returns  feature; kind: interval or point; start: the interval's lower end (open after a point,
--          -infinity for the first), or the point itself; settled: false while it is only known to
--          lie in a fine bin
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

widths as (
    select
        feature,
        min(low) as low,
        max(high) as high,
        any_value(count) as count
    from counted
    where rule = 'equal_width'
    group by feature
),

wanted as (
    select
        feature,
        low + step * (high - low) / count as start
    from widths
    cross join range(1, 1000) as steps(step)
    where step < count
    union
    select feature, start from given
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
        wanted.feature,
        wanted.start,
        count(fine.feature) = 0 as settled
    from wanted
    left join fine
        on fine.feature = wanted.feature
        and fine.low < wanted.start
        and fine.high >= wanted.start
    group by wanted.feature, wanted.start
)

select feature, 'interval' as kind, '-infinity'::double as start, true as settled from rules
union
select feature, 'interval', start, settled from quantiles
union
select feature, 'interval', start, settled from fixed
union
select feature, 'interval', low, true from points
union
-- too many rows in one fine bin: it may hide a point
select feature, 'point', low, bin is null from heavy
