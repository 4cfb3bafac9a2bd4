/* driftline monitor=everything step=arrivals */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    cast(count(id) as bigint) as ids,
    cast(count(distinct id) as bigint) as distinct_ids,
    cast(max(moment) as double) as newest
from (
    select
        0 as window_id,
        "request ""id""" as id,
        cast(extract(epoch from "scored_at") as double) as moment
    from "ml"."sco""red"
    where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
        and (amount >= 1 AND country <> 'test')
) as production
group by window_id
