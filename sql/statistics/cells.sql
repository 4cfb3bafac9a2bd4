-- cells: the finite numbers of every scan, as single values where decided, else as fine bins
--
-- reads    histogram, ties, refined (bins that ties replaces), scales, centres
-- returns  scan, window_id, segment, feature, bin (null for a single value), low, high, n;
--          below: rows of the scan up to the cell's end; total, squares: sums of x - centre and of
--          its square over the cell's rows
with

kept as (
    select
        histogram.scan,
        histogram.window_id,
        histogram.segment,
        histogram.feature,
        -- a bin that holds one value everywhere is that value
        case when min(low) over whole < max(high) over whole then histogram.bin end as bin,
        histogram.low,
        histogram.high,
        histogram.n,
        histogram.total / scales.total_scale as total,
        histogram.squares / scales.square_scale as squares
    from histogram
    inner join scales
        on scales.scan = histogram.scan and scales.feature = histogram.feature
    anti join refined
        on refined.feature = histogram.feature and refined.bin = histogram.bin
    where histogram.bin >= 0
    window whole as (partition by histogram.feature, histogram.bin)
),

singles as (
    select
        ties.scan,
        ties.window_id,
        ties.segment,
        ties.feature,
        null as bin,
        ties.value as low,
        ties.value as high,
        ties.n,
        ties.n * (ties.value - centres.centre) as total,
        ties.n * (ties.value - centres.centre) * (ties.value - centres.centre) as squares
    from ties
    inner join centres on centres.feature = ties.feature
    where ties.bin >= 0
),

merged as (
    select * from kept
    union all
    select * from singles
)

select
    *,
    sum(n) over (
        partition by scan, window_id, segment, feature
        order by low
        rows unbounded preceding
    )::bigint as below
from merged
