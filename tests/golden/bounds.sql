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
    cast(max(cast(extract(epoch from "born") as double)) as double) as high_3
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
    cast(max(cast(extract(epoch from "born") as double)) as double) as high_3
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
