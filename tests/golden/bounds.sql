/* driftline monitor=everything step=bounds */
select
    0 as scan,
    cast(min("amount") as double) as low_0,
    cast(max("amount") as double) as high_0,
    cast(min("age") as double) as low_1,
    cast(max("age") as double) as high_1,
    cast(min("price") as double) as low_2,
    cast(max("price") as double) as high_2,
    cast(min(cast(extract(epoch from "born") as double)) as double) as low_3,
    cast(max(cast(extract(epoch from "born") as double)) as double) as high_3,
    cast(min("said") as double) as low_4,
    cast(max("said") as double) as high_4
from "ml"."sco""red"
union all
select
    1 as scan,
    cast(min("amount") as double) as low_0,
    cast(max("amount") as double) as high_0,
    cast(min("age") as double) as low_1,
    cast(max("age") as double) as high_1,
    cast(min("price") as double) as low_2,
    cast(max("price") as double) as high_2,
    cast(min(cast(extract(epoch from "born") as double)) as double) as low_3,
    cast(max(cast(extract(epoch from "born") as double)) as double) as high_3,
    cast(min("said") as double) as low_4,
    cast(max("said") as double) as high_4
from "ml"."training"
;
/* driftline monitor=everything step=bounds */
select
    0 as scan,
    cast(min("paid") as double) as low_0,
    cast(max("paid") as double) as high_0
from driftline_joined_0
union all
select
    1 as scan,
    cast(min("paid") as double) as low_0,
    cast(max("paid") as double) as high_0
from driftline_joined_1
;
/* driftline monitor=everything step=bounds */
select
    0 as scan,
    cast(min(case when cast("x" as double) - cast("x" as double) = 0 then cast("x" as double) end) as double) as low_0,
    cast(max(case when cast("x" as double) - cast("x" as double) = 0 then cast("x" as double) end) as double) as high_0
from "ml"."by"
where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
union all
select
    1 as scan,
    cast(min(case when cast("x" as double) - cast("x" as double) = 0 then cast("x" as double) end) as double) as low_0,
    cast(max(case when cast("x" as double) - cast("x" as double) = 0 then cast("x" as double) end) as double) as high_0
from "ml"."before"
where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
