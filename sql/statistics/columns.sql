-- columns: what each side of each column looks like, number, category or neither
--
-- reads    cells, histogram, ties, categories, filled, asked, scan_rows, centres, features, codes
-- returns  scan, window_id, segment, feature; row_count, null_count, nan_count, below_infinity,
--          above_infinity, type_error_count, n (rows counted: finite or infinite numbers, or
--          categories); distinct_count (null where not every value was seen), once (values seen in one
--          row), mean, deviation (sample), minimum, maximum of the finite numbers; zeros, empty_texts,
--          distinct_values where a metric asks for them, whole_values where the type does
with

coded as (
    select scan, window_id, segment, feature, bin, n from histogram where bin < 0
    union all
    select scan, window_id, segment, feature, bin, n from ties where bin < 0
    union all
    select
        scan,
        window_id,
        segment,
        feature,
        case kind when 'null' then -1 when 'nan' then -3 else -2 end as bin,
        n
    from categories
    where kind in ('null', 'nan', 'type_error')
),

faults as (
    select
        scan,
        window_id,
        segment,
        feature,
        sum(case when bin = -1 then n else 0 end) as null_count,
        sum(case when bin = -2 then n else 0 end) as type_error_count,
        sum(case when bin = -3 then n else 0 end) as nan_count,
        sum(case when bin = -4 then n else 0 end) as below_infinity,
        sum(case when bin = -5 then n else 0 end) as above_infinity
    from coded
    group by all
),

numbers as (
    select
        scan,
        window_id,
        segment,
        feature,
        sum(n) as finite,
        case when count(bin) = 0 then count(*) end as distinct_count,
        case when count(bin) = 0 then sum(case when n = 1 then 1 else 0 end) end as once,
        fsum(total order by low) / sum(n) as shift,
        min(low) as minimum,
        max(high) as maximum
    from cells
    group by all
),

reaches as (
    select
        scan,
        window_id,
        segment,
        feature,
        centre,
        shift,
        greatest(maximum - centre - shift, centre + shift - minimum) as reach
    from numbers
    inner join centres using (feature)
    where minimum < maximum
),

-- squares around each side's own mean, in units of its reach: no digits and no range are lost
spreads as (
    select
        scan,
        window_id,
        segment,
        feature,
        any_value(reach) as reach,
        fsum(
            case
                when bin is null then
                    n * ((low - centre - shift) / reach) * ((low - centre - shift) / reach)
                else (squares - shift * (total + total - n * shift)) / (reach * reach)
            end
            order by low
        ) as squares
    from cells
    inner join reaches using (scan, window_id, segment, feature)
    group by all
),

texts as (
    select
        scan,
        window_id,
        segment,
        feature,
        sum(n) as n,
        sum(distinct_count) as distinct_count,
        sum(once) as once,
        sum(allowed) as allowed
    from categories
    where kind in ('category', 'other', 'new')
    group by all
)

select
    scan_rows.scan,
    scan_rows.window_id,
    scan_rows.segment,
    features.feature,
    scan_rows.row_count::double as row_count,
    coalesce(faults.null_count, scan_rows.row_count - filled.filled, 0)::double as null_count,
    coalesce(faults.nan_count, 0)::double as nan_count,
    coalesce(faults.below_infinity, 0)::double as below_infinity,
    coalesce(faults.above_infinity, 0)::double as above_infinity,
    coalesce(faults.type_error_count, filled.misfits, 0)::double as type_error_count,
    coalesce(
        texts.n,
        coalesce(numbers.finite, 0)
            + coalesce(faults.below_infinity, 0) + coalesce(faults.above_infinity, 0)
    )::double as n,
    coalesce(numbers.finite, 0)::double as finite,
    coalesce(texts.distinct_count, numbers.distinct_count) as distinct_count,
    coalesce(texts.once, numbers.once) as once,
    -- null where a sum leaves the range of a double
    case when isfinite(numbers.shift) then centres.centre + numbers.shift end as mean,
    case
        when numbers.minimum = numbers.maximum and numbers.finite > 1 then 0
        when isfinite(spreads.reach) then
            spreads.reach * sqrt(greatest(spreads.squares, 0) / (numbers.finite - 1))
    end as deviation,
    numbers.minimum,
    numbers.maximum,
    texts.allowed,
    asked.zeros::double as zeros,
    asked.empty_texts::double as empty_texts,
    coalesce(asked.distinct_values, texts.distinct_count)::double as distinct_values,
    asked.whole_values
from scan_rows
cross join features
left join centres on centres.feature = features.feature
left join faults
    on faults.scan = scan_rows.scan and faults.window_id = scan_rows.window_id
    and faults.segment = scan_rows.segment and faults.feature = features.feature
left join numbers
    on numbers.scan = scan_rows.scan and numbers.window_id = scan_rows.window_id
    and numbers.segment = scan_rows.segment and numbers.feature = features.feature
left join spreads
    on spreads.scan = scan_rows.scan and spreads.window_id = scan_rows.window_id
    and spreads.segment = scan_rows.segment and spreads.feature = features.feature
left join texts
    on texts.scan = scan_rows.scan and texts.window_id = scan_rows.window_id
    and texts.segment = scan_rows.segment and texts.feature = features.feature
left join filled
    on filled.scan = scan_rows.scan and filled.window_id = scan_rows.window_id
    and filled.segment = scan_rows.segment and filled.feature = features.feature
left join asked
    on asked.scan = scan_rows.scan and asked.window_id = scan_rows.window_id
    and asked.segment = scan_rows.segment and asked.feature = features.feature
