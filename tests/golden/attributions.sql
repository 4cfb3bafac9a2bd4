/* driftline monitor=everything step=attributions */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    cast(count(try_cast(value_0 as bigint)) as bigint) as count_0,
    cast(sum(try_cast(value_0 as bigint)) as double) as total_0,
    cast(count(cast(value_1 as bigint)) as bigint) as count_1,
    cast(sum(cast(value_1 as bigint)) as double) as total_1
from (
    select
        0 as window_id,
        abs(cast("by'amount" as double)) * cast('1.0' as double) /* power of two, from the bounds */ as value_0,
        abs(cast("by'age" as double)) * cast('1.0' as double) /* power of two, from the bounds */ as value_1
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
    cast(count(try_cast(value_0 as bigint)) as bigint) as count_0,
    cast(sum(try_cast(value_0 as bigint)) as double) as total_0,
    cast(count(cast(value_1 as bigint)) as bigint) as count_1,
    cast(sum(cast(value_1 as bigint)) as double) as total_1
from (
    select
        0 as window_id,
        abs(cast("by'amount" as double)) * cast('1.0' as double) /* power of two, from the bounds */ as value_0,
        abs(cast("by'age" as double)) * cast('1.0' as double) /* power of two, from the bounds */ as value_1
    from "ml"."training"
    where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
) as reference
group by window_id
