/* driftline monitor=everything step=surrogate */
select
    0 as scan,
    window_id,
    segment,
    drawn_by,
    output,
    value_0,
    value_1
from (
    select
        window_id,
        '__all__' as segment,
        drawn_by,
        rank() over (
            partition by window_id
            order by drawn_by
        ) + count(*) over (
            partition by window_id, drawn_by
        ) - 1 as up_to,
        output,
        value_0,
        value_1
    from (
        select
            0 as window_id,
            md5(coalesce(cast("request ""id""" as varchar), '')) as drawn_by,
            case when cast("said" as double) <= cast('1.7976931348623157e+308' as double) or -cast("said" as double) < cast('-1.7976931348623157e+308' as double) then cast("said" as double) end as output,
            case when cast("amount" as double) <= cast('1.7976931348623157e+308' as double) or -cast("amount" as double) < cast('-1.7976931348623157e+308' as double) then cast("amount" as double) end as value_0,
            cast("country" as varchar) as value_1
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as production
    where output is not null
) as ranked
where up_to <= 10000
union all
select
    1 as scan,
    window_id,
    segment,
    drawn_by,
    output,
    value_0,
    value_1
from (
    select
        window_id,
        '__all__' as segment,
        drawn_by,
        rank() over (
            partition by window_id
            order by drawn_by
        ) + count(*) over (
            partition by window_id, drawn_by
        ) - 1 as up_to,
        output,
        value_0,
        value_1
    from (
        select
            0 as window_id,
            md5(coalesce(cast("request ""id""" as varchar), '')) as drawn_by,
            case when cast("said" as double) <= cast('1.7976931348623157e+308' as double) or -cast("said" as double) < cast('-1.7976931348623157e+308' as double) then cast("said" as double) end as output,
            case when cast("amount" as double) <= cast('1.7976931348623157e+308' as double) or -cast("amount" as double) < cast('-1.7976931348623157e+308' as double) then cast("amount" as double) end as value_0,
            cast("country" as varchar) as value_1
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as reference
    where output is not null
) as ranked
where up_to <= 10000
