/* driftline monitor=several step=confusion */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    actual,
    predicted,
    cast(count(*) as bigint) as n,
    cast(count(given) as bigint) as labelled
from (
    select
        0 as window_id,
        "outcome" as given,
        cast("outcome" as varchar) as actual,
        case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end is null or case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end is null or case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end is null then null when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end and case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then 'it''s yes' when case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then 'no' else 'maybe' end as predicted
    from driftline_joined_0
) as production
group by window_id, actual, predicted
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    actual,
    predicted,
    cast(count(*) as bigint) as n,
    cast(count(given) as bigint) as labelled
from (
    select
        0 as window_id,
        "outcome" as given,
        cast("outcome" as varchar) as actual,
        case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end is null or case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end is null or case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end is null then null when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end and case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then 'it''s yes' when case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then 'no' else 'maybe' end as predicted
    from driftline_joined_1
) as reference
group by window_id, actual, predicted
;
/* driftline monitor=one step=confusion */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    actual,
    predicted,
    cast(count(*) as bigint) as n,
    cast(count(given) as bigint) as labelled
from (
    select
        0 as window_id,
        "happened" as given,
        case when "happened" then 'true' when not "happened" then 'false' end as actual,
        case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= (CASE WHEN "amount" > 9 THEN 1 ELSE "amount" END) then 'true' when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end < (CASE WHEN "amount" > 9 THEN 1 ELSE "amount" END) then 'not true' end as predicted
    from "ml"."sco""red"
    where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
        and (amount >= 1)
) as production
group by window_id, actual, predicted
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    actual,
    predicted,
    cast(count(*) as bigint) as n,
    cast(count(given) as bigint) as labelled
from (
    select
        0 as window_id,
        "happened" as given,
        case when "happened" then 'true' when not "happened" then 'false' end as actual,
        case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= (CASE WHEN "amount" > 9 THEN 1 ELSE "amount" END) then 'true' when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end < (CASE WHEN "amount" > 9 THEN 1 ELSE "amount" END) then 'not true' end as predicted
    from "ml"."training"
) as reference
group by window_id, actual, predicted
