/* driftline monitor=everything step=profile */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    cast(count(*) as bigint) as row_count,
    cast(count(value_0) as bigint) as count_0,
    cast(count(distinct value_1) as bigint) as count_1,
    cast(count(value_2) as bigint) as count_2,
    cast(count(distinct value_3) as bigint) as count_3,
    cast(count(value_4) as bigint) as count_4,
    cast(count(distinct value_5) as bigint) as count_5,
    cast(count(value_6) as bigint) as count_6,
    cast(count(distinct value_7) as bigint) as count_7,
    cast(count(value_8) as bigint) as count_8,
    cast(count(value_9) as bigint) as count_9,
    cast(count(value_10) as bigint) as count_10,
    cast(count(value_11) as bigint) as count_11,
    cast(count(value_12) as bigint) as count_12,
    cast(count(value_13) as bigint) as count_13
from (
    select
        0 as window_id,
        case when cast("amount" as double) = 0 then 1 end as value_0,
        case when cast("amount" as double) - cast("amount" as double) = 0 then cast("amount" as double) end as value_1,
        case when cast("age" as double) = 0 then 1 end as value_2,
        "age" as value_3,
        case when cast("price" as double) = 0 then 1 end as value_4,
        "price" as value_5,
        case when cast(extract(epoch from "born") as double) = 0 then 1 end as value_6,
        case when cast(extract(epoch from "born") as double) - cast(extract(epoch from "born") as double) = 0 then cast(extract(epoch from "born") as double) end as value_7,
        case when cast("country" as varchar) = '' then 1 end as value_8,
        case when case when "member" then 'true' when not "member" then 'false' end = '' then 1 end as value_9,
        case when cast("grade" as varchar) = '' then 1 end as value_10,
        "seen" as value_11,
        "seen" as value_12,
        case when cast("it's ""odd""; drop" as varchar) = '' then 1 end as value_13
    from "ml"."sco""red"
    where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
        and (amount >= 1 AND country <> 'test')
) as production
group by window_id
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    cast(count(*) as bigint) as row_count,
    cast(count(value_0) as bigint) as count_0,
    cast(count(distinct value_1) as bigint) as count_1,
    cast(count(value_2) as bigint) as count_2,
    cast(count(distinct value_3) as bigint) as count_3,
    cast(count(value_4) as bigint) as count_4,
    cast(count(distinct value_5) as bigint) as count_5,
    cast(count(value_6) as bigint) as count_6,
    cast(count(distinct value_7) as bigint) as count_7,
    cast(count(value_8) as bigint) as count_8,
    cast(count(value_9) as bigint) as count_9,
    cast(count(value_10) as bigint) as count_10,
    cast(count(value_11) as bigint) as count_11,
    cast(count(value_12) as bigint) as count_12,
    cast(count(value_13) as bigint) as count_13
from (
    select
        0 as window_id,
        case when cast("amount" as double) = 0 then 1 end as value_0,
        case when cast("amount" as double) - cast("amount" as double) = 0 then cast("amount" as double) end as value_1,
        case when cast("age" as double) = 0 then 1 end as value_2,
        "age" as value_3,
        case when cast("price" as double) = 0 then 1 end as value_4,
        "price" as value_5,
        case when cast(extract(epoch from "born") as double) = 0 then 1 end as value_6,
        case when cast(extract(epoch from "born") as double) - cast(extract(epoch from "born") as double) = 0 then cast(extract(epoch from "born") as double) end as value_7,
        case when cast("country" as varchar) = '' then 1 end as value_8,
        case when case when "member" then 'true' when not "member" then 'false' end = '' then 1 end as value_9,
        case when cast("grade" as varchar) = '' then 1 end as value_10,
        "seen" as value_11,
        "seen" as value_12,
        case when cast("it's ""odd""; drop" as varchar) = '' then 1 end as value_13
    from "ml"."training"
    where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
) as reference
group by window_id
;
/* driftline monitor=everything step=profile */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    cast(count(*) as bigint) as row_count,
    cast(count(value_0) as bigint) as count_0,
    cast(count(value_1) as bigint) as count_1,
    cast(count(value_2) as bigint) as count_2,
    cast(count(distinct value_3) as bigint) as count_3
from (
    select
        0 as window_id,
        case when case when "churned" then 'true' when not "churned" then 'false' end = '' then 1 end as value_0,
        case when cast("tar""iff" as varchar) = '' then 1 end as value_1,
        case when cast("paid" as double) = 0 then 1 end as value_2,
        case when cast("paid" as double) - cast("paid" as double) = 0 then cast("paid" as double) end as value_3
    from driftline_joined_0
) as production
group by window_id
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    cast(count(*) as bigint) as row_count,
    cast(count(value_0) as bigint) as count_0,
    cast(count(value_1) as bigint) as count_1,
    cast(count(value_2) as bigint) as count_2,
    cast(count(distinct value_3) as bigint) as count_3
from (
    select
        0 as window_id,
        case when case when "churned" then 'true' when not "churned" then 'false' end = '' then 1 end as value_0,
        case when cast("tar""iff" as varchar) = '' then 1 end as value_1,
        case when cast("paid" as double) = 0 then 1 end as value_2,
        case when cast("paid" as double) - cast("paid" as double) = 0 then cast("paid" as double) end as value_3
    from driftline_joined_1
) as reference
group by window_id
