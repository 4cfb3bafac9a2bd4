/* driftline monitor=everything step=listed_importances */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    name,
    cast(count(try_cast(x as bigint)) as bigint) as n,
    cast(sum(try_cast(x as bigint)) as double) as total
from (
    select
        0 as window_id,
        cast("the ""name""" as varchar) as name,
        abs(cast("x" as double)) * cast('1.0' as double) /* power of two, from the bounds */ as x
    from "ml"."by"
    where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
) as production
group by window_id, name
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    name,
    cast(count(try_cast(x as bigint)) as bigint) as n,
    cast(sum(try_cast(x as bigint)) as double) as total
from (
    select
        0 as window_id,
        cast("the ""name""" as varchar) as name,
        abs(cast("x" as double)) * cast('1.0' as double) /* power of two, from the bounds */ as x
    from "ml"."before"
    where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
) as reference
group by window_id, name
