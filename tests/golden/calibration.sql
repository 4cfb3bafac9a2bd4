/* driftline monitor=several step=calibration */
select
    0 as scan,
    1 as cut_by,
    window_id,
    '__all__' as segment,
    actual,
    predicted,
    part,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        actual,
        predicted,
        case when score < cast('0.5' as double) /* edge, from the reference's scores */ then 0 else 1 end as part
    from (
        select
            0 as window_id,
            cast(null as varchar) as actual,
            case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end is null or case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end is null or case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end is null then null when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end and case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then 'it''s yes' when case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then 'no' else 'maybe' end as predicted,
            case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end is null or case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end is null or case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end is null then null when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end and case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end when case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end else case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end end as score
        from driftline_joined_0
    ) as scored
    where predicted is not null and score is not null
) as production
group by window_id, actual, predicted, part
union all
select
    1 as scan,
    1 as cut_by,
    window_id,
    '__all__' as segment,
    actual,
    predicted,
    part,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        actual,
        predicted,
        case when score < cast('0.5' as double) /* edge, from the reference's scores */ then 0 else 1 end as part
    from (
        select
            0 as window_id,
            cast("outcome" as varchar) as actual,
            case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end is null or case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end is null or case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end is null then null when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end and case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then 'it''s yes' when case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then 'no' else 'maybe' end as predicted,
            case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end is null or case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end is null or case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end is null then null when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end and case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end when case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end else case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end end as score
        from driftline_joined_1
    ) as scored
    where predicted is not null and score is not null and actual is not null
) as reference
group by window_id, actual, predicted, part
;
/* driftline monitor=one step=calibration */
select
    0 as scan,
    1 as cut_by,
    window_id,
    '__all__' as segment,
    actual,
    predicted,
    part,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        actual,
        predicted,
        case when score < cast('0.5' as double) /* edge, from the reference's scores */ then 0 else 1 end as part
    from (
        select
            0 as window_id,
            cast(null as varchar) as actual,
            case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= (CASE WHEN "amount" > 9 THEN 1 ELSE "amount" END) then 'true' when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end < (CASE WHEN "amount" > 9 THEN 1 ELSE "amount" END) then 'not true' end as predicted,
            case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end as score
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1)
    ) as scored
    where predicted is not null and score is not null
) as production
group by window_id, actual, predicted, part
union all
select
    1 as scan,
    1 as cut_by,
    window_id,
    '__all__' as segment,
    actual,
    predicted,
    part,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        actual,
        predicted,
        case when score < cast('0.5' as double) /* edge, from the reference's scores */ then 0 else 1 end as part
    from (
        select
            0 as window_id,
            case when "happened" then 'true' when not "happened" then 'false' end as actual,
            case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= (CASE WHEN "amount" > 9 THEN 1 ELSE "amount" END) then 'true' when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end < (CASE WHEN "amount" > 9 THEN 1 ELSE "amount" END) then 'not true' end as predicted,
            case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end as score
        from "ml"."training"
    ) as scored
    where predicted is not null and score is not null and actual is not null
) as reference
group by window_id, actual, predicted, part
