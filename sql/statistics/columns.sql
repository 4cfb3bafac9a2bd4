-- columns: what each side of each column looks like, number, category or neither
--
-- reads    numbers, number_faults, categories, filled, asked, scan_rows, features
-- returns  scan, window_id, segment, feature; row_count, null_count, nan_count, below_infinity,
--          above_infinity, type_error_count, n (rows counted: finite or infinite numbers, or
--          categories); distinct_count (null where not every value was seen), once (values seen in one
--          row), mean, deviation (sample), minimum, maximum of the finite numbers; zeros, empty_texts,
--          distinct_values where a metric asks for them, whole_values where the type does
with

coded as (
    select
        scan, window_id, segment, feature,
        null_count, type_error_count, nan_count, below_infinity, above_infinity
    from number_faults
    union all
    select
        scan,
        window_id,
        segment,
        feature,
        case when kind = 'null' then n else 0 end,
        case when kind = 'type_error' then n else 0 end,
        case when kind = 'nan' then n else 0 end,
        0,
        0
    from categories
    where kind in ('null', 'nan', 'type_error')
),

faults as (
    select
        scan,
        window_id,
        segment,
        feature,
        sum(null_count) as null_count,
        sum(type_error_count) as type_error_count,
        sum(nan_count) as nan_count,
        sum(below_infinity) as below_infinity,
        sum(above_infinity) as above_infinity
    from coded
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
    numbers.mean,
    numbers.deviation,
    numbers.minimum,
    numbers.maximum,
    texts.allowed,
    asked.zeros::double as zeros,
    asked.empty_texts::double as empty_texts,
    coalesce(asked.distinct_values, texts.distinct_count)::double as distinct_values,
    asked.whole_values
from scan_rows
cross join features
left join faults
    on faults.scan = scan_rows.scan and faults.window_id = scan_rows.window_id
    and faults.segment = scan_rows.segment and faults.feature = features.feature
left join numbers
    on numbers.scan = scan_rows.scan and numbers.window_id = scan_rows.window_id
    and numbers.segment = scan_rows.segment and numbers.feature = features.feature
left join texts
    on texts.scan = scan_rows.scan and texts.window_id = scan_rows.window_id
    and texts.segment = scan_rows.segment and texts.feature = features.feature
left join filled
    on filled.scan = scan_rows.scan and filled.window_id = scan_rows.window_id
    and filled.segment = scan_rows.segment and filled.feature = features.feature
left join asked
    on asked.scan = scan_rows.scan and asked.window_id = scan_rows.window_id
    and asked.segment = scan_rows.segment and asked.feature = features.feature
