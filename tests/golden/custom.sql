/* driftline monitor=everything step=custom */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    cast(count(*) as bigint) as row_count,
    cast(CAST(SUM(column_0 * column_1) AS DOUBLE) / COUNT(CASE WHEN column_2 <> 'it''s' THEN 1 END) as double) as value_0,
    cast(COUNT(DISTINCT column_3) as double) as value_1
from (
    select
        0 as window_id,
        "amount" as column_0,
        "age" as column_1,
        "country" as column_2,
        "it's ""odd""; drop" as column_3
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
    cast(CAST(SUM(column_0 * column_1) AS DOUBLE) / COUNT(CASE WHEN column_2 <> 'it''s' THEN 1 END) as double) as value_0,
    cast(COUNT(DISTINCT column_3) as double) as value_1
from (
    select
        0 as window_id,
        "amount" as column_0,
        "age" as column_1,
        "country" as column_2,
        "it's ""odd""; drop" as column_3
    from "ml"."training"
    where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
) as reference
group by window_id
