/* driftline monitor=everything step=sample */
with drawn as (
    select
        cast("amount" as double) as value_0,
        cast("age" as double) as value_1,
        cast("price" as double) as value_2,
        cast(extract(epoch from "born") as double) as value_3,
        cast("said" as double) as value_4
    from "ml"."training"
    where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
)
select
    feature,
    max(case when place <= cast('0.0001' as double) then x end) as quantile_0,
    max(case when place <= cast('0.001' as double) then x end) as quantile_1,
    max(case when place <= cast('0.01' as double) then x end) as quantile_2,
    max(case when place <= cast('0.05' as double) then x end) as quantile_3,
    max(case when place <= cast('0.125' as double) then x end) as quantile_4,
    max(case when place <= cast('0.25' as double) then x end) as quantile_5,
    max(case when place <= cast('0.375' as double) then x end) as quantile_6,
    max(case when place <= cast('0.5' as double) then x end) as quantile_7,
    max(case when place <= cast('0.625' as double) then x end) as quantile_8,
    max(case when place <= cast('0.75' as double) then x end) as quantile_9,
    max(case when place <= cast('0.875' as double) then x end) as quantile_10,
    max(case when place <= cast('0.95' as double) then x end) as quantile_11,
    max(case when place <= cast('0.99' as double) then x end) as quantile_12,
    max(case when place <= cast('0.999' as double) then x end) as quantile_13,
    max(case when place <= cast('0.9999' as double) then x end) as quantile_14
from (
    select
        feature,
        x,
        percent_rank() over (partition by feature order by x) as place
    from (
select
    0 as feature,
    x
from (
    select value_0 as x
    from drawn
) as sampled
where x - x = 0
union all
select
    1 as feature,
    x
from (
    select value_1 as x
    from drawn
) as sampled
where x - x = 0
union all
select
    2 as feature,
    x
from (
    select value_2 as x
    from drawn
) as sampled
where x - x = 0
union all
select
    3 as feature,
    x
from (
    select value_3 as x
    from drawn
) as sampled
where x - x = 0
union all
select
    11 as feature,
    x
from (
    select cast("paid" as double) as x
    from driftline_joined_1
) as sampled
where x - x = 0
union all
select
    12 as feature,
    x
from (
    select value_4 as x
    from drawn
) as sampled
where x - x = 0
    ) as finite
) as placed
group by feature
